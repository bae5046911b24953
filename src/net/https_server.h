/* net/https_server.h: a small, strict HTTPS/1.1 server on one loop, for what the world may ask of us: policy files
 * and the delivery of TLS reports; without TLS, for the challenges of ACME alone (RFC 8555 section 8.3). TLS from the first byte, the certificate by SNI; requests by the parser of
 * net/http_request.h; what is served is a table (net/https_route.h). No file system, no cookies, no compression, no
 * redirects, nothing but HTTP/1.1 (WEB-06).
 *
 * A body comes to its handler in pieces as it arrives and is never whole in memory here. Whatever is wrong with a
 * request is answered and its connection closed: 400, 404, 405, 408 (too slow), 411, 413, 415, 421 (not the host of
 * the SNI), 429 (too many connections from one address), 431, 501 (RPT-08, STS-27, TLS-18, WEB-05). */
#ifndef STERNPOST_NET_HTTPS_SERVER_H
#define STERNPOST_NET_HTTPS_SERVER_H

#include "net/address.h"
#include "net/https_route.h"
#include "net/loop.h"
#include "net/tls_server.h"

struct https_server;
struct https_visit; /* a connection; private */

/* One request and the answer it waits for. */
struct https_call {
    struct http_head head; /* slices live as long as the call */
    struct slice host;     /* as routes see it */
    const struct https_route *route;
    struct net_address peer;
    struct arena arena;        /* freed with the call */
    void *ctx;                 /* that of the route, or of the configuration */
    void *state;               /* the handler's own; NULL at first */
    struct https_visit *visit; /* private */
};

/* Called from the loop, in this order; `piece` and `end` only until the call was answered. An answer may come from any
 * of them, or later; before the body has ended, it closes the connection. */
struct https_handler {
    void (*begin)(struct https_call *call); /* NULL: nothing to do */
    void (*piece)(struct https_call *call,
                  struct slice piece);     /* of the body, never empty; NULL for routes without one */
    void (*end)(struct https_call *call);  /* the request is whole */
    void (*gone)(struct https_call *call); /* the client left or was too slow: there will be no answer. NULL: nothing
                                            * to do. The call ends with it */
};

struct https_answer {
    unsigned code;
    const char *type;       /* a literal; NULL with an empty body */
    struct slice body;      /* copied; left out in the answer to HEAD */
    unsigned retry_after_s; /* 0: not said */
    const char *allow;      /* 405: the methods there are; NULL: not said */
};

/* Exactly once for each call that is not gone; the call ends with it, at the latest when the handler returns. */
void https_answer(struct https_call *call, const struct https_answer *answer);

struct https_limits {
    unsigned connections_max, connections_per_address; /* address: an IPv4 address, an IPv6 /64 */
    unsigned requests_max;                             /* over one connection */
    int64_t handshake_ms, head_ms, body_ms, answer_ms; /* for all of each, not from byte to byte */
    int64_t idle_ms;                                   /* between two requests */
};
extern const struct https_limits https_limits_usual; /* what a server of the internet needs; for most */

struct https_server_config {
    struct loop *loop;
    const struct net_address *addresses;
    size_t addresses_len;
    const struct tls_server_config *tls; /* copied; serves_http is set. NULL: plain HTTP */
    const struct https_route *routes;    /* borrowed */
    size_t routes_len;
    struct https_limits limits;
    void *ctx; /* for has_host() and the calls */
};

/* Listens at once; the loop serves. Errors are those of listener_open() and tls_server_new(). */
MUST_USE enum status https_server_new(const struct https_server_config *config, struct https_server **out,
                                      struct fault *why);
void https_server_free(struct https_server *s); /* calls not answered are gone; NULL is fine */
/* For a server with TLS: its certificates come from somebody else from now on, not from the files of its configuration. */
struct tls_server *https_server_hand_over(struct https_server *s);
/* Where it really listens: the port that the kernel chose for port 0. */
void https_server_address(const struct https_server *s, size_t at, struct net_address *out);

#endif
