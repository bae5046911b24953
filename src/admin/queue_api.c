#include "admin/api.h"
#include "admin/message_json.h"

static const struct {
    const char *name;
    enum queue_change change;
} actions[] = {
    { "hold", QUEUE_HOLD },
    { "release", QUEUE_RELEASE },
    { "retry", QUEUE_RETRY },
    { "remove", QUEUE_REMOVE },
};

static void listed(struct call *c)
{
    json_t *answer = json_object(), *messages = json_array();
    char id[MESSAGE_ID_TEXT];

    for (size_t i = 0; i < c->store.messages_len; i++)
        json_array_append_new(messages, message_to_json(&c->store.messages[i]));
    json_object_set_new(answer, "messages", messages);
    if (c->store.messages_len == c->store.limit)
        json_object_set_new(answer, "next",
                            json_string(message_id_text(c->store.messages[c->store.messages_len - 1].id, id)));
    call_answer(c, answer);
}

/* A domain as the store has it: lower case. */
static struct slice lower(struct call *c, struct slice s)
{
    return slice_lower(s, (char *)arena_alloc(c->arena, s.len + 1));
}

void api_queue_list(struct call *c)
{
    uint64_t limit;
    struct slice domain;

    c->store.verb = STORE_LIST;
    if (!call_query_number(c, "limit", API_PAGE_MAX, API_PAGE_MAX, &limit) ||
        !call_query_id(c, "after", &c->store.after_id) || !call_query(c, "domain", &domain) ||
        !call_query(c, "sender", &c->store.filter.sender))
        return;
    c->store.filter.domain = lower(c, domain);
    c->store.limit = limit == 0 ? 1 : (size_t)limit;
    call_store(c, listed);
}

static void found(struct call *c)
{
    json_t *answer, *trace;

    if (c->store.messages_len == 0 && c->store.traces_len == 0) {
        call_refuse(c, ERR_NOT_FOUND, "no message '%.*s', and no trace of it is kept", SLICE_FMT(c->params[0]));
        return;
    }
    answer = json_object();
    trace = json_array();
    if (c->store.messages_len > 0)
        json_object_set_new(answer, "message", message_to_json(&c->store.messages[0]));
    for (size_t i = 0; i < c->store.traces_len; i++)
        json_array_append_new(trace, trace_to_json(&c->store.traces[i]));
    json_object_set_new(answer, "trace", trace);
    call_answer(c, answer);
}

static bool id_of_path(struct call *c)
{
    if (message_id_parse(c->params[0], &c->store.id) && c->store.id != 0)
        return true;
    call_refuse(c, ERR_SYNTAX, "'%.*s' is not a message id; ids have 13 letters and digits", SLICE_FMT(c->params[0]));
    return false;
}

static void found_or_not(struct call *c)
{
    if (c->store.status == OK || c->store.status == ERR_NOT_FOUND)
        found(c);
    else
        call_refuse(c, c->store.status, "%s", c->store.why.text);
}

void api_queue_show(struct call *c)
{
    c->store.verb = STORE_FIND;
    if (id_of_path(c))
        call_store_try(c, found_or_not);
}

static void changed(struct call *c)
{
    json_t *answer;

    if (c->store.id != 0 && c->store.status == ERR_NOT_FOUND) {
        call_refuse(c, ERR_NOT_FOUND, "no message '%.*s' is in the queue", SLICE_FMT(c->params[0]));
        return;
    }
    if (c->store.status != OK) {
        call_refuse(c, c->store.status, "%s", c->store.why.text);
        return;
    }
    answer = json_object();
    json_object_set_new(answer, "changed", json_integer((json_int_t)c->store.count));
    json_object_set_new(answer, "busy", json_integer((json_int_t)c->store.count_busy));
    call_answer(c, answer);
}

static bool find_action(struct call *c, struct slice name)
{
    for (size_t i = 0; i < COUNT_OF(actions); i++) {
        if (slice_eq(name, slice_str(actions[i].name))) {
            c->store.verb = STORE_CHANGE;
            c->store.change = actions[i].change;
            return true;
        }
    }
    call_refuse(c, ERR_NOT_FOUND, "queue action '%.*s' is none of hold, release, retry, remove", SLICE_FMT(name));
    return false;
}

void api_queue_change(struct call *c)
{
    if (find_action(c, c->params[1]) && id_of_path(c))
        call_store_try(c, changed);
}

static struct slice string_of_body(struct call *c, const char *name)
{
    const json_t *j = json_object_get(c->body, name);

    return slice_of(json_string_value(j), json_string_length(j));
}

/* The whole queue only when the caller says so: an empty filter may be a slip (WEB-09). */
void api_queue_change_all(struct call *c)
{
    bool is_all = json_is_true(json_object_get(c->body, "all"));

    if (!find_action(c, c->params[0]))
        return;
    c->store.filter.domain = lower(c, string_of_body(c, "domain"));
    c->store.filter.sender = string_of_body(c, "sender");
    if (is_all == (c->store.filter.domain.len > 0 || c->store.filter.sender.len > 0))
        call_refuse(c, ERR_SYNTAX, "say which messages: \"domain\", \"sender\" or both, or \"all\": true");
    else
        call_store_try(c, changed);
}
