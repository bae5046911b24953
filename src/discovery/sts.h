/* discovery/sts.h: the MTA-STS policies of other domains (RFC 8461 sections 3.1, 3.3 and 5.1): found, fetched, kept in the store
 * and in memory, refreshed. One for the process, on one loop; other threads ask by handoff. */
#ifndef STERNPOST_DISCOVERY_STS_H
#define STERNPOST_DISCOVERY_STS_H

#include "net/https.h"
#include "net/handoff.h"
#include "policy/mta_sts.h"
#include "policy/tls_record.h"
#include "policy/tls_result.h"
#include "store/store.h"

enum sts_finding {
    STS_FOUND,     /* `policy` holds, of whatever mode */
    STS_NOTHING,   /* the domain has no MTA-STS */
    STS_UNKNOWN,   /* DNS gave no answer and nothing is kept: mail goes as if there were none (section 3.1) */
    STS_TROUBLE,   /* there should be a policy, but it could not be had and none is kept: see failure */
};

/* Immutable and reference-counted; shared between threads. */
struct sts_facts {
    enum sts_finding  finding;
    struct slice      domain, id;    /* id: the policy's; empty unless STS_FOUND */
    struct sts_policy policy;        /* STS_FOUND */
    int64_t           fetched_s, expires_s, checked_s; /* wall clock; checked: when its id was last looked at with success */
    /* What went wrong when it was last looked for, also when a kept policy serves: TLS_RESULT_OK, or
     * ..._STS_POLICY_FETCH_ERROR, _STS_POLICY_INVALID, _STS_WEBPKI_INVALID. The text may tell of a record that is missing or
     * of the DNS instead, which are none of these. */
    enum tls_result   failure;
    struct slice      failure_text;
    struct slice      text;          /* one sentence: "policy 20261101 in mode enforce, kept since ..., allows 2 servers" */
};
const struct sts_facts *sts_facts_hold(const struct sts_facts *f);
void sts_facts_release(const struct sts_facts *f); /* NULL is fine */

struct sts_counts { /* since the start; read from any thread */
    uint64_t asked, from_memory, fetched, fetch_failed, invalid, webpki_invalid, downgraded, entries;
};

struct sts_config {
    struct loop         *loop;
    struct resolver     *resolver;
    struct https_client *https;
    struct store        *store;
    size_t               entries_most; /* 0: 50000; policies, and as many domains without one */
    size_t               fetches_most; /* at a time. 0: 16 */
    unsigned             fetches_per_s; /* in the long run. 0: 20 */
    int64_t (*wall_s)(void);           /* NULL: the clock; tests bring their own */
};

struct sts;
/* Reads what the store keeps before it returns. */
MUST_USE enum status sts_new(const struct sts_config *config, struct sts **out, struct fault *why);
/* On its own thread, after its last asker has been answered. Saves, if nobody did. */
void sts_free(struct sts *s);
/* Answers what is under way (with what is kept) and from then on at once. */
void sts_stop(struct sts *s);
/* When its loop does not run any more: writes what is left to the store, which is not used after it. */
void sts_save(struct sts *s);
void sts_counts(const struct sts *s, struct sts_counts *out);

enum sts_verb {
    STS_ASK,     /* domain -> facts. Waits for a fetch when nothing is kept: at most 60 s */
    STS_LIST,    /* after (a domain; empty: from the start), limit -> list: kept policies, by domain */
    STS_SHOW,    /* domain -> list of one. ERR_NOT_FOUND: nothing is kept */
    STS_REFRESH, /* domain -> facts: looks and fetches now, whatever is kept */
    STS_FORGET,  /* domain (empty: all) -> count. ERR_NOT_FOUND */
};

struct sts_kept { /* for people */
    const struct sts_facts *facts;
    int64_t                 used_s, refresh_s, next_try_s; /* next_try: after a failure; 0: none */
    unsigned                failures;                      /* in a row */
};

struct sts_request {
    struct handoff_item item;  /* private; first */
    enum sts_verb       verb;
    struct handoff     *reply_to;
    void              (*done)(struct sts_request *q); /* called by whoever takes from reply_to */
    struct slice        domain, after; /* borrowed until done; lower case, A-labels */
    size_t              limit;
    /* Out */
    enum status             status;
    struct fault            why;
    const struct sts_facts *facts; /* ASK, REFRESH: the caller's reference */
    const struct sts_kept  *list;  /* LIST, SHOW: until sts_request_release() */
    size_t                  list_len;
    uint64_t                count;
    struct arena            arena; /* private */
    void                   *private_state;
};
void sts_send(struct sts *s, struct sts_request *q); /* from any thread */
void sts_request_release(struct sts_request *q);     /* drops facts and list */

#endif
