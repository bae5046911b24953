#include "admin/api.h"

/* The settings before and after a change, as JSON where they are. */
static json_t *side_to_json(struct slice s)
{
    json_t *j = s.ptr == NULL ? NULL : json_loadb(s.ptr, s.len, 0, NULL);

    return j == NULL ? json_null() : j;
}

static json_t *row_to_json(const struct audit_row *row)
{
    json_t *j = json_object();

    json_object_set_new(j, "id", json_integer((json_int_t)row->id));
    json_object_set_new(j, "at", json_of_time(row->at_s));
    json_object_set_new(j, "who", json_of(row->who));
    json_object_set_new(j, "from", json_of(row->from));
    json_object_set_new(j, "action", json_of(row->action));
    json_object_set_new(j, "kind", json_of(row->kind));
    json_object_set_new(j, "name", json_of(row->name));
    json_object_set_new(j, "before", side_to_json(row->before));
    json_object_set_new(j, "after", side_to_json(row->after));
    json_object_set_new(j, "hash", json_of(row->hash));
    return j;
}

static void audited(struct call *c)
{
    json_t *answer = json_object(), *rows = json_array();

    for (size_t i = 0; i < c->store.audit_len; i++)
        json_array_append_new(rows, row_to_json(&c->store.audit[i]));
    json_object_set_new(answer, "rows", rows);
    json_object_set_new(answer, "chain_is_whole", json_boolean(c->store.audit_is_whole));
    if (c->store.audit_len == c->store.limit)
        json_object_set_new(answer, "next", json_integer((json_int_t)c->store.audit[c->store.audit_len - 1].id));
    call_answer(c, answer);
}

void api_audit(struct call *c)
{
    uint64_t limit;

    c->store.verb = STORE_AUDIT;
    if (!call_query_number(c, "limit", API_PAGE_MAX, API_PAGE_MAX, &limit) ||
        !call_query_number(c, "after", 0, INT64_MAX, &c->store.after_id))
        return;
    c->store.limit = limit == 0 ? 1 : (size_t)limit;
    call_store(c, audited);
}
