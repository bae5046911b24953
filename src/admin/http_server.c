#include "admin/http_server.h"

#include "base/memory.h"
#include "net/http_reason.h"

#include <arpa/inet.h>
#include <assert.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <sys/socket.h>

enum { LINGER_MS = 2000, ACCEPT_AGAIN_S = 1 };

enum connection_state {
    READING_HEAD,
    READING_BODY,
    HANDLING,  /* with the handler; nothing is read */
    ANSWERING, /* bytes of the answer are left */
    LINGERING, /* refused and closed for writing: what still comes is thrown away, so that the answer arrives */
};

struct http_connection {
    struct http_server *server;
    struct http_connection *next, **link; /* in server->connections */
    struct bufferevent *bev;
    struct event *deadline;
    enum connection_state state;
    bool closes; /* after the answer */
    bool is_local;
    struct http_exchange *exchange;
    char from[INET6_ADDRSTRLEN];
};

struct http_server {
    struct http_server_config config;
    struct evconnlistener *listener;
    struct event *again; /* accepts anew, after descriptors ran out */
    struct http_connection *connections;
    unsigned connections_len;
};

static void exchange_free(struct http_exchange *x)
{
    arena_release(&x->arena);
    free(x);
}

static void connection_free(struct http_connection *c)
{
    struct http_server *s = c->server;

    if (c->exchange != NULL && c->state == HANDLING)
        c->exchange->connection = NULL; /* whoever answers it frees it */
    else if (c->exchange != NULL)
        exchange_free(c->exchange);
    if (c->next != NULL)
        c->next->link = c->link;
    *c->link = c->next;
    event_free(c->deadline);
    bufferevent_free(c->bev);
    free(c);
    if (s->connections_len-- == s->config.connections_max && s->listener != NULL)
        (void)evconnlistener_enable(s->listener);
}

static void set_deadline(struct http_connection *c, int64_t in_ms)
{
    struct timeval tv = { .tv_sec = in_ms / 1000, .tv_usec = in_ms % 1000 * 1000 };

    (void)event_add(c->deadline, &tv);
}

static void enter_state(struct http_connection *c, enum connection_state state)
{
    const struct http_server_config *config = &c->server->config;

    c->state = state;
    if (state == HANDLING) {
        (void)event_del(c->deadline); /* the handler has limits of its own */
        (void)bufferevent_disable(c->bev, EV_READ);
        return;
    }
    if (state != ANSWERING)
        (void)bufferevent_enable(c->bev, EV_READ);
    set_deadline(c, state == READING_HEAD   ? config->idle_ms
                    : state == READING_BODY ? config->request_ms
                    : state == ANSWERING    ? config->answer_ms
                                            : LINGER_MS);
}

static void write_answer(struct http_connection *c, unsigned code, const char *type, struct slice body,
                         bool without_body)
{
    struct evbuffer *out = bufferevent_get_output(c->bev);

    evbuffer_add_printf(out,
                        "HTTP/1.1 %u %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nCache-Control: no-store\r\n"
                        "X-Content-Type-Options: nosniff\r\nContent-Security-Policy: default-src 'none'\r\n"
                        "Connection: %s\r\n\r\n",
                        code, http_reason(code), type, body.len, c->closes ? "close" : "keep-alive");
    if (!without_body)
        evbuffer_add(out, body.ptr, body.len);
    enter_state(c, ANSWERING);
}

/* What follows a bad request on its connection cannot be told apart any more. */
static void refuse(struct http_connection *c, enum status st, const struct fault *why)
{
    unsigned code = st == ERR_FULL ? 413 : http_head_refusal(st);
    struct arena a = { 0 };

    c->closes = true;
    (void)bufferevent_disable(c->bev, EV_READ);
    write_answer(c, code, "application/json", arena_printf(&a, "{\"error\":\"%s\"}\n", why->text), false);
    arena_release(&a);
}

static void hand_over(struct http_connection *c)
{
    enter_state(c, HANDLING);
    c->server->config.handle(c->server->config.ctx, c->exchange);
}

static void read_body(struct http_connection *c)
{
    struct http_exchange *x = c->exchange;
    struct evbuffer *in = bufferevent_get_input(c->bev);
    size_t len = (size_t)x->head.content_length;

    if (evbuffer_get_length(in) < len)
        return;
    if (len > 0) {
        char *body = arena_alloc(&x->arena, len + 1);

        evbuffer_remove(in, body, len);
        x->body = slice_of(body, len);
    }
    hand_over(c);
}

static void start_exchange(struct http_connection *c, struct slice head_text)
{
    struct http_exchange *x = c->exchange = NEW(struct http_exchange);
    struct ucred peer;
    socklen_t len = sizeof peer;
    size_t used;
    /* Parsed once more from the exchange's own copy, so that its slices stay. */
    bool is_same = http_head_parse(arena_copy(&x->arena, head_text), &x->head, &used, NULL) == OK;

    assert(is_same);
    x->connection = c;
    x->from = c->is_local ? SLICE_LIT("control socket") : arena_copy(&x->arena, slice_str(c->from));
    if (c->is_local && getsockopt(bufferevent_getfd(c->bev), SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0) {
        x->has_peer = true;
        x->uid = peer.uid;
    }
    c->closes = !x->head.is_keep_alive;
}

static void read_head(struct http_connection *c)
{
    struct evbuffer *in = bufferevent_get_input(c->bev);
    size_t used, there = evbuffer_get_length(in);
    size_t len = there < HTTP_HEAD_BYTES_MAX ? there : HTTP_HEAD_BYTES_MAX;
    struct slice text = slice_of(len == 0 ? "" : (const char *)evbuffer_pullup(in, (ssize_t)len), len);
    struct http_head head;
    struct fault why;
    enum status st = http_head_parse(text, &head, &used, &why);

    if (st == ERR_TEMPORARY)
        return;
    if (st == OK && head.content_length > c->server->config.body_bytes_max)
        st = fault_set(&why, ERR_FULL, "body is longer than %zu bytes", c->server->config.body_bytes_max);
    if (st != OK) {
        refuse(c, st, &why);
        return;
    }
    start_exchange(c, slice_first(text, used));
    evbuffer_drain(in, used);
    if (head.expects_continue && head.content_length > evbuffer_get_length(in))
        evbuffer_add_printf(bufferevent_get_output(c->bev), "HTTP/1.1 100 Continue\r\n\r\n");
    enter_state(c, READING_BODY);
    read_body(c);
}

static void on_read(struct bufferevent *bev, void *ctx)
{
    struct http_connection *c = ctx;
    struct evbuffer *in = bufferevent_get_input(bev);

    if (c->state == LINGERING)
        evbuffer_drain(in, evbuffer_get_length(in));
    else if (c->state == READING_BODY)
        read_body(c);
    else if (c->state == READING_HEAD)
        read_head(c);
}

/* The answer is with the kernel. */
static void on_written(struct bufferevent *bev, void *ctx)
{
    struct http_connection *c = ctx;

    if (c->state != ANSWERING)
        return; /* "100 Continue" */
    if (c->exchange != NULL)
        exchange_free(c->exchange);
    c->exchange = NULL;
    if (c->closes) {
        enter_state(c, LINGERING);
        (void)shutdown(bufferevent_getfd(bev), SHUT_WR);
        return;
    }
    enter_state(c, READING_HEAD);
    on_read(bev, c); /* the next one may be there already */
}

static void on_event(struct bufferevent *bev, short what, void *ctx)
{
    (void)bev;
    (void)what; /* end of file, or an error */
    connection_free(ctx);
}

static void on_deadline(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd;
    (void)what;
    connection_free(ctx);
}

static void name_peer(struct http_connection *c, const struct sockaddr *sa)
{
    c->is_local = sa->sa_family == AF_UNIX;
    if (sa->sa_family == AF_INET)
        (void)inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, c->from, sizeof c->from);
    if (sa->sa_family == AF_INET6)
        (void)inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, c->from,
                        sizeof c->from);
}

/* Out of descriptors, most likely: the waiting client would wake us again at once, for ever. */
static void on_accept_error(struct evconnlistener *listener, void *ctx)
{
    struct http_server *s = ctx;
    struct timeval tv = { .tv_sec = ACCEPT_AGAIN_S };

    (void)evconnlistener_disable(listener);
    (void)event_add(s->again, &tv);
}

static void on_accept_again(evutil_socket_t fd, short what, void *ctx)
{
    struct http_server *s = ctx;

    (void)fd;
    (void)what;
    if (s->connections_len < s->config.connections_max)
        (void)evconnlistener_enable(s->listener);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *sa, int len, void *ctx)
{
    struct http_server *s = ctx;
    struct http_connection *c = NEW(struct http_connection);

    (void)len;
    c->server = s;
    c->bev = bufferevent_socket_new(s->config.base, fd, BEV_OPT_CLOSE_ON_FREE);
    c->deadline = event_new(s->config.base, -1, 0, on_deadline, c);
    name_peer(c, sa);
    bufferevent_setcb(c->bev, on_read, on_written, on_event, c);
    /* Read ahead no more than a request; the rest waits in the socket. */
    bufferevent_setwatermark(c->bev, EV_READ, 0, HTTP_HEAD_BYTES_MAX + s->config.body_bytes_max);
    c->next = s->connections;
    if (c->next != NULL)
        c->next->link = &c->next;
    c->link = &s->connections;
    s->connections = c;
    if (++s->connections_len == s->config.connections_max)
        (void)evconnlistener_disable(listener);
    enter_state(c, READING_HEAD);
}

struct http_server *http_server_new(const struct http_server_config *config)
{
    struct http_server *s = NEW(struct http_server);

    s->config = *config;
    s->listener = evconnlistener_new(config->base, on_accept, s, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0,
                                     config->listen_fd);
    evconnlistener_set_error_cb(s->listener, on_accept_error);
    s->again = event_new(config->base, -1, 0, on_accept_again, s);
    return s;
}

void http_server_free(struct http_server *s)
{
    if (s == NULL)
        return;
    event_free(s->again);
    evconnlistener_free(s->listener);
    s->listener = NULL;
    for (struct http_connection *c = s->connections, *next; c != NULL; c = next) {
        next = c->next;
        connection_free(c);
    }
    free(s);
}

void http_answer(struct http_exchange *x, unsigned code, const char *type, struct slice body)
{
    if (x->connection == NULL) {
        exchange_free(x);
        return;
    }
    write_answer(x->connection, code, type, body, x->head.method == HTTP_HEAD);
}
