/* discovery/addresses.h: the addresses of one server, IPv6 and IPv4 taking turns. */
#ifndef STERNPOST_DISCOVERY_ADDRESSES_H
#define STERNPOST_DISCOVERY_ADDRESSES_H

#include "net/address.h"
#include "net/resolver.h"

enum { ADDRESSES_MOST = 16, ADDRESSES_NAME = 254 };

struct address_lookup {
    void (*done)(struct address_lookup *l); /* set by the caller; runs from the loop */
    /* Results; valid from done on. */
    struct net_address addresses[ADDRESSES_MOST]; /* first IPv6, then IPv4, in turn */
    size_t             addresses_len;
    enum dns_outcome   outcome;   /* FOUND when there is one; else the worse of the two answers */
    bool               is_secure; /* every answer that brought an address was validated, CNAMEs included */
    bool               is_alias;  /* the name is a CNAME */
    char               canonical[ADDRESSES_NAME]; /* what its CNAMEs lead to; empty when that is no host's name */
    int64_t            ttl_s;     /* how long what was found may be kept, or the denial */
    char               text[200]; /* why there is none, in words */
    /* private */
    struct resolver_query v4, v6;
    struct loop_timer     soon;
    struct loop          *loop;
    struct resolver      *resolver;
    char                  name[ADDRESSES_NAME]; /* no trailing dot */
    uint16_t              port;
    unsigned              open;
    struct net_address    found4[ADDRESSES_MOST / 2], found6[ADDRESSES_MOST / 2];
    size_t                found4_len, found6_len;
    enum dns_outcome      outcome4, outcome6;
};

/* `name` is a host name, or an address as text, which is its own answer. */
void address_lookup_start(struct address_lookup *l, struct loop *loop, struct resolver *r, struct slice name,
                          uint16_t port);
/* Cancels when under way. Zeroed is fine. */
void address_lookup_release(struct address_lookup *l);

#endif
