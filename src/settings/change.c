#include "settings/change.h"

#include "base/utf8.h"
#include "settings/nearest.h"
#include "settings/password.h"
#include "settings/setting_set.h"

/* An object that the change is about, as it was stored. */
struct touched {
    const struct setting_kind *kind;
    struct slice name;
    struct slice before; /* ptr NULL: it was not there */
};

struct changing {
    struct setting_set set;
    struct map deleted;     /* keys of what this change deletes */
    struct map touched;     /* to struct touched, by key */
    struct touched **order; /* the same, as first asked for */
    size_t order_len;
    struct arena *arena;
    struct fault *why;
};

/* -- one field -------------------------------------------------------------------------------------------- */

static bool is_kept_secret(const struct setting_field *f, const json_t *value)
{
    return f->type == SETTING_SECRET && json_is_string(value) &&
           strcmp(json_string_value(value), SETTING_SECRET_SHOWN) == 0;
}

/* What is stored of a user's password; the password itself is not. */
static enum status seal_password(const json_t *value, json_t **out, struct fault *why)
{
    struct slice password = slice_of(json_string_value(value), json_string_length(value)), hash, scram;
    struct arena arena = { 0 };
    enum status st = password_hash(password, &arena, &hash, why);

    if (st == OK)
        st = password_scram(password, &arena, &scram, why);
    if (st == OK)
        *out = json_pack("{s:s, s:s}", "hash", hash.ptr, "scram", scram.ptr);
    arena_release(&arena);
    return st;
}

static enum status set_secret(const struct setting_object *o, const struct setting_field *f, json_t *value,
                              struct fault *why)
{
    struct fault reason;
    json_t *sealed = NULL;
    enum status st;

    if (strcmp(o->kind->name, "user") != 0) {
        json_object_set_new(o->fields, f->name, value);
        return OK;
    }
    st = seal_password(value, &sealed, &reason);
    json_decref(value);
    if (st != OK)
        return setting_refuse(o, f->name, why, "%s", reason.text);
    json_object_set_new(o->fields, f->name, sealed);
    return OK;
}

static enum status set_field(const struct setting_object *o, const struct setting_field *f, const json_t *value,
                             struct fault *why)
{
    struct fault reason;
    json_t *good = NULL;

    if (json_is_null(value)) {
        json_object_del(o->fields, f->name);
        return OK;
    }
    if (is_kept_secret(f, value)) {
        if (setting_has(o, f->name))
            return OK;
        return setting_refuse(o, f->name, why,
                              "'%s' stands for a secret that is there already, but there is none; give "
                              "it",
                              SETTING_SECRET_SHOWN);
    }
    if (setting_field_check(f, value, &good, &reason) != OK)
        return setting_refuse(o, NULL, why, "%s", reason.text);
    if (f->type == SETTING_SECRET)
        return set_secret(o, f, good, why);
    json_object_set_new(o->fields, f->name, good);
    return OK;
}

static enum status set_fields(const struct setting_object *o, const json_t *fields, struct fault *why)
{
    const char *name;
    json_t *value;

    if (fields != NULL && !json_is_object(fields))
        return setting_refuse(o, NULL, why, "the fields are not a JSON object");
    json_object_foreach((json_t *)(uintptr_t)fields, name, value)
    {
        const struct setting_field *f = setting_field_find(o->kind, slice_str(name));
        struct fault reason;
        enum status st;

        if (f == NULL) {
            (void)setting_field_unknown(o->kind, slice_str(name), &reason);
            return setting_refuse(o, NULL, why, "%s", reason.text);
        }
        st = set_field(o, f, value, why);
        if (st != OK)
            return st;
    }
    return OK;
}

/* -- one object ------------------------------------------------------------------------------------------- */

static void touch(struct changing *c, const struct setting_kind *k, struct slice name, const struct setting_object *o)
{
    struct slice key = setting_key(k, name, c->arena);
    struct touched *t = map_get(&c->touched, key);
    char *text;

    if (t != NULL)
        return;
    t = ARENA_NEW(c->arena, struct touched);
    t->kind = k;
    t->name = arena_copy(c->arena, name);
    if (o != NULL) {
        text = json_dumps(o->fields, JSON_COMPACT | JSON_SORT_KEYS);
        t->before = arena_copy(c->arena, slice_str(text));
        free(text);
    }
    (void)map_put(&c->touched, key, t);
    c->order[c->order_len++] = t;
}

static enum status create(struct changing *c, const struct setting_kind *k, struct slice name, const json_t *fields)
{
    if (setting_set_find(&c->set, k, name) != NULL)
        return fault_set(c->why, ERR_EXISTS, "%s '%.*s' is there already; change it, or choose another name", k->name,
                         SLICE_FMT(name));
    touch(c, k, name, NULL);
    setting_set_add(&c->set, k, name, json_object());
    return set_fields(setting_set_find(&c->set, k, name), fields, c->why);
}

static enum status not_there(const struct changing *c, const struct setting_kind *k, struct slice name)
{
    struct nearest near = { .word = name };

    for (size_t i = 0; i < c->set.len; i++) {
        if (c->set.items[i]->kind == k)
            nearest_offer(&near, c->set.items[i]->name);
    }
    if (near.best.len > 0)
        return fault_set(c->why, ERR_NOT_FOUND, "there is no %s '%.*s'; did you mean '%.*s'?", k->name,
                         SLICE_FMT(name), SLICE_FMT(near.best));
    return fault_set(c->why, ERR_NOT_FOUND, "there is no %s '%.*s'", k->name, SLICE_FMT(name));
}

static enum status change(struct changing *c, const struct setting_kind *k, struct slice name, const json_t *fields)
{
    struct setting_object *o = setting_set_find(&c->set, k, name);

    if (o == NULL)
        return k->is_single ? create(c, k, name, fields) : not_there(c, k, name);
    touch(c, k, name, o);
    return set_fields(o, fields, c->why);
}

static enum status delete (struct changing *c, const struct setting_kind *k, struct slice name, const json_t *fields) {
    struct setting_object *o = setting_set_find(&c->set, k, name);

    (void)fields;
    if (o == NULL) return k->is_single ? OK : not_there(c, k, name);
    touch(c, k, name, o);
    (void)map_put(&c->deleted, setting_key(k, name, c->arena), c);
    setting_set_remove(&c->set, o);
    return OK;
}

/* The name in the form that is stored. */
static enum status stored_name(const struct changing *c, const struct setting_change *asked,
                               const struct setting_kind *k, struct slice *name)
{
    struct fault reason;
    char shown[80];
    struct slice text = utf8_printable(asked->name, shown, sizeof shown);

    if (asked->name.len == 0)
        return fault_set(c->why, ERR_SYNTAX, "a %s needs a name; %s", k->name, k->name_help);
    if (k->is_single && !slice_eq(asked->name, slice_str(k->name)))
        return fault_set(c->why, ERR_SYNTAX, "there is one %s only, and it is called '%s'", k->name, k->name);
    if (k->normalise_name(asked->name, c->arena, name, &reason) != OK)
        return fault_set(c->why, ERR_SYNTAX, "'%.*s' is no name for a %s: %s", SLICE_FMT(text), k->name, reason.text);
    return OK;
}

static enum status apply_one(struct changing *c, const struct setting_change *asked)
{
    static enum status (*const verbs[])(struct changing *, const struct setting_kind *, struct slice,
                                        const json_t *) = {
        [SETTING_CREATE] = create,
        [SETTING_CHANGE] = change,
        [SETTING_DELETE] = delete,
    };
    const struct setting_kind *k = setting_kind_find(asked->kind);
    struct slice name;
    enum status st;

    if (k == NULL)
        return setting_kind_unknown(asked->kind, c->why);
    st = stored_name(c, asked, k, &name);
    return st == OK ? verbs[asked->verb](c, k, name, asked->fields) : st;
}

/* -- the whole -------------------------------------------------------------------------------------------- */

static enum status check_whole(struct changing *c)
{
    struct snapshot *s = NULL;
    enum status st;

    setting_set_sort(&c->set);
    st = setting_set_check_references(&c->set, &c->deleted, c->why);
    if (st == OK)
        st = snapshot_compile(&c->set, 0, &s, c->why);
    snapshot_release(s);
    return st;
}

json_t *setting_shown(const struct setting_kind *k, struct slice json)
{
    json_t *stored = json_loadb(json.ptr, json.len, JSON_REJECT_DUPLICATES, NULL), *shown;

    if (!json_is_object(stored)) {
        json_decref(stored);
        return NULL;
    }
    shown = json_object();
    for (size_t i = 0; i < k->fields_len; i++) {
        json_t *value = json_object_get(stored, k->fields[i].name);

        if (value != NULL && k->fields[i].type == SETTING_SECRET)
            json_object_set_new(shown, k->fields[i].name, json_string(SETTING_SECRET_SHOWN));
        else if (value != NULL)
            json_object_set(shown, k->fields[i].name, value);
    }
    json_decref(stored);
    return shown;
}

static struct slice dump(json_t *json, size_t flags, struct arena *arena)
{
    char *text = json_dumps(json, JSON_COMPACT | flags);
    struct slice out = arena_copy(arena, slice_str(text));

    free(text);
    return out;
}

/* A secret that changes would look unchanged; say that it is new. */
static void mark_new_secrets(const struct setting_kind *k, const struct setting_row *row, json_t *shown)
{
    json_t *before = row->before.ptr == NULL ? NULL : json_loadb(row->before.ptr, row->before.len, 0, NULL);
    json_t *after = json_loadb(row->after.ptr, row->after.len, 0, NULL);

    for (size_t i = 0; i < k->fields_len; i++) {
        const char *name = k->fields[i].name;
        json_t *is = json_object_get(after, name);

        if (k->fields[i].type == SETTING_SECRET && is != NULL && !json_equal(is, json_object_get(before, name)))
            json_object_set_new(shown, name, json_string("(secret, new)"));
    }
    json_decref(before);
    json_decref(after);
}

static void make_audit(const struct setting_kind *k, struct setting_row *row, struct arena *arena)
{
    json_t *shown;

    if (row->before.ptr != NULL) {
        shown = setting_shown(k, row->before);
        row->audit_before = dump(shown, 0, arena);
        json_decref(shown);
    }
    if (row->after.ptr != NULL) {
        shown = setting_shown(k, row->after);
        mark_new_secrets(k, row, shown);
        row->audit_after = dump(shown, 0, arena);
        json_decref(shown);
    }
}

/* False: the object is as it was. */
static bool make_row(const struct changing *c, const struct touched *t, struct setting_row *row)
{
    const struct setting_object *o = setting_set_find(&c->set, t->kind, t->name);

    *row = (struct setting_row){ .kind = slice_str(t->kind->name), .name = t->name, .before = t->before };
    if (o != NULL)
        row->after = dump(o->fields, JSON_SORT_KEYS, c->arena);
    if ((o == NULL && t->before.ptr == NULL) || (o != NULL && slice_eq(row->after, t->before)))
        return false;
    make_audit(t->kind, row, c->arena);
    return true;
}

static void make_rows(const struct changing *c, const struct setting_row **out, size_t *out_len)
{
    struct setting_row *rows = ARENA_ARRAY(c->arena, struct setting_row, c->order_len);
    size_t len = 0;

    for (size_t i = 0; i < c->order_len; i++)
        len += make_row(c, c->order[i], &rows[len]) ? 1 : 0;
    *out = rows;
    *out_len = len;
}

enum status settings_change(const struct setting_row *rows, size_t rows_len, const struct setting_change *changes,
                            size_t changes_len, struct arena *arena, const struct setting_row **out, size_t *out_len,
                            struct fault *why)
{
    struct changing c = { .arena = arena, .why = why, .order = ARENA_ARRAY(arena, struct touched *, changes_len) };
    enum status st;

    setting_set_init(&c.set);
    map_init(&c.deleted);
    map_init(&c.touched);
    st = setting_set_load(&c.set, rows, rows_len, why);
    for (size_t i = 0; i < changes_len && st == OK; i++)
        st = apply_one(&c, &changes[i]);
    if (st == OK)
        st = check_whole(&c);
    if (st == OK)
        make_rows(&c, out, out_len);
    setting_set_release(&c.set);
    map_release(&c.deleted);
    map_release(&c.touched);
    return st;
}
