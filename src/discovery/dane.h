/* discovery/dane.h: what DNS says of DANE for one server (RFC 7672 section 2.2). */
#ifndef STERNPOST_DISCOVERY_DANE_H
#define STERNPOST_DISCOVERY_DANE_H

#include "discovery/addresses.h"
#include "policy/tlsa.h"

struct dane_result {
    enum dane_state state;  /* never DANE_UNKNOWN */
    struct tlsa_set set;    /* DANE_USABLE; texts and base_domain for DANE_UNUSABLE, too */
    int64_t         ttl_s;  /* of the answer, at least 1 */
    struct slice    text;   /* one sentence: "2 of 3 TLSA records of '_25._tcp.mx.example.org' can be used" */
};

struct dane_lookup {
    void (*done)(struct dane_lookup *l); /* set by the caller; runs from the loop, never inside dane_lookup_start() */
    struct dane_result result;           /* lives until dane_lookup_release() */
    /* private */
    struct resolver_query query;
    struct loop_timer     soon;
    struct loop          *loop;
    struct resolver      *resolver;
    struct arena          arena;
    struct slice          names[2]; /* base domains to ask, in the order of the RFC */
    size_t                names_len, at;
    struct slice          question;     /* what is asked now */
    bool                  has_insecure; /* an answer was not validated */
    uint16_t              port;
};

/* `server` is the name from MX (or of a host), `addresses` its finished look-up, from which come the security of the
 * addresses and the expanded name (section 2.2.2):
 *   validated addresses: the expanded name is asked, and when it has no records the name itself;
 *   others: nothing is asked (DNS-07); of an alias, whether its own CNAME is validated at least: then the name itself is;
 *   no address, or an address literal: DANE_NONE; addresses that could not be looked up: DANE_FAILED or DANE_BOGUS.
 * Records that are not validated are none (DNS-04); validated ones end the search, usable or not. Any failure on the way
 * is the result: who can suppress an answer must not switch DANE off by it (DNS-03). Everything is copied. */
void dane_lookup_start(struct dane_lookup *l, struct loop *loop, struct resolver *r, struct slice server, uint16_t port,
                       const struct address_lookup *addresses);
/* Cancels when it is under way, and frees. Zeroed is fine. */
void dane_lookup_release(struct dane_lookup *l);

#endif
