#include "certs/tlsa_guard.h"

enum guard_verdict guard_judge(const struct guard_case *c, int64_t now_s, int64_t *until_s)
{
    if (!c->is_known)
        return GUARD_UNKNOWN;
    if (c->has_records && !c->matches)
        return GUARD_NEEDS_RECORD;
    *until_s = c->seen_s + c->ttl_s;
    if (!c->has_records)
        return now_s >= *until_s || c->seen_s == 0 ? GUARD_FREE : GUARD_WAITS_TTL;
    /* Who holds the new records fails with the old certificate, who holds the old ones did so before: go on at once. */
    return now_s >= *until_s || !c->incumbent_matches ? GUARD_FREE : GUARD_WAITS_TTL;
}
