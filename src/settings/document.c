#include "settings/document.h"

#include "settings/setting_set.h"

#define MARK "sternpost-settings"
enum { FORMAT = 1 };

/* -- export ----------------------------------------------------------------------------------------------- */

static void export_kind(const struct setting_set *s, const struct setting_kind *k, json_t *document)
{
    json_t *objects = json_object();
    char *text;

    for (size_t i = 0; i < s->len; i++) {
        if (s->items[i]->kind != k)
            continue;
        text = json_dumps(s->items[i]->fields, JSON_COMPACT);
        json_object_set_new(objects, s->items[i]->name.ptr, setting_shown(k, slice_str(text)));
        free(text);
    }
    json_object_set_new(document, k->name, objects);
}

enum status settings_export(const struct setting_row *rows, size_t rows_len, struct arena *arena, struct slice *out,
                            struct fault *why)
{
    const struct setting_kind *kinds;
    size_t kinds_len = setting_kinds(&kinds);
    json_t *document = json_pack("{s:i}", MARK, FORMAT);
    struct setting_set set;
    enum status st;
    char *text;

    setting_set_init(&set);
    st = setting_set_load(&set, rows, rows_len, why);
    for (size_t i = 0; i < kinds_len && st == OK; i++)
        export_kind(&set, &kinds[i], document);
    if (st == OK) {
        text = json_dumps(document, JSON_INDENT(2));
        *out = arena_printf(arena, "%s\n", text);
        free(text);
    }
    setting_set_release(&set);
    json_decref(document);
    return st;
}

/* -- apply ------------------------------------------------------------------------------------------------ */

struct applying {
    const struct setting_set *set;
    json_t *document;
    json_t *patches; /* owns the fields of the changes */
    struct setting_change *changes;
    size_t len;
    struct arena *arena;
    struct fault *why;
};

static void ask(struct applying *a, enum setting_verb verb, const struct setting_kind *k, struct slice name,
                const json_t *fields)
{
    a->changes[a->len++] = (struct setting_change){
        .verb = verb, .kind = slice_str(k->name), .name = arena_copy(a->arena, name), .fields = fields
    };
}

/* The fields that stand in the document, and null for those that do not. */
static const json_t *whole_patch(struct applying *a, const struct setting_kind *k, json_t *fields)
{
    json_t *patch = json_copy(fields);

    for (size_t i = 0; i < k->fields_len; i++) {
        if (json_object_get(patch, k->fields[i].name) == NULL)
            json_object_set_new(patch, k->fields[i].name, json_null());
    }
    json_array_append_new(a->patches, patch);
    return patch;
}

/* An object of the document; its name may be written in another form than it is stored in. */
static enum status apply_object(struct applying *a, const struct setting_kind *k, const char *name, json_t *fields,
                                struct map *seen)
{
    struct slice stored = slice_str(name);
    struct setting_object *o;

    if (!json_is_object(fields))
        return fault_set(a->why, ERR_SYNTAX, "%s '%.80s': the fields are not a JSON object", k->name, name);
    (void)k->normalise_name(slice_str(name), a->arena, &stored, NULL); /* a bad one is refused by settings_change() */
    if (map_put(seen, stored, a) != NULL)
        return fault_set(a->why, ERR_SYNTAX, "%s '%.80s' stands in the document twice; keep one of them", k->name,
                         name);
    o = setting_set_find(a->set, k, stored);
    ask(a, o == NULL ? SETTING_CREATE : SETTING_CHANGE, k, stored, whole_patch(a, k, fields));
    return OK;
}

static enum status apply_kind(struct applying *a, const struct setting_kind *k, json_t *objects)
{
    const char *name;
    json_t *fields;
    struct map seen;
    enum status st = OK;

    if (!json_is_object(objects))
        return fault_set(a->why, ERR_SYNTAX, "'%s' is not a JSON object of names", k->name);
    map_init(&seen);
    json_object_foreach(objects, name, fields) {
        st = apply_object(a, k, name, fields, &seen);
        if (st != OK)
            goto out;
    }
    for (size_t i = 0; i < a->set->len; i++) {
        const struct setting_object *o = a->set->items[i];

        if (o->kind == k && map_get(&seen, o->name) == NULL)
            ask(a, SETTING_DELETE, k, o->name, NULL);
    }
out:
    map_release(&seen);
    return st;
}

static enum status apply_all(struct applying *a)
{
    const char *name;
    json_t *objects;

    json_object_foreach(a->document, name, objects) {
        const struct setting_kind *k = setting_kind_find(slice_str(name));
        enum status st;

        if (strcmp(name, MARK) == 0)
            continue;
        st = k == NULL ? setting_kind_unknown(slice_str(name), a->why) : apply_kind(a, k, objects);
        if (st != OK)
            return st;
    }
    return OK;
}

static size_t count_objects(const struct applying *a)
{
    const char *name;
    json_t *objects;
    size_t n = a->set->len;

    json_object_foreach(a->document, name, objects)
        n += json_object_size(objects);
    return n;
}

static enum status parse(struct slice text, json_t **out, struct fault *why)
{
    json_error_t error;
    json_t *document;

    if (text.len > SETTINGS_DOCUMENT_MAX)
        return fault_set(why, ERR_LIMIT, "the document is larger than %d MiB", SETTINGS_DOCUMENT_MAX >> 20);
    document = json_loadb(text.ptr == NULL ? "" : text.ptr, text.len, JSON_REJECT_DUPLICATES, &error);
    if (document == NULL)
        return fault_set(why, ERR_SYNTAX, "line %d of the document: %s", error.line, error.text);
    if (json_integer_value(json_object_get(document, MARK)) != FORMAT) {
        json_decref(document);
        return fault_set(why, ERR_SYNTAX, "the document does not say \"%s\": %d; is it an export of settings?", MARK,
                         FORMAT);
    }
    *out = document;
    return OK;
}

static enum status apply_to(struct applying *a, const struct setting_row *rows, size_t rows_len,
                            const struct setting_row **out, size_t *out_len)
{
    enum status st;

    a->changes = ARENA_ARRAY(a->arena, struct setting_change, count_objects(a));
    st = apply_all(a);
    if (st == OK)
        st = settings_change(rows, rows_len, a->changes, a->len, a->arena, out, out_len, a->why);
    return st;
}

enum status settings_apply(const struct setting_row *rows, size_t rows_len, struct slice document, struct arena *arena,
                           const struct setting_row **out, size_t *out_len, struct fault *why)
{
    struct setting_set set;
    struct applying a = { .set = &set, .arena = arena, .why = why };
    enum status st = parse(document, &a.document, why);

    if (st != OK)
        return st;
    a.patches = json_array();
    setting_set_init(&set);
    st = setting_set_load(&set, rows, rows_len, why);
    if (st == OK)
        st = apply_to(&a, rows, rows_len, out, out_len);
    setting_set_release(&set);
    json_decref(a.patches);
    json_decref(a.document);
    return st;
}

/* -- difference ------------------------------------------------------------------------------------------- */

struct lines {
    struct slice *items;
    size_t len;
    struct arena *arena;
};

static struct slice value_text(const struct setting_field *f, const json_t *value, struct arena *arena)
{
    char *text;
    struct slice out;

    if (value == NULL)
        return SLICE_LIT("(default)");
    if (f->is_file_text && f->type != SETTING_SECRET)
        return setting_field_text(f, value, arena);
    text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    out = arena_copy(arena, slice_str(text));
    free(text);
    return out;
}

static void add_fields(struct lines *out, const struct setting_kind *k, const struct setting_row *row)
{
    json_t *before = json_loadb(row->audit_before.ptr, row->audit_before.len, 0, NULL);
    json_t *after = json_loadb(row->audit_after.ptr, row->audit_after.len, 0, NULL);

    for (size_t i = 0; i < k->fields_len; i++) {
        const char *name = k->fields[i].name;
        const json_t *was = json_object_get(before, name), *is = json_object_get(after, name);

        if ((was == NULL && is == NULL) || json_equal(was, is))
            continue;
        out->items[out->len++] = arena_printf(out->arena, "    %s: %.*s -> %.*s\n", name,
                                              SLICE_FMT(value_text(&k->fields[i], was, out->arena)),
                                              SLICE_FMT(value_text(&k->fields[i], is, out->arena)));
    }
    json_decref(before);
    json_decref(after);
}

static void add_row(struct lines *out, const struct setting_row *row)
{
    const struct setting_kind *k = setting_kind_find(row->kind);
    char sign = row->before.ptr == NULL ? '+' : row->after.ptr == NULL ? '-' : '~';

    out->items[out->len++] =
        arena_printf(out->arena, "%c %.*s %.*s\n", sign, SLICE_FMT(row->kind), SLICE_FMT(row->name));
    if (k != NULL && sign != '-')
        add_fields(out, k, row);
}

static struct slice join(const struct lines *lines)
{
    size_t len = 0;
    char *text;

    for (size_t i = 0; i < lines->len; i++)
        len += lines->items[i].len;
    text = arena_alloc(lines->arena, len + 1);
    len = 0;
    for (size_t i = 0; i < lines->len; i++) {
        memcpy(text + len, lines->items[i].ptr, lines->items[i].len);
        len += lines->items[i].len;
    }
    return slice_of(text, len);
}

struct slice settings_difference(const struct setting_row *rows, size_t rows_len, struct arena *arena)
{
    const struct setting_kind *kinds;
    size_t kinds_len = setting_kinds(&kinds), most = 0;
    struct lines lines = { .arena = arena };

    for (size_t i = 0; i < kinds_len; i++)
        most = kinds[i].fields_len > most ? kinds[i].fields_len : most;
    lines.items = ARENA_ARRAY(arena, struct slice, rows_len * (most + 1));
    for (size_t i = 0; i < rows_len; i++)
        add_row(&lines, &rows[i]);
    return join(&lines);
}
