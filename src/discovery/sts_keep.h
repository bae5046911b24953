/* discovery/sts_keep.h: the table of policies on its way into the store and out of it. What changes is written behind, by
 * domain: whatever the table then holds of it. */
#ifndef STERNPOST_DISCOVERY_STS_KEEP_H
#define STERNPOST_DISCOVERY_STS_KEEP_H

#include "discovery/sts_cache.h"

enum { STS_KEEP_BATCH = 200, STS_KEEP_RETRY_MS = 60 * 1000 };

struct sts_keep { /* fields are private to sts_keep.c */
    struct loop         *loop;
    struct store        *store;
    struct sts_cache    *cache;
    struct map           changed; /* names of domains */
    bool                 all_gone;
    struct loop_timer    timer;
    struct handoff      *replies;
    struct loop_io       replies_io;
    struct store_request request;
    bool                 is_under_way, has_failed, is_saved;
    struct arena         arena; /* of the request, as are the next */
    struct sts_row       rows[STS_KEEP_BATCH];
};

/* Fills the table with what the store holds. */
MUST_USE enum status sts_keep_load(struct sts_keep *k, struct fault *why);
void sts_keep_init(struct sts_keep *k, struct loop *loop, struct store *store, struct sts_cache *cache);
/* Writes what is left, and waits for it. The store is not used any more. */
void sts_keep_save(struct sts_keep *k);
void sts_keep_release(struct sts_keep *k); /* saves before, if nobody did */

void sts_keep_changed(struct sts_keep *k, struct slice domain);
void sts_keep_all_gone(struct sts_keep *k); /* the table was emptied */

#endif
