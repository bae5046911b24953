/* certs/tlsa_watch.h: the TLSA records that are published for one of our own services, looked at again and again, and since
 * when each is seen. */
#ifndef STERNPOST_CERTS_TLSA_WATCH_H
#define STERNPOST_CERTS_TLSA_WATCH_H

#include "base/status.h"
#include "net/resolver.h"
#include "policy/tlsa.h"

struct watched_record {
    struct tlsa_record record;
    struct slice       text;      /* "3 1 1 HEX" */
    bool               is_usable; /* senders go by it (RFC 7671 section 9, RFC 7672 section 3.1) */
    int64_t            seen_s;    /* wall clock; since when we see it */
    int64_t            wait_s;    /* how long answers without it may live in caches, counted from then */
};

struct tlsa_watch {
    struct slice           question;  /* "_25._tcp.mx.example.org" */
    enum dane_state        state;     /* of the last answer; DANE_UNKNOWN: there was none yet */
    struct watched_record *records;   /* of the last good answer; none when it is denied or not validated */
    size_t                 records_len;
    int64_t                gone_s;    /* wall clock; since when there are none, where there were some; 0: never */
    int64_t                ttl_s;     /* how long answers live in caches */
    char                   text[200]; /* what went wrong last; empty: nothing */
    bool                   is_wanted; /* the owner's own */
    void                 (*changed)(void *ctx); /* an answer came */
    void                  *ctx;
    /* private */
    struct resolver_query  query;
    struct resolver       *resolver;
    int64_t              (*wall_s)(void);
    struct arena           arena;
    int64_t                asked_s, full_s, lower_ttl_s;
    bool                   is_open, has_answer;
};

struct tlsa_watch *tlsa_watch_new(struct resolver *r, struct slice question, int64_t (*wall_s)(void));
void tlsa_watch_free(struct tlsa_watch *w);
/* Asks when the last answer is older than `every_s` (the resolver's cache answers within the TTL). */
void tlsa_watch_tend(struct tlsa_watch *w, int64_t every_s);

#endif
