/* net/https_server_private.h: what https_server.c (who may come in), https_serve.c (one connection) and
 * https_answer.c (the bytes of an answer) share. */
#ifndef STERNPOST_NET_HTTPS_SERVER_PRIVATE_H
#define STERNPOST_NET_HTTPS_SERVER_PRIVATE_H

#include "base/buf.h"
#include "base/map.h"
#include "net/https_server.h"
#include "net/listener.h"
#include "net/stream.h"

enum { HTTPS_ANSWER_MAX = 256 * 1024 };

enum https_state {
    HTTPS_SHAKING,
    HTTPS_IDLE, /* no byte of a next request */
    HTTPS_HEAD,
    HTTPS_BODY,
    HTTPS_HANDLING,  /* whole, and with the handler; nothing is read */
    HTTPS_ANSWERING, /* bytes of the answer are left */
    HTTPS_LINGERING, /* finished: what still comes is thrown away, so that the answer arrives */
};

struct https_visit {
    struct https_server *server;
    struct https_visit *next, **link; /* in server->visits */
    struct loop_io io;
    struct loop_timer deadline;
    struct stream stream;
    struct net_address peer;
    enum https_state state;
    bool is_surplus; /* over what its address may have: answered 429 */
    bool is_driven;  /* https_visit_drive() is on the stack */
    bool closes;     /* after the answer */
    unsigned requests;
    uint64_t body_left;
    size_t dropped; /* while lingering */
    struct https_call *call;
    char in[HTTP_HEAD_BYTES_MAX];
    size_t in_len;
    struct buf out;
};

struct https_door { /* one listening socket */
    struct loop_io io;
    struct https_server *server;
    struct listener listener;
};

struct https_server {
    struct https_server_config config;
    struct tls_server *tls;
    struct https_door *doors;
    size_t doors_len;
    struct https_visit *visits;
    unsigned visits_len;
    struct map by_address; /* the count itself stands where a pointer would */
    struct loop_timer refresh, again;
};

/* Takes the descriptor. */
void https_visit_open(struct https_server *s, int fd, const struct net_address *peer, bool is_surplus);
/* Does what can be done now; the visit may be freed when it returns. */
void https_visit_drive(struct https_visit *v);
void https_visit_free(struct https_visit *v);
/* A visit ended: its place is free. */
void https_server_left(struct https_server *s, const struct net_address *peer);

/* Adds the answer, head and body, to `out`. */
void https_answer_write(const struct https_answer *answer, bool closes, bool without_body, struct buf *out);

#endif
