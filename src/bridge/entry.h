/* bridge/entry.h: what is known of one domain, and the replies made from it. Private to lookup.c. */
#ifndef STERNPOST_BRIDGE_ENTRY_H
#define STERNPOST_BRIDGE_ENTRY_H

#include "bridge/lookup.h"
#include "bridge/dane_survey.h"

enum {
    DANE_LEAST_S = 180, /* DNS is not asked more often, whatever it says */
    DANE_MOST_S = 3600, /* MX records, whose time is not known here, may change sooner than TLSA records */
    DANE_NEGATIVE_S = 1800,
    DANE_RETRY_S = 30, /* after DNS gave no answer */
    STS_ASK_AGAIN_MS = 60 * 1000,
    STS_STALE_MS = 600 * 1000,   /* older than that it does not serve while the service is asked */
    DECIDE_AGAIN_MS = 60 * 1000, /* rules may end */
};

struct survey_job;

struct lookup_entry {
    struct lookup_entry *newer, *older; /* by use; of lookup.c */
    struct lookups *owner;
    struct slice name; /* owned */
    struct lookup_waiter *waiters;

    /* What the settings say. */
    uint64_t version;
    int64_t decided_ms; /* 0: not yet */
    bool is_ours, is_settled, requires_tls;

    /* What DNS says of DANE; times are monotonic. */
    bool has_dane;
    struct answer_dane dane;
    int64_t dane_until_ms;
    struct survey_job *job; /* under way, or waiting for its turn; NULL */
    struct loop_timer refresh;
    bool is_used; /* since the last survey */

    const struct sts_facts *sts; /* NULL: not known yet */
    int64_t sts_at_ms;
    bool sts_is_asked; /* a request is under way */

    struct slice replies[ANSWER_MAPS]; /* netstrings, owned; empty: not made */
};

struct entry_time { /* of now */
    int64_t mono_ms, wall_s;
};

struct lookup_entry *entry_new(struct lookups *owner, struct slice name); /* copies */
void entry_free(struct lookup_entry *e);                                  /* nobody waits, nothing is under way */

/* Before anything else is asked of it: the settings as they are now. */
void entry_decide(struct lookup_entry *e, const struct snapshot *settings, struct entry_time now);
/* What is still to be found out for a reply. */
bool entry_wants_dane(const struct lookup_entry *e, struct entry_time now);
bool entry_wants_sts(const struct lookup_entry *e, struct entry_time now);
/* The reply from what is known, a netstring that lives until the entry changes. */
struct slice entry_reply(struct lookup_entry *e, enum answer_map map, const struct snapshot *settings,
                         struct entry_time now);

/* Silence of DNS takes the place of nothing that is known and not too old. Returns in how many seconds to look again.
 */
int64_t entry_take_dane(struct lookup_entry *e, const struct answer_dane *dane, int64_t ttl_s, struct entry_time now);
void entry_take_sts(struct lookup_entry *e, const struct sts_facts *facts,
                    struct entry_time now); /* takes the reference */

/* policy_decide() for a domain, or for a relay host in brackets, of which a host of ours may bear the name. */
void entry_demand(const struct snapshot *settings, struct slice name, bool is_relay, int64_t wall_s,
                  struct arena *arena, struct decision *out);

#endif
