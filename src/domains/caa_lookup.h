/* domains/caa_lookup.h: the CAA records that count for a host's certificates: its own, else those of the nearest name above
 * it that has some (RFC 8659 section 3). */
#ifndef STERNPOST_DOMAINS_CAA_LOOKUP_H
#define STERNPOST_DOMAINS_CAA_LOOKUP_H

#include "net/resolver.h"
#include "policy/caa.h"

struct caa_lookup { /* embed, zeroed */
    void (*done)(struct caa_lookup *l); /* set by the caller; runs from the loop, never inside caa_lookup_start() */
    /* Results; live until caa_lookup_release(). */
    enum dns_outcome         outcome; /* DNS_FOUND; DNS_NODATA: there are none; DNS_FAILED, DNS_BOGUS: nothing is known */
    struct slice             owner;   /* the name they stand at, or that gave no answer; part of `name` */
    const struct caa_record *records; /* at most CAA_MOST; malformed ones are left out */
    size_t                   records_len;
    /* private */
    struct resolver_query query;
    struct resolver      *resolver;
    struct arena          arena;
};

void caa_lookup_start(struct caa_lookup *l, struct resolver *r, struct slice name); /* `name` is copied */
void caa_lookup_release(struct caa_lookup *l); /* cancels when under way; zeroed is fine */

#endif
