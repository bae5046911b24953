/* relay/node_private.h: what workers see of their node beyond relay/node.h. */
#ifndef STERNPOST_RELAY_NODE_PRIVATE_H
#define STERNPOST_RELAY_NODE_PRIVATE_H

#include "net/listener.h"
#include "net/tls_server.h"
#include "relay/node.h"

struct bounce_cap;
struct census;
struct hasher;
struct sign_in_limit;
struct tls_hour;

/* A configured listener with its TLS; shared by all workers, immutable. */
struct node_listener {
    const struct config_listener *config;
    struct tls_server            *tls; /* NULL: LISTENER_CLEAR */
};

/* One bound socket of one worker. */
struct node_socket {
    struct listener             socket;
    const struct node_listener *listener;
};

struct bounce_cap *node_bounce_cap(struct node *n);
struct census *node_census(struct node *n);
struct tls_hour *node_tls_hour(struct node *n);
struct hasher *node_hasher(struct node *n);
struct sign_in_limit *node_sign_in_limit(struct node *n);
size_t node_sockets(struct node *n, unsigned worker, struct node_socket **out);

#endif
