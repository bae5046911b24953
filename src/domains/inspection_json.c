#include "domains/inspection_json.h"

#include "base/clock.h"
#include "base/utf8.h"

enum { TEXT_MAX = 4096 };

/* Foreign bytes: what is no printable character becomes '?'. */
static json_t *text_of(struct slice s)
{
    char shown[TEXT_MAX];
    struct slice put = utf8_printable(s, shown, sizeof shown);

    return json_stringn(put.ptr, put.len);
}

static json_t *time_of(int64_t wall_s)
{
    char text[CLOCK_TEXT];

    return json_string(clock_rfc3339(wall_s, text));
}

static json_t *policy_to_json(const struct inspection *i)
{
    const struct own_policy *p = inspection_policy(i);
    json_t *j;

    if (p == NULL)
        return json_null();
    j = json_pack("{s:s, s:o, s:o}", "mode", sts_mode_name(inspection_mode(i)), "id", text_of(p->id), "made",
                  p->id.len > 0 ? time_of(p->made_s) : json_null());
    json_object_set_new(j, "text", json_stringn(p->text.ptr, p->text.len));
    if (p->trouble.len > 0)
        json_object_set_new(j, "trouble", text_of(p->trouble));
    return j;
}

static json_t *server_to_json(const struct inspected_server *s)
{
    char at[NET_ADDRESS_TEXT];

    return json_pack("{s:o, s:s, s:b}", "name", text_of(s->name), "address", net_address_ip(&s->address, at),
                     "answers", s->answers);
}

static json_t *values_of(const struct inspected_record *r, const struct dns_answer *seen)
{
    json_t *all = json_array();
    struct arena a = { 0 };

    for (size_t i = 0; i < seen->records_len; i++)
        json_array_append_new(all, text_of(own_record_value_text(r->wanted.type, seen->records[i].bytes, &a)));
    arena_release(&a);
    return all;
}

static json_t *answers_of(const struct inspection *i, const struct inspected_record *r)
{
    const struct inspected_server *servers;
    size_t len = inspection_servers(i, &servers);
    json_t *all = json_array();

    for (size_t s = 0; s < len; s++) {
        char at[NET_ADDRESS_TEXT];
        const struct dns_answer *seen = &r->by_server[s];

        json_array_append_new(all, json_pack("{s:o, s:s, s:s, s:o}", "name", text_of(servers[s].name), "address",
                                             net_address_ip(&servers[s].address, at), "state",
                                             own_record_state_name(own_record_judge(&r->wanted, seen)), "found",
                                             values_of(r, seen)));
    }
    return all;
}

static json_t *record_to_json(const struct inspection *i, const struct inspected_record *r, int64_t now_s)
{
    struct arena a = { 0 };
    json_t *j = json_pack("{s:o, s:s, s:o, s:o, s:s, s:b}", "name", text_of(r->wanted.owner), "type",
                          own_record_type_name(r->wanted.type), "value",
                          text_of(own_record_value_text(r->wanted.type, r->wanted.value, &a)), "line",
                          text_of(own_record_line(&r->wanted, &a)), "state", own_record_state_name(r->state), "sent",
                          r->wanted.is_sent);

    arena_release(&a);
    if (r->wanted.value.len == 0)
        json_object_set_new(j, "value", json_null());
    if (r->wanted.note.len > 0)
        json_object_set_new(j, "note", text_of(r->wanted.note));
    if (r->state == OWN_RECORD_WAITS)
        json_object_set_new(j, "wait_until", time_of(now_s + r->wait_s));
    json_object_set_new(j, "ttl_s", json_integer(r->ttl_s));
    json_object_set_new(j, "found", values_of(r, &r->cached));
    json_object_set_new(j, "servers", answers_of(i, r));
    return j;
}

json_t *inspection_to_json(const struct inspection *i, const char *update_server, int64_t now_s)
{
    const struct inspected_record *records;
    const struct inspected_server *servers;
    size_t records_len = inspection_records(i, &records), servers_len = inspection_servers(i, &servers);
    json_t *j = json_object(), *list = json_array(), *hosts = json_array();

    for (size_t r = 0; r < records_len; r++)
        json_array_append_new(list, record_to_json(i, &records[r], now_s));
    for (size_t s = 0; s < servers_len; s++)
        json_array_append_new(hosts, server_to_json(&servers[s]));
    json_object_set_new(j, "domain", text_of(inspection_domain(i)));
    json_object_set_new(j, "zone", inspection_zone(i).len > 0 ? text_of(inspection_zone(i)) : json_null());
    json_object_set_new(j, "policy", policy_to_json(i));
    json_object_set_new(j, "update_server", update_server == NULL ? json_null() : json_string(update_server));
    json_object_set_new(j, "servers", hosts);
    json_object_set_new(j, "records", list);
    return j;
}
