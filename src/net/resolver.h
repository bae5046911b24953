/* net/resolver.h: DNS with DNSSEC validation, asynchronous on a worker's loop. Over libunbound. */
#ifndef STERNPOST_NET_RESOLVER_H
#define STERNPOST_NET_RESOLVER_H

#include "base/arena.h"
#include "net/loop.h"

enum dns_type {
    DNS_A = 1, DNS_NS = 2, DNS_CNAME = 5, DNS_PTR = 12, DNS_MX = 15, DNS_TXT = 16, DNS_AAAA = 28, DNS_TLSA = 52, DNS_CAA = 257
};

enum dns_outcome {
    DNS_FOUND,    /* records is not empty */
    DNS_NODATA,   /* the name exists, without this type */
    DNS_NXDOMAIN,
    DNS_FAILED,   /* SERVFAIL, timeout, refused: nothing is known (never "not there") */
    DNS_BOGUS,    /* DNSSEC says forged: nothing may be used */
};
const char *dns_outcome_name(enum dns_outcome o);

struct dns_record {
    struct slice bytes;      /* RDATA: A, AAAA, TXT (strings joined), TLSA, CAA as on the wire; MX and PTR: see name */
    struct slice wire;       /* TXT: RDATA as on the wire, strings apart */
    struct slice name;       /* MX exchange, NS, PTR or CNAME target as text without trailing dot, lower case; "" is the root */
    uint16_t     preference; /* MX */
};

struct dns_answer {
    enum dns_outcome         outcome;
    bool                     is_secure;  /* validated; of denials too */
    const struct dns_record *records;    /* live until the callback returns */
    size_t                   records_len;
    struct slice             canonical;  /* the owner's name after CNAMEs; the question's when there are none */
    int64_t                  ttl_s;      /* clamped to 0..86400 */
    const char              *why;        /* for DNS_BOGUS and DNS_FAILED, in words */
};

struct dns_config { /* strings borrowed during resolver_new() */
    const char *const *forwarders;   /* "192.0.2.1", "127.0.0.1@5353"; none: from the root */
    size_t             forwarders_len;
    const char *const *stubs;        /* "example.test=127.0.0.1@5301"; insecure below names like test. and internal.,
                                      * which the root denies, unless trust_anchors has an anchor for them */
    size_t             stubs_len;
    const char *const *local_data;   /* "mx.example.test. 60 IN A 127.0.0.2": answers of our own, never secure */
    size_t             local_data_len;
    const char        *trust_anchor_file; /* NULL: /usr/share/dns/root.key */
    const char *const *trust_anchors;     /* further DS or DNSKEY records */
    size_t             trust_anchors_len;
    int64_t            timeout_ms;   /* for one look-up; 0: 10000 */
    const char        *hosts_file;   /* of names on this machine, as /etc/hosts; NULL: none. Never secure */
    bool               never_secure; /* no validation: for forwarders that do not pass DNSSEC on */
};

struct resolver;
struct resolver_query { /* embed, zeroed; stays valid until its callback or resolver_cancel() */
    void (*done)(struct resolver_query *q, const struct dns_answer *answer);
    void *private_state;
};

MUST_USE enum status resolver_new(struct loop *loop, const struct dns_config *config, struct resolver **out,
                                  struct fault *why);
void resolver_free(struct resolver *r); /* open queries are dropped without a callback */
/* The callback always comes later from the loop, never from inside this call. `name` is a host name as text, and may
 * hold \DDD as the names of answers do. What no name can be (a label over 63 bytes) is DNS_NXDOMAIN, not secure. */
void resolver_ask(struct resolver *r, struct resolver_query *q, struct slice name, enum dns_type type);
void resolver_cancel(struct resolver *r, struct resolver_query *q); /* no callback after it; fine when none is open */

#endif
