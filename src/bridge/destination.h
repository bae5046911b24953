/* bridge/destination.h: the keys that Postfix asks smtp_tls_policy_maps for: next hops as they stand in its
 * configuration. */
#ifndef STERNPOST_BRIDGE_DESTINATION_H
#define STERNPOST_BRIDGE_DESTINATION_H

#include "base/arena.h"

enum destination_kind {
    DESTINATION_NONE,   /* nothing is ever said of it: ".parent", an address, localhost, what is no name */
    DESTINATION_DOMAIN, /* "example.com", "Example.COM.", "example.com:25": its mail exchangers are used */
    DESTINATION_RELAY,  /* "[mx.example.com]:587": that very server */
};

struct destination {
    enum destination_kind kind;
    struct slice name; /* lower case, A-labels, no dot at the end; empty for DESTINATION_NONE */
};

/* For any bytes. Ports are numbers or names of services and do not matter. The name lives in `arena`. */
void destination_read(struct slice key, struct arena *arena, struct destination *out);

#endif
