/* What a field refers to must be there; what is referred to must not go. */
#include "settings/setting_set.h"

struct checking {
    const struct setting_set *set;
    const struct map *deleted;
    struct fault *why;
};

static enum status check_name(const struct checking *c, const struct setting_object *o, const struct setting_field *f,
                              struct slice name)
{
    const struct setting_kind *k = setting_kind_find(slice_str(f->refers_to));
    struct arena arena = { 0 };
    bool is_deleted;

    if (setting_set_find(c->set, k, name) != NULL)
        return OK;
    is_deleted = c->deleted != NULL && map_get(c->deleted, setting_key(k, name, &arena)) != NULL;
    arena_release(&arena);
    if (is_deleted)
        return fault_set(c->why, ERR_CONFLICT, "%s '%.*s' is in use by %s '%.*s' (field '%s'); change that first",
                         k->name, SLICE_FMT(name), o->kind->name, SLICE_FMT(o->name), f->name);
    return setting_refuse(o, f->name, c->why, "there is no %s '%.*s'; add it first", k->name, SLICE_FMT(name));
}

/* Items "list:NAME" refer; others are addresses. */
static enum status check_items(const struct checking *c, const struct setting_object *o, const struct setting_field *f,
                               const json_t *items)
{
    enum status st = OK;

    for (size_t i = 0; i < json_array_size(items) && st == OK; i++) {
        const json_t *item = json_array_get(items, i);
        struct slice text = slice_of(json_string_value(item), json_string_length(item));

        if (slice_starts(text, RULE_LIST_PREFIX))
            st = check_name(c, o, f, slice_from(text, RULE_LIST_PREFIX.len));
    }
    return st;
}

static enum status check_object(const struct checking *c, const struct setting_object *o)
{
    enum status st = OK;

    for (size_t i = 0; i < o->kind->fields_len && st == OK; i++) {
        const struct setting_field *f = &o->kind->fields[i];
        const json_t *value = json_object_get(o->fields, f->name);

        if (f->refers_to == NULL || value == NULL)
            continue;
        if (f->type == SETTING_LIST)
            st = check_items(c, o, f, value);
        else
            st = check_name(c, o, f, slice_of(json_string_value(value), json_string_length(value)));
    }
    return st;
}

enum status setting_set_check_references(const struct setting_set *s, const struct map *deleted, struct fault *why)
{
    struct checking c = { s, deleted, why };
    enum status st = OK;

    for (size_t i = 0; i < s->len && st == OK; i++)
        st = check_object(&c, s->items[i]);
    return st;
}
