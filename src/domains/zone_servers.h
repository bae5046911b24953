/* domains/zone_servers.h: the zone that a name lies in, and the addresses of its name servers, as our resolver finds them. */
#ifndef STERNPOST_DOMAINS_ZONE_SERVERS_H
#define STERNPOST_DOMAINS_ZONE_SERVERS_H

#include "net/address.h"
#include "net/resolver.h"

enum { ZONE_SERVERS_MOST = 16, ZONE_NAMES_MOST = 8, ZONE_LABELS_MOST = 16 };

struct zone_server {
    struct slice       name;
    struct net_address address; /* with port 53 */
};

struct zone_servers { /* embed, zeroed */
    void (*done)(struct zone_servers *z); /* set by the caller; runs from the loop, never inside zone_servers_start() */
    /* Results; live until zone_servers_release(). */
    struct slice       zone; /* "": it could not be told */
    struct zone_server servers[ZONE_SERVERS_MOST];
    size_t             servers_len;
    /* private */
    struct loop          *loop;
    struct resolver      *resolver;
    struct arena          arena;
    struct slice          candidate;
    unsigned              climbed;
    struct resolver_query query;
    struct name_lookup   *lookups;
    size_t                open;
};

void zone_servers_start(struct zone_servers *z, struct loop *loop, struct resolver *r, struct slice name); /* `name` is copied */
void zone_servers_release(struct zone_servers *z); /* cancels when under way; zeroed is fine */

#endif
