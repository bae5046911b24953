/* domains/reverse.h: the name of an address (PTR), and whether that name leads back to the address (RFC 1912 section 2.1). */
#ifndef STERNPOST_DOMAINS_REVERSE_H
#define STERNPOST_DOMAINS_REVERSE_H

#include "net/address.h"
#include "net/resolver.h"

enum { REVERSE_NAMES_MOST = 4, REVERSE_QUESTION = 80 };

struct reverse_lookup { /* embed, zeroed */
    void (*done)(struct reverse_lookup *l); /* set by the caller; runs from the loop, never inside reverse_lookup_start() */
    /* Results; live until reverse_lookup_release(). */
    enum dns_outcome      outcome; /* of PTR, or of the addresses when these gave no answer: DNS_FAILED */
    struct slice     name;         /* the one that leads back, else the first; "" when there is none */
    bool             is_confirmed; /* it leads back */
    /* private */
    struct resolver_query query;
    struct resolver      *resolver;
    struct arena          arena;
    struct net_address    address;
    struct slice          names[REVERSE_NAMES_MOST]; /* further ones are not looked at */
    size_t                names_len, at;
};

/* "1.2.0.192.in-addr.arpa", or nibbles below ip6.arpa (RFC 1035 section 3.5, RFC 3596 section 2.5). */
struct slice reverse_question(const struct net_address *a, char out[static REVERSE_QUESTION]);

void reverse_lookup_start(struct reverse_lookup *l, struct resolver *r, const struct net_address *address);
void reverse_lookup_release(struct reverse_lookup *l); /* cancels when under way; zeroed is fine */

#endif
