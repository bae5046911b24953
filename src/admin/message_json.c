#include "admin/message_json.h"

#include "admin/call.h"
#include "base/clock.h"

static const char *const origin_names[] = {
    [ORIGIN_MX] = "mx",
    [ORIGIN_RELAY] = "relay",
    [ORIGIN_SUBMISSION] = "submission",
    [ORIGIN_LOCAL] = "local",
    [ORIGIN_REPORT] = "report",
};

static json_t *rcpt_to_json(const struct stored_rcpt *r)
{
    json_t *j = json_object();

    json_object_set_new(j, "address", json_of(r->rcpt.address));
    json_object_set_new(j, "domain", json_of(r->domain));
    json_object_set_new(j, "due", json_of_time(r->due_s));
    json_object_set_new(j, "attempts", json_integer(r->attempts));
    json_object_set_new(j, "held", json_boolean(r->is_held));
    if (r->last_error.len > 0)
        json_object_set_new(j, "last_error", json_of(r->last_error));
    return j;
}

json_t *message_to_json(const struct stored_message *m)
{
    json_t *j = json_object(), *rcpts = json_array();
    char id[MESSAGE_ID_TEXT];

    json_object_set_new(j, "id", json_string(message_id_text(m->id, id)));
    json_object_set_new(j, "received", json_of_time(m->received_s));
    json_object_set_new(j, "origin", json_string(origin_names[m->origin]));
    json_object_set_new(j, "sender", json_of(m->mail.address));
    json_object_set_new(j, "bytes", json_integer((json_int_t)m->mail.size));
    if (m->user.len > 0)
        json_object_set_new(j, "user", json_of(m->user));
    if (m->client.len > 0)
        json_object_set_new(j, "client", json_of(m->client));
    if (m->mail.requires_tls)
        json_object_set_new(j, "requires_tls", json_true());
    if (m->tls_required_no)
        json_object_set_new(j, "tls_required_no", json_true());
    for (size_t i = 0; i < m->rcpts_len; i++)
        json_array_append_new(rcpts, rcpt_to_json(&m->rcpts[i]));
    json_object_set_new(j, "recipients", rcpts);
    return j;
}

static json_t *time_with_ms(int64_t at_ms)
{
    char text[CLOCK_TEXT], with_ms[CLOCK_TEXT];
    struct slice s = slice_str(clock_rfc3339(at_ms / 1000, text));

    (void)snprintf(with_ms, sizeof with_ms, "%.*s.%03dZ", (int)s.len - 1, s.ptr, (int)(at_ms % 1000));
    return json_string(with_ms);
}

json_t *trace_to_json(const struct stored_trace *t)
{
    json_t *j = json_object(), *stored = json_loadb(t->json.ptr, t->json.len, 0, NULL);

    json_object_set_new(j, "at", time_with_ms(t->at_ms));
    json_object_set_new(j, "at_ms", json_integer(t->at_ms));
    if (json_is_object(stored))
        json_object_update_missing(j, stored);
    else
        json_object_set_new(j, "text", json_of(t->json));
    json_decref(stored);
    return j;
}
