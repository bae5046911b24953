#include "settings/setting_set.h"

#include "base/memory.h"
#include "settings/units.h"

#include <assert.h>

void setting_set_init(struct setting_set *s)
{
    *s = (struct setting_set){ .len = 0 };
    map_init(&s->by_key);
}

static void object_free(struct setting_object *o)
{
    json_decref(o->fields);
    free((char *)(uintptr_t)o->name.ptr);
    free(o);
}

void setting_set_release(struct setting_set *s)
{
    for (size_t i = 0; i < s->len; i++)
        object_free(s->items[i]);
    free(s->items);
    map_release(&s->by_key);
}

/* Kinds have no '/' in their names. */
struct slice setting_key(const struct setting_kind *k, struct slice name, struct arena *arena)
{
    return arena_printf(arena, "%s/%.*s", k->name, SLICE_FMT(name));
}

struct setting_object *setting_set_find(const struct setting_set *s, const struct setting_kind *k, struct slice name)
{
    struct arena arena = { 0 };
    struct setting_object *o = map_get(&s->by_key, setting_key(k, name, &arena));

    arena_release(&arena);
    return o;
}

void setting_set_add(struct setting_set *s, const struct setting_kind *k, struct slice name, json_t *fields)
{
    struct setting_object *o = NEW(struct setting_object);
    struct arena arena = { 0 };

    o->kind = k;
    o->name = slice_of(mem_str(name), name.len);
    o->fields = fields;
    s->items = mem_grow(s->items, s->len, &s->cap, sizeof(struct setting_object *));
    s->items[s->len++] = o;
    (void)map_put(&s->by_key, setting_key(k, name, &arena), o);
    arena_release(&arena);
}

void setting_set_remove(struct setting_set *s, struct setting_object *o)
{
    struct arena arena = { 0 };
    size_t at = 0;

    while (s->items[at] != o)
        at++;
    s->items[at] = s->items[--s->len];
    (void)map_remove(&s->by_key, setting_key(o->kind, o->name, &arena));
    arena_release(&arena);
    object_free(o);
}

static int by_kind_and_name(const void *a, const void *b)
{
    const struct setting_object *x = *(struct setting_object *const *)a, *y = *(struct setting_object *const *)b;
    size_t len = x->name.len < y->name.len ? x->name.len : y->name.len;
    int order;

    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1; /* of one table */
    order = memcmp(x->name.ptr, y->name.ptr, len);
    if (order != 0)
        return order;
    return x->name.len < y->name.len ? -1 : x->name.len > y->name.len;
}

void setting_set_sort(struct setting_set *s)
{
    if (s->len > 0)
        qsort(s->items, s->len, sizeof(struct setting_object *), by_kind_and_name);
}

/* -- from rows -------------------------------------------------------------------------------------------- */

static enum status check_stored(const struct setting_object *o, struct fault *why)
{
    const char *name;
    json_t *value, *good = NULL;
    struct fault reason;

    json_object_foreach(o->fields, name, value) {
        const struct setting_field *f = setting_field_find(o->kind, slice_str(name));

        if (f == NULL) {
            (void)setting_field_unknown(o->kind, slice_str(name), &reason);
            return setting_refuse(o, NULL, why, "%s", reason.text);
        }
        if (f->type == SETTING_SECRET)
            continue;
        if (setting_field_check(f, value, &good, &reason) != OK)
            return setting_refuse(o, NULL, why, "%s", reason.text);
        json_decref(good);
    }
    return OK;
}

static enum status load_row(struct setting_set *s, const struct setting_row *row, struct fault *why)
{
    const struct setting_kind *k = setting_kind_find(row->kind);
    json_t *fields;

    if (k == NULL)
        return setting_kind_unknown(row->kind, why);
    fields = json_loadb(row->after.ptr, row->after.len, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(fields)) {
        json_decref(fields);
        return fault_set(why, ERR_SYNTAX, "%s '%.*s': what is stored is not a JSON object", k->name,
                         SLICE_FMT(row->name));
    }
    setting_set_add(s, k, row->name, fields);
    return check_stored(s->items[s->len - 1], why);
}

enum status setting_set_load(struct setting_set *s, const struct setting_row *rows, size_t rows_len, struct fault *why)
{
    for (size_t i = 0; i < rows_len; i++) {
        enum status st = rows[i].after.ptr == NULL ? OK : load_row(s, &rows[i], why);

        if (st != OK)
            return st;
    }
    setting_set_sort(s);
    return OK;
}

/* -- fields ----------------------------------------------------------------------------------------------- */

static struct slice string_of(const json_t *value)
{
    return slice_of(json_string_value(value), json_string_length(value));
}

static const struct setting_field *field_of(const struct setting_object *o, const char *name)
{
    const struct setting_field *f = setting_field_find(o->kind, slice_str(name));

    assert(f != NULL);
    return f;
}

bool setting_has(const struct setting_object *o, const char *field)
{
    return json_object_get(o->fields, field) != NULL;
}

struct slice setting_text(const struct setting_object *o, const char *field, struct arena *arena)
{
    const json_t *value = json_object_get(o->fields, field);
    const char *initial = field_of(o, field)->initial;

    return arena_copy(arena, value != NULL ? string_of(value) : slice_str(initial == NULL ? "" : initial));
}

const struct slice *setting_list(const struct setting_object *o, const char *field, struct arena *arena, size_t *len)
{
    const json_t *value = json_object_get(o->fields, field);
    struct slice *out;

    *len = json_array_size(value);
    out = ARENA_ARRAY(arena, struct slice, *len);
    for (size_t i = 0; i < *len; i++)
        out[i] = arena_copy(arena, string_of(json_array_get(value, i)));
    return out;
}

bool setting_yes(const struct setting_object *o, const char *field)
{
    const json_t *value = json_object_get(o->fields, field);
    const char *initial = field_of(o, field)->initial;

    if (value != NULL)
        return json_is_true(value);
    return initial != NULL && strcmp(initial, "true") == 0;
}

int setting_choice(const struct setting_object *o, const char *field)
{
    const struct setting_field *f = field_of(o, field);
    const json_t *value = json_object_get(o->fields, field);
    struct slice word = value != NULL ? string_of(value) : slice_str(f->initial), rest = slice_str(f->choices);

    for (int i = 0; rest.len > 0; i++) {
        if (slice_eq(slice_cut(rest, '|', &rest), word))
            return i;
    }
    return -1;
}

int64_t setting_seconds(const struct setting_object *o, const char *field)
{
    const struct setting_field *f = field_of(o, field);
    const json_t *value = json_object_get(o->fields, field);
    struct slice text = value != NULL ? string_of(value) : slice_str(f->initial);
    int64_t ms = 0;

    return text.len > 0 && units_parse_duration(text, &ms, NULL) == OK ? ms / 1000 : 0;
}

enum status setting_refuse(const struct setting_object *o, const char *field, struct fault *why, const char *fmt, ...)
{
    char text[320];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (field == NULL)
        return fault_set(why, ERR_SYNTAX, "%s '%.*s': %s", o->kind->name, SLICE_FMT(o->name), text);
    return fault_set(why, ERR_SYNTAX, "%s '%.*s': field '%s': %s", o->kind->name, SLICE_FMT(o->name), field, text);
}
