/* discovery/mx.h: which servers take mail for a domain (RFC 5321 section 5.1, RFC 7505). */
#ifndef STERNPOST_DISCOVERY_MX_H
#define STERNPOST_DISCOVERY_MX_H

#include "net/resolver.h"

enum mx_outcome {
    MX_FOUND,
    MX_NULL,      /* "0 .": the domain takes no mail, 556 5.1.10 */
    MX_NO_DOMAIN, /* there is no such domain, 5.1.2 */
    MX_LOOP,      /* we are the best of its servers ourselves, 5.4.6 */
    MX_FAILED,    /* DNS gave no answer: try later, 4.4.3 */
    MX_BOGUS,     /* DNSSEC says forged: try later, 4.7.324 */
};

struct mx_server {
    struct slice name; /* lower case, no trailing dot; an address for a domain literal */
    unsigned     preference;
};

struct mx_result {
    enum mx_outcome         outcome;
    bool                    is_secure;   /* the MX RRset, or its denial, was validated */
    struct slice            expanded;    /* what the domain's CNAMEs lead to, a further name of it where this is secure
                                          * (RFC 7672 section 3.2.2); empty when it is no alias */
    bool                    is_implicit; /* no MX: the domain's own address (section 5.1) */
    const struct mx_server *servers;     /* by preference, shuffled among equals; MX_FOUND has at least one */
    size_t                  servers_len;
    struct slice            text;        /* one sentence for trace and DSN */
};

struct mx_lookup {
    void (*done)(struct mx_lookup *l); /* set by the caller; runs from the loop, never inside mx_lookup_start() */
    struct mx_result result;           /* lives until mx_lookup_release() */
    /* private */
    struct resolver_query query;
    struct loop_timer     soon;
    struct loop          *loop;
    struct resolver      *resolver;
    struct arena          arena;
    struct slice          domain, own_name;
    uint32_t              random;
};

/* `domain` is lower case in A-labels or an address literal; copied. `own_name` is ours, for the loop check. */
void mx_lookup_start(struct mx_lookup *l, struct loop *loop, struct resolver *r, struct slice domain,
                     struct slice own_name, uint32_t random);
/* Cancels when it is under way, and frees. Zeroed is fine. */
void mx_lookup_release(struct mx_lookup *l);

/* The domain's own names, by which a certificate may go under DANE besides the server's (RFC 7672 section 3.2.2): none where the MX
 * records are not signed. Their number; they live as long as the lookup. */
size_t mx_domain_names(const struct mx_lookup *l, struct slice out[static 2]);

/* May the name stand for the domain, where its MX records prove nothing? It does when it lies within it (DNS-01). */
bool mx_is_within(struct slice server, struct slice domain);

/* The pure part: an answer into a result. For tests and mx_lookup. */
void mx_judge(const struct dns_answer *answer, struct slice domain, struct slice own_name, uint32_t random,
              struct arena *arena, struct mx_result *out);

#endif
