#include "admin/call.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "settings/domain_name.h"
#include "settings/units.h"

#include <assert.h>
#include <inttypes.h>
#include <pwd.h>

json_t *json_of(struct slice s)
{
    char small[512], *clean = s.len <= sizeof small ? small : mem_new(s.len, 1);
    struct slice shown = utf8_printable(s, clean, s.len);
    json_t *j = json_stringn(shown.ptr, shown.len);

    if (clean != small)
        free(clean);
    return j;
}

json_t *json_of_time(int64_t wall_s)
{
    char text[CLOCK_TEXT];

    return json_string(clock_rfc3339(wall_s, text));
}

json_t *json_of_moment(int64_t wall_s)
{
    return wall_s == 0 ? json_null() : json_of_time(wall_s);
}

static void call_free(struct call *c)
{
    arena_release(&c->store.arena);
    for (size_t i = 0; i < c->kept_len; i++)
        arena_release(&c->kept[i]);
    json_decref(c->body);
    c->home->calls_open--;
    free(c);
}

void call_answer_text(struct call *c, unsigned code, const char *type, struct slice text)
{
    struct http_exchange *x = c->http;

    call_free(c);
    http_answer(x, code, type, text);
}

void call_answer_code(struct call *c, unsigned code, json_t *answer)
{
    char *text = json_dumps(answer, JSON_COMPACT);

    json_decref(answer);
    call_answer_text(c, code, "application/json", slice_str(text));
    free(text);
}

void call_answer(struct call *c, json_t *answer)
{
    call_answer_code(c, 200, answer);
}

static const unsigned status_codes[] = {
    [ERR_SYNTAX] = 400,   [ERR_LIMIT] = 400,     [ERR_NOT_FOUND] = 404, [ERR_EXISTS] = 409,
    [ERR_CONFLICT] = 409, [ERR_TEMPORARY] = 503, [ERR_PERMANENT] = 403, [ERR_FULL] = 503,
};

void call_refuse(struct call *c, enum status st, const char *fmt, ...)
{
    json_t *answer = json_object();
    va_list ap;
    char text[sizeof(struct fault)];

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    json_object_set_new(answer, "error", json_of(slice_str(text)));
    json_object_set_new(answer, "status", json_string(status_name(st)));
    call_answer_code(c, status_codes[st], answer);
}

static void on_stored(struct store_request *r)
{
    struct call *c = CONTAINER_OF(r, struct call, store);

    if (r->status != OK && !c->takes_failure)
        call_refuse(c, r->status, "%s", r->why.text);
    else
        c->then(c);
}

static void send_request(struct call *c, void (*then)(struct call *c), bool takes_failure)
{
    c->then = then;
    c->takes_failure = takes_failure;
    c->store.reply_to = c->home->stored;
    c->store.done = on_stored;
    store_send(c->admin->store, &c->store);
}

void call_store(struct call *c, void (*then)(struct call *c))
{
    send_request(c, then, false);
}

void call_store_try(struct call *c, void (*then)(struct call *c))
{
    send_request(c, then, true);
}

void call_store_again(struct call *c)
{
    assert(c->kept_len < CALL_STORES_MAX);
    c->kept[c->kept_len++] = c->store.arena;
    c->store = (struct store_request){ 0 };
}

static void on_noted(struct call *c)
{
    if (c->store.status != OK)
        log_error(NULL, "the audit does not take what was done", LOG_STR("who", c->who),
                  LOG_STR("action", c->store.note->action), LOG_STR("name", c->store.note->name),
                  LOG_CSTR("why", c->store.why.text));
    call_answer(c, c->state);
}

void call_note(struct call *c, const char *action, const char *kind, struct slice name, json_t *what, json_t *answer)
{
    struct audit_row *note = ARENA_NEW(c->arena, struct audit_row);
    char *text = json_dumps(what, JSON_COMPACT);

    *note = (struct audit_row){ .action = slice_str(action), .kind = slice_str(kind), .name = name };
    note->after = arena_copy(c->arena, slice_str(text));
    json_decref(what);
    free(text);
    c->state = answer;
    call_store_again(c);
    c->store.verb = STORE_AUDIT_NOTE;
    c->store.note = note;
    c->store.who = c->who;
    c->store.from = c->http->from;
    call_store_try(c, on_noted);
}

bool call_query(struct call *c, const char *name, struct slice *out)
{
    struct slice encoded;

    *out = SLICE_LIT("");
    if (!http_query_find(c->http->head.query, name, &encoded) || http_query_decode(encoded, c->arena, out))
        return true;
    call_refuse(c, ERR_SYNTAX, "query parameter '%s' is not well-formed UTF-8 text in percent encoding", name);
    return false;
}

bool call_query_number(struct call *c, const char *name, uint64_t initial, uint64_t max, uint64_t *out)
{
    struct slice text;

    if (!call_query(c, name, &text))
        return false;
    *out = initial;
    if (text.len == 0 || (slice_to_u64(text, out) && *out <= max))
        return true;
    call_refuse(c, ERR_SYNTAX, "query parameter '%s' is not a number up to %" PRIu64, name, max);
    return false;
}

bool call_query_id(struct call *c, const char *name, uint64_t *out)
{
    struct slice text;

    if (!call_query(c, name, &text))
        return false;
    *out = 0;
    if (text.len == 0 || message_id_parse(text, out))
        return true;
    call_refuse(c, ERR_SYNTAX, "query parameter '%s' is not a message id of 13 characters", name);
    return false;
}

bool call_query_day(struct call *c, const char *name, struct slice *out)
{
    struct fault why;
    int64_t start_s;

    if (!call_query(c, name, out))
        return false;
    if (out->len == 0 || units_parse_day(*out, &start_s, &why) == OK)
        return true;
    call_refuse(c, ERR_SYNTAX, "query parameter '%s': %s", name, why.text);
    return false;
}

bool call_query_domain(struct call *c, const char *name, struct slice *out)
{
    struct slice text;
    struct fault why;

    if (!call_query(c, name, &text))
        return false;
    *out = SLICE_LIT("");
    if (text.len == 0 || domain_name_normalise(text, c->arena, out, &why) == OK)
        return true;
    call_refuse(c, ERR_SYNTAX, "query parameter '%s': %s", name, why.text);
    return false;
}

/* As the audit shows it: the kernel's word for who is at the other end of the control socket. */
static struct slice name_caller(struct http_exchange *x)
{
    char mem[1024];
    struct passwd entry, *found = NULL;

    if (!x->has_peer)
        return x->from;
    if (getpwuid_r(x->uid, &entry, mem, sizeof mem, &found) != 0 || found == NULL)
        return arena_printf(&x->arena, "uid %u", (unsigned)x->uid);
    return arena_printf(&x->arena, "uid %u (%s)", (unsigned)x->uid, entry.pw_name);
}

static json_t *parse_body(struct slice body, struct fault *why)
{
    json_error_t error;
    json_t *json = json_loadb(body.ptr, body.len, JSON_REJECT_DUPLICATES, &error);

    if (json == NULL)
        (void)fault_set(why, ERR_SYNTAX, "body is not JSON: line %d: %s", error.line, error.text);
    else if (!json_is_object(json)) {
        (void)fault_set(why, ERR_SYNTAX, "body is not a JSON object");
        json_decref(json);
        json = NULL;
    }
    return json;
}

void call_start(struct call_home *home, struct http_exchange *x, const struct endpoint *endpoint,
                const struct slice params[ROUTER_PARAMS_MAX])
{
    struct call *c = NEW(struct call);
    struct fault why;

    c->home = home;
    c->admin = &home->config;
    c->http = x;
    c->arena = &x->arena;
    c->who = name_caller(x);
    memcpy(c->params, params, sizeof c->params);
    home->calls_open++;
    if (x->body.len > 0 && (c->body = parse_body(x->body, &why)) == NULL)
        call_refuse(c, ERR_SYNTAX, "%s", why.text);
    else
        endpoint->handle(c);
}

json_t *json_of_lines(struct slice text)
{
    json_t *list = json_array();

    while (text.len > 0) {
        struct slice line = slice_cut(text, '\n', &text);

        if (line.len > 0 && line.ptr[line.len - 1] == '\r')
            line = slice_first(line, line.len - 1);
        json_array_append_new(list, json_of(line));
    }
    return list;
}
