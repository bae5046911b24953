/* admin/http_server.h: HTTP/1.1 on one listening socket, in the main thread's libevent base.
 *
 * Requests are read with http_request.h; each is handed to the handler whole, and its exchange stays until it is
 * answered, also when the client is gone by then. Limits: connections at once (further ones wait in the backlog),
 * bytes of a body, and a time for each of: idle, the arrival of a request, the departure of its answer (WEB-10). */
#ifndef STERNPOST_ADMIN_HTTP_SERVER_H
#define STERNPOST_ADMIN_HTTP_SERVER_H

#include "net/http_request.h"

#include <event2/event.h>
#include <sys/types.h>

struct http_server;

/* One request and the answer it waits for. */
struct http_exchange {
    struct http_head head;
    struct slice     body;
    struct slice     from;     /* "control socket", or the client's address */
    bool             has_peer; /* on a local socket: the client's user as the kernel knows it */
    uid_t            uid;
    struct arena     arena;    /* freed with the exchange: head, body and `from` live in it */
    struct http_connection *connection; /* private; NULL: the client is gone */
};

typedef void http_handler(void *ctx, struct http_exchange *x);

struct http_server_config {
    struct event_base *base;
    int                listen_fd; /* bound, listening, non-blocking; taken */
    size_t             body_bytes_max;
    unsigned           connections_max;
    int64_t            idle_ms, request_ms, answer_ms;
    http_handler      *handle; /* answers now or later, exactly once */
    void              *ctx;
};

struct http_server *http_server_new(const struct http_server_config *config);
/* Closes the socket and every connection. Exchanges not answered stay valid until they are answered. */
void http_server_free(struct http_server *s);

/* Answers and frees the exchange. `type` is a literal; `body` is copied. */
void http_answer(struct http_exchange *x, unsigned code, const char *type, struct slice body);

#endif
