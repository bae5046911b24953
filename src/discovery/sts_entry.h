/* discovery/sts_entry.h: what is known of one domain's MTA-STS policy, and how its times are to be read. Pure: no clock.
 *
 * The wall clock may jump (CLK-01, STS-28). An age below zero counts as zero: what was stored "in the future" is neither
 * forgotten nor kept for longer than it could be from now on, and comes into its own when the clock is right again. */
#ifndef STERNPOST_DISCOVERY_STS_ENTRY_H
#define STERNPOST_DISCOVERY_STS_ENTRY_H

#include "discovery/sts.h"

#include <sys/queue.h>

enum {
    STS_LOOK_LEAST_S = 60,      /* an answer from the DNS serves so long at least... */
    STS_LOOK_MOST_S = 3600,     /* ...and at most */
    STS_HOLD_LEAST_S = 5 * 60,  /* RFC 8461 section 3.3: no new fetch within five minutes of one that failed */
    STS_HOLD_MOST_S = 4 * 3600,
    STS_REFRESH_MOST_S = 7 * 86400, /* the age at which a policy is fetched anew, if it lives so long */
    STS_UNUSED_MOST_S = 180 * 86400,
    STS_USED_EACH_S = 3600,     /* how often a use is written to the store */
};

struct sts_entry {
    TAILQ_ENTRY(sts_entry) by_use; /* private to sts_cache.c, as are the next three */
    bool   is_listed_as_kept;
    size_t bytes;
    char  *name;
    struct slice            domain;
    const struct sts_facts *kept;  /* STS_FOUND; NULL: none. May be past its time: see sts_entry_holds() */
    const struct sts_facts *other; /* what is answered while nothing holds; NULL: nothing is known yet */
    const struct sts_facts *trouble; /* STS_TROUBLE: how the last fetch failed; NULL: it did not */
    int64_t  used_s, saved_use_s;
    int64_t  looked_s, look_for_s; /* when the DNS was asked last, and how long that serves */
    int64_t  refresh_s;            /* the age of `kept` at which it is fetched anew */
    int64_t  anchor_s;             /* when it was first seen that `kept` is of the future; 0: it is not */
    int64_t  failed_s, hold_s;     /* the last fetch that failed, and for how long none is made */
    unsigned failures;             /* in a row; 0: the last one succeeded */
    char     failed_id[STS_ID_TEXT];
};

/* Until when `kept` may be used, as it is seen from `now_s`. */
int64_t sts_entry_expires_s(struct sts_entry *e, int64_t now_s);
bool sts_entry_holds(struct sts_entry *e, int64_t now_s); /* is there a policy that has not expired? */
/* The answer without a look: the policy while it holds, else `other`. NULL: nothing is known. Borrowed. */
const struct sts_facts *sts_entry_answer(struct sts_entry *e, int64_t now_s);

bool sts_entry_look_is_due(struct sts_entry *e, int64_t now_s);
void sts_entry_looked(struct sts_entry *e, int64_t now_s, int64_t ttl_s);

bool sts_entry_refresh_is_due(struct sts_entry *e, int64_t now_s);
int64_t sts_entry_refresh_at_s(struct sts_entry *e, int64_t now_s);
/* Chooses when `kept` is fetched anew: well before it expires, each domain at another time. */
void sts_entry_plan_refresh(struct sts_entry *e, int64_t now_s, uint32_t random);

void sts_entry_failed(struct sts_entry *e, int64_t now_s, struct slice id);
void sts_entry_succeeded(struct sts_entry *e);
/* May the policy of this id (empty: of any) not be fetched yet? Another id than the one that failed is tried sooner,
 * but not within STS_HOLD_LEAST_S: who changes the record each minute would have us fetch each minute (STS-25). */
bool sts_entry_is_held_off(const struct sts_entry *e, int64_t now_s, struct slice id);
int64_t sts_entry_next_try_s(const struct sts_entry *e, int64_t now_s); /* 0: none is waited for */

bool sts_entry_is_forgotten(const struct sts_entry *e, int64_t now_s); /* unused for too long */

#endif
