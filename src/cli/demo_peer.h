/* cli/demo_peer.h: the recipient servers of the demo's mail world: each listens at a loopback address, takes every
 * message, and keeps nothing. All of them live on one thread. */
#ifndef STERNPOST_CLI_DEMO_PEER_H
#define STERNPOST_CLI_DEMO_PEER_H

#include "net/address.h"

struct demo_peers;

struct demo_peer_config {
    const char *name;       /* its host name */
    const char *ip;
    uint16_t    port;
    const char *chain_file; /* NULL: no STARTTLS */
    const char *key_file;
    bool        is_late;    /* refuses connections until demo_peers_wake() */
    bool        offers_requiretls;
};

/* Binds all of them and starts the thread. ERR_CONFLICT names the address that is in use. */
MUST_USE enum status demo_peers_start(const struct demo_peer_config *peers, size_t len, struct demo_peers **out,
                                      struct fault *why);
/* The late ones begin to listen. */
void demo_peers_wake(struct demo_peers *p);
void demo_peers_stop(struct demo_peers *p);

#endif
