/* discovery/sts_cache.h: the table of what is known, by domain. Of those with a policy, and of those without, as many stay
 * as there is room for; who was used longest ago goes first. */
#ifndef STERNPOST_DISCOVERY_STS_CACHE_H
#define STERNPOST_DISCOVERY_STS_CACHE_H

#include "base/map.h"
#include "discovery/sts_entry.h"

TAILQ_HEAD(sts_entries, sts_entry);

struct sts_cache { /* to be read: the counts */
    struct map         by_domain;
    struct sts_entries kept, others; /* in order of use, the oldest first */
    size_t             kept_len, others_len, kept_bytes;
    size_t             most, bytes_most;
    /* A policy was put, replaced or is gone. The entry is not there any more when it is gone for want of room. */
    void             (*changed)(struct sts_cache *c, struct slice domain);
};

void sts_cache_init(struct sts_cache *c, size_t most, void (*changed)(struct sts_cache *c, struct slice domain));
void sts_cache_release(struct sts_cache *c);

struct sts_entry *sts_cache_find(const struct sts_cache *c, struct slice domain); /* NULL: nothing is known */
/* The same, or a new entry; others may go for it. Good until the next call for another domain. */
struct sts_entry *sts_cache_need(struct sts_cache *c, struct slice domain);
/* These take the reference. A policy (NULL: none) in place of what was kept; and what is said without one. */
void sts_cache_keep(struct sts_cache *c, struct sts_entry *e, const struct sts_facts *facts);
void sts_cache_say(struct sts_entry *e, const struct sts_facts *facts);
/* The policy kept, told anew: takes the reference. Nothing the store knows of is changed by it. */
void sts_cache_restate(struct sts_cache *c, struct sts_entry *e, const struct sts_facts *facts);
void sts_cache_touch(struct sts_cache *c, struct sts_entry *e); /* it was used just now */
void sts_cache_remove(struct sts_cache *c, struct sts_entry *e);

#endif
