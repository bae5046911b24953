/* discovery/sts_private.h: what the files of the MTA-STS service share. See sts.c for how they play together. */
#ifndef STERNPOST_DISCOVERY_STS_PRIVATE_H
#define STERNPOST_DISCOVERY_STS_PRIVATE_H

#include "base/log.h"
#include "discovery/sts_fetch.h"
#include "discovery/sts_gate.h"
#include "discovery/sts_keep.h"

#include <stdatomic.h>

enum {
    STS_ENTRIES_MOST = 50 * 1000,
    STS_FETCHES_MOST = 16,
    STS_FETCHES_PER_S = 20,
    STS_PATIENCE_MS = 60 * 1000,     /* so long an asker waits where nothing is kept, */
    STS_PATIENCE_KEPT_MS = 3 * 1000, /* and so long where something is */
    STS_TEND_MS = 30 * 1000,
    STS_REFRESHING_MOST = 4,         /* looks at a time that nobody waits for */
};

struct sts_look;
TAILQ_HEAD(sts_looks, sts_look);

/* struct sts_counts, as several threads see it. */
struct sts_tally {
    atomic_uint_least64_t asked, from_memory, fetched, fetch_failed, invalid, webpki_invalid, downgraded, entries;
};

struct sts {
    struct loop         *loop;
    struct resolver     *resolver;
    struct https_client *https;
    int64_t            (*wall_s)(void);
    struct handoff      *inbox;
    struct loop_io       inbox_io;
    struct loop_timer    tend_timer;
    struct sts_cache     cache;
    struct sts_keep      keep;
    struct sts_gate      gate;
    struct sts_looks     looks;     /* under way; few enough to be walked */
    struct map           looks_by_domain;
    size_t               refreshing;
    struct sts_tally     tally;
    bool                 is_stopping;
};

/* One look for a domain's policy: at its TXT record, and, where that says so, at the policy host. */
struct sts_look {
    TAILQ_ENTRY(sts_look) in_list;
    struct sts           *sts;
    struct arena          arena;
    struct slice          domain;
    bool                  is_forced;   /* fetch, whatever is kept */
    bool                  is_for_none; /* began as a refresh: nobody asked */
    bool                  is_news;     /* there is another policy than the one kept: who asks waits for it */
    bool                  is_patience_over;
    struct handoff_item  *waiting;     /* requests, by `item` */
    struct resolver_query query;
    char                  id[STS_ID_TEXT];
    struct sts_ticket     ticket;
    struct sts_fetch      fetch;
    struct loop_timer     patience;
    int64_t               began_ms;
};

/* -- sts_look.c ----------------------------------------------------------------------------------------------- */

struct sts_look *sts_look_find(const struct sts *s, struct slice domain); /* NULL: none is under way */
struct sts_look *sts_look_begin(struct sts *s, struct slice domain);
/* Waits for its end, or answers at once when that is too far away. */
void sts_look_join(struct sts_look *l, struct sts_request *q);
void sts_look_drop(struct sts_look *l); /* answers who waits with what is known */

/* -- sts_answer.c: answers, and the commands that wait for nothing -------------------------------------------- */

void sts_reply(struct sts_request *q, enum status st);
/* What is known of the domain, to its asker. */
void sts_answer(struct sts *s, struct sts_request *q);
void sts_list(struct sts *s, struct sts_request *q);
void sts_show(struct sts *s, struct sts_request *q);
void sts_forget(struct sts *s, struct sts_request *q);

/* -- sts.c ---------------------------------------------------------------------------------------------------- */

void sts_tend(struct sts *s); /* what STS_TEND_MS brings: refreshes, and an end to what is not used */
uint32_t sts_random(void);
void sts_used(struct sts *s, struct sts_entry *e, int64_t now_s);

#endif
