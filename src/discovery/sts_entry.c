#include "discovery/sts_entry.h"

enum { DOUBLINGS_MOST = 10, LATE_SPREAD_S = 3600 };

static int64_t age_s(int64_t since_s, int64_t now_s)
{
    return now_s > since_s ? now_s - since_s : 0;
}

static int64_t between(int64_t value, int64_t least, int64_t most)
{
    return value < least ? least : value > most ? most : value;
}

/* When the policy's life began, as it is seen from now. */
static int64_t begin_s(struct sts_entry *e, int64_t now_s)
{
    if (e->kept->fetched_s <= now_s) {
        e->anchor_s = 0;
        return e->kept->fetched_s;
    }
    if (e->anchor_s == 0 || e->anchor_s > now_s)
        e->anchor_s = now_s;
    return e->anchor_s;
}

int64_t sts_entry_expires_s(struct sts_entry *e, int64_t now_s)
{
    return begin_s(e, now_s) + e->kept->policy.max_age_s;
}

bool sts_entry_holds(struct sts_entry *e, int64_t now_s)
{
    return e->kept != NULL && now_s < sts_entry_expires_s(e, now_s);
}

const struct sts_facts *sts_entry_answer(struct sts_entry *e, int64_t now_s)
{
    return sts_entry_holds(e, now_s) ? e->kept : e->other;
}

/* A policy that has expired since the DNS was asked is looked for at once. */
bool sts_entry_look_is_due(struct sts_entry *e, int64_t now_s)
{
    if (e->looked_s > now_s)
        e->looked_s = now_s;
    return sts_entry_answer(e, now_s) == NULL || age_s(e->looked_s, now_s) >= e->look_for_s;
}

void sts_entry_looked(struct sts_entry *e, int64_t now_s, int64_t ttl_s)
{
    e->looked_s = now_s;
    e->look_for_s = between(ttl_s, STS_LOOK_LEAST_S, STS_LOOK_MOST_S);
}

int64_t sts_entry_refresh_at_s(struct sts_entry *e, int64_t now_s)
{
    return begin_s(e, now_s) + e->refresh_s;
}

bool sts_entry_refresh_is_due(struct sts_entry *e, int64_t now_s)
{
    return sts_entry_holds(e, now_s) && now_s >= sts_entry_refresh_at_s(e, now_s);
}

void sts_entry_plan_refresh(struct sts_entry *e, int64_t now_s, uint32_t random)
{
    int64_t most = e->kept->policy.max_age_s * 2 / 3, age = age_s(begin_s(e, now_s), now_s), left;

    if (most > STS_REFRESH_MOST_S)
        most = STS_REFRESH_MOST_S;
    e->refresh_s = most - most / 4 * (random % 1024) / 1024;
    if (e->refresh_s > age)
        return;
    /* Late, as after a long rest: not all of them at once. */
    left = (e->kept->policy.max_age_s - age) / 2;
    e->refresh_s = age + between(left, 0, LATE_SPREAD_S) * (random % 1024) / 1024;
}

void sts_entry_failed(struct sts_entry *e, int64_t now_s, struct slice id)
{
    unsigned doublings = e->failures < DOUBLINGS_MOST ? e->failures : DOUBLINGS_MOST;

    e->failures++;
    e->failed_s = now_s;
    e->hold_s = between((int64_t)STS_HOLD_LEAST_S << doublings, STS_HOLD_LEAST_S, STS_HOLD_MOST_S);
    (void)slice_to_cstr(id, e->failed_id, sizeof e->failed_id);
}

void sts_entry_succeeded(struct sts_entry *e)
{
    e->failures = 0;
    e->failed_s = e->hold_s = 0;
    e->failed_id[0] = '\0';
}

/* A clock that goes back lets the wait begin again, at most. */
bool sts_entry_is_held_off(const struct sts_entry *e, int64_t now_s, struct slice id)
{
    bool is_news = id.len > 0 && !slice_eq(id, slice_str(e->failed_id));

    return e->failures > 0 && age_s(e->failed_s, now_s) < (is_news ? STS_HOLD_LEAST_S : e->hold_s);
}

int64_t sts_entry_next_try_s(const struct sts_entry *e, int64_t now_s)
{
    return e->failures == 0 ? 0 : between(e->failed_s, 0, now_s) + e->hold_s;
}

bool sts_entry_is_forgotten(const struct sts_entry *e, int64_t now_s)
{
    return age_s(e->used_s, now_s) > STS_UNUSED_MOST_S;
}
