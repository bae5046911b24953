#include "net/https_server_private.h"

#include "base/log.h"
#include "base/memory.h"

#include <assert.h>

enum { LINGER_MS = 2000, LINGER_BYTES = 4 * 1024 * 1024, STEPS_A_ROUND = 32, SURPLUS_RETRY_S = 60 };

/* What one step of a visit comes to. */
enum next { GO_ON, WAIT, OVER };

static int64_t time_for(const struct https_visit *v, enum https_state state)
{
    const struct https_limits *l = &v->server->config.limits;

    switch (state) {
    case HTTPS_SHAKING: return l->handshake_ms;
    case HTTPS_IDLE: return v->requests == 0 ? l->head_ms : l->idle_ms;
    case HTTPS_HEAD: return l->head_ms;
    case HTTPS_BODY: return l->body_ms;
    case HTTPS_ANSWERING: return l->answer_ms;
    case HTTPS_HANDLING: return 0; /* the handler has limits of its own */
    case HTTPS_LINGERING: break;
    }
    return LINGER_MS;
}

static void enter_state(struct https_visit *v, enum https_state state)
{
    int64_t in_ms = time_for(v, state);

    v->state = state;
    if (in_ms > 0)
        loop_timer_set(v->server->config.loop, &v->deadline, in_ms);
    else
        loop_timer_clear(v->server->config.loop, &v->deadline);
}

static enum next wait_for(struct https_visit *v, unsigned wanted)
{
    loop_watch(v->server->config.loop, &v->io, v->stream.fd, wanted);
    return WAIT;
}

static void end_call(struct https_visit *v)
{
    struct https_call *call = v->call;

    v->call = NULL;
    if (call == NULL)
        return;
    arena_release(&call->arena);
    free(call);
}

static void call_is_gone(struct https_visit *v)
{
    if (v->call != NULL && v->state != HTTPS_ANSWERING && v->state != HTTPS_LINGERING &&
        v->call->route->handler->gone != NULL)
        v->call->route->handler->gone(v->call);
    end_call(v);
}

void https_visit_free(struct https_visit *v)
{
    struct https_server *s = v->server;

    call_is_gone(v);
    loop_timer_clear(s->config.loop, &v->deadline);
    loop_unwatch(s->config.loop, &v->io);
    stream_close(&v->stream);
    buf_release(&v->out);
    if (v->next != NULL)
        v->next->link = v->link;
    *v->link = v->next;
    https_server_left(s, &v->peer);
    free(v);
}

/* -- answers ---------------------------------------------------------------------------------------------- */

static void say(struct https_visit *v, const struct https_answer *answer, const struct http_head *head)
{
    char from[NET_ADDRESS_TEXT];

    https_answer_write(answer, v->closes, head != NULL && head->method == HTTP_HEAD, &v->out);
    enter_state(v, HTTPS_ANSWERING);
    log_info(NULL, "https request answered", LOG_CSTR("from", net_address_text(&v->peer, from)),
             LOG_INT("code", answer->code), LOG_CSTR("method", head == NULL ? "" : http_method_name(head->method)),
             LOG_STR("host", head == NULL ? SLICE_LIT("") : head->host),
             LOG_STR("path", head == NULL ? SLICE_LIT("") : head->path));
}

/* What follows a bad request on its connection cannot be told apart any more. */
static enum next refuse(struct https_visit *v, unsigned code, const struct http_head *head, const char *allow)
{
    struct https_answer answer = { .code = code, .allow = allow };

    if (code == 429)
        answer.retry_after_s = SURPLUS_RETRY_S;
    v->closes = true;
    say(v, &answer, head);
    return GO_ON;
}

void https_answer(struct https_call *call, const struct https_answer *answer)
{
    struct https_visit *v = call->visit;

    assert(v->call == call && v->state != HTTPS_ANSWERING);
    v->closes |= v->body_left > 0 || answer->code >= 400 || v->requests >= v->server->config.limits.requests_max;
    say(v, answer, &call->head);
    https_visit_drive(v);
}

/* -- steps ------------------------------------------------------------------------------------------------ */

static enum next shake(struct https_visit *v)
{
    enum stream_result r = stream_handshake(&v->stream);

    if (r == STREAM_AGAIN)
        return wait_for(v, stream_wants(&v->stream));
    if (r != STREAM_OK)
        return OVER;
    enter_state(v, HTTPS_IDLE);
    return GO_ON;
}

/* More bytes into `in`, which has room. */
static enum next fill(struct https_visit *v)
{
    size_t got;
    enum stream_result r = stream_read(&v->stream, v->in + v->in_len, sizeof v->in - v->in_len, &got);

    if (r == STREAM_AGAIN)
        return wait_for(v, stream_wants(&v->stream));
    v->in_len += got;
    return r == STREAM_OK ? GO_ON : OVER;
}

static void take(struct https_visit *v, size_t len)
{
    v->in_len -= len;
    memmove(v->in, v->in + len, v->in_len);
}

/* Without TLS the request alone says which host it is for. */
static struct slice name_asked_for(const struct https_visit *v, const struct http_head *head, char text[static HTTPS_NAME_MAX])
{
    struct slice name = SLICE_LIT("");

    if (v->server->tls != NULL)
        return tls_server_name(v->stream.ssl);
    (void)!https_host_name(head->host, text, &name);
    return name;
}

/* Reads the head once more from a copy that lives as long as the call. */
static void start_call(struct https_visit *v, struct slice head_text, const struct https_route *route)
{
    struct https_call *call = v->call = NEW(struct https_call);
    char text[HTTPS_NAME_MAX];
    size_t used;
    bool is_same = http_head_parse(arena_copy(&call->arena, head_text), &call->head, &used, NULL) == OK &&
                   https_host_name(call->head.host, text, &call->host);

    assert(is_same);
    call->host = arena_copy(&call->arena, call->host);
    call->route = route;
    call->peer = v->peer;
    call->ctx = route->ctx == NULL ? v->server->config.ctx : route->ctx;
    call->visit = v;
    v->body_left = call->head.content_length;
    v->closes = !call->head.is_keep_alive;
}

static void begin_body(struct https_visit *v)
{
    struct https_call *call = v->call;

    enter_state(v, HTTPS_BODY);
    if (call->route->handler->begin != NULL)
        call->route->handler->begin(call);
    if (v->state == HTTPS_BODY && call->head.expects_continue && v->body_left > v->in_len &&
        buf_add(&v->out, SLICE_LIT("HTTP/1.1 100 Continue\r\n\r\n")) != OK)
        assert(false); /* there is room: nothing is in it */
}

static enum next judge_head(struct https_visit *v, const struct http_head *head, size_t used)
{
    const struct https_server_config *config = &v->server->config;
    struct https_choice choice;
    char host[HTTPS_NAME_MAX];

    if (v->is_surplus)
        return refuse(v, 429, head, NULL);
    https_route_choose(config->routes, config->routes_len, config->ctx, head, name_asked_for(v, head, host), &choice);
    if (choice.code != 0)
        return refuse(v, choice.code, head, choice.code == 405 ? choice.allow : NULL);
    start_call(v, slice_of(v->in, used), choice.route);
    take(v, used);
    begin_body(v);
    return GO_ON;
}

static enum next read_head(struct https_visit *v)
{
    struct http_head head;
    struct fault why;
    size_t used;
    enum status st;

    if (v->in_len == 0)
        return fill(v);
    if (v->state == HTTPS_IDLE)
        enter_state(v, HTTPS_HEAD);
    st = http_head_parse(slice_of(v->in, v->in_len), &head, &used, &why);
    if (st == ERR_TEMPORARY)
        return fill(v);
    v->requests++;
    return st == OK ? judge_head(v, &head, used) : refuse(v, http_head_refusal(st), NULL, NULL);
}

static enum next flush(struct https_visit *v)
{
    while (buf_slice(&v->out).len > 0) {
        size_t put;
        enum stream_result r = stream_write(&v->stream, buf_slice(&v->out), &put);

        if (r == STREAM_AGAIN)
            return wait_for(v, stream_wants(&v->stream));
        if (r != STREAM_OK)
            return OVER;
        buf_consume(&v->out, put);
    }
    return GO_ON;
}

static enum next read_body(struct https_visit *v)
{
    struct https_call *call = v->call;
    enum next next = flush(v); /* "100 Continue" */
    struct slice piece = slice_first(slice_of(v->in, v->in_len), v->body_left);

    if (next != GO_ON)
        return next;
    if (v->body_left == 0) {
        enter_state(v, HTTPS_HANDLING);
        call->route->handler->end(call);
        return GO_ON;
    }
    if (piece.len == 0)
        return fill(v);
    v->body_left -= piece.len;
    call->route->handler->piece(call, piece);
    take(v, piece.len);
    return GO_ON;
}

static enum next wait_for_handler(struct https_visit *v)
{
    return wait_for(v, 0);
}

static enum next write_answer(struct https_visit *v)
{
    enum next next;

    end_call(v);
    next = flush(v);
    if (next != GO_ON)
        return next;
    if (!v->closes) {
        enter_state(v, HTTPS_IDLE);
        return GO_ON;
    }
    stream_finish(&v->stream);
    v->in_len = 0;
    enter_state(v, HTTPS_LINGERING);
    return GO_ON;
}

static enum next linger(struct https_visit *v)
{
    size_t got;
    enum stream_result r = stream_drop(&v->stream, &got);

    v->dropped += got;
    if (r == STREAM_AGAIN)
        return wait_for(v, LOOP_READ);
    return r == STREAM_OK && v->dropped < LINGER_BYTES ? GO_ON : OVER;
}

static enum next (*const steps[])(struct https_visit *v) = {
    [HTTPS_SHAKING] = shake,
    [HTTPS_IDLE] = read_head,
    [HTTPS_HEAD] = read_head,
    [HTTPS_BODY] = read_body,
    [HTTPS_HANDLING] = wait_for_handler,
    [HTTPS_ANSWERING] = write_answer,
    [HTTPS_LINGERING] = linger,
};

/* A fast client must not hold up the others; what is in our hands or in those of TLS no readiness will announce. */
void https_visit_drive(struct https_visit *v)
{
    enum next next = GO_ON;

    if (v->is_driven)
        return;
    v->is_driven = true;
    for (int i = 0; next == GO_ON && (i < STEPS_A_ROUND || v->in_len > 0 || stream_has_pending(&v->stream)); i++)
        next = steps[v->state](v);
    v->is_driven = false;
    if (next == GO_ON)
        (void)wait_for(v, v->state == HTTPS_ANSWERING ? LOOP_WRITE : LOOP_READ);
    else if (next == OVER)
        https_visit_free(v);
}

/* -- from outside ----------------------------------------------------------------------------------------- */

static void on_ready(struct loop_io *io, unsigned events)
{
    struct https_visit *v = CONTAINER_OF(io, struct https_visit, io);

    if (v->state == HTTPS_HANDLING && (events & LOOP_HANGUP) != 0)
        https_visit_free(v);
    else
        https_visit_drive(v);
}

static void on_deadline(struct loop_timer *t)
{
    struct https_visit *v = CONTAINER_OF(t, struct https_visit, deadline);

    if (v->state != HTTPS_HEAD && v->state != HTTPS_BODY) {
        https_visit_free(v);
        return;
    }
    call_is_gone(v);
    (void)refuse(v, 408, NULL, NULL);
    https_visit_drive(v);
}

void https_visit_open(struct https_server *s, int fd, const struct net_address *peer, bool is_surplus)
{
    struct https_visit *v = NEW(struct https_visit);

    v->server = s;
    v->peer = *peer;
    v->is_surplus = is_surplus;
    v->io.ready = on_ready;
    v->deadline.fire = on_deadline;
    buf_init(&v->out, HTTPS_ANSWER_MAX);
    stream_init_accepted(&v->stream, fd);
    if (s->tls != NULL)
        stream_start_server(&v->stream, s->tls);
    v->next = s->visits;
    if (v->next != NULL)
        v->next->link = &v->next;
    v->link = &s->visits;
    s->visits = v;
    enter_state(v, s->tls != NULL ? HTTPS_SHAKING : HTTPS_IDLE);
    https_visit_drive(v);
}
