#include "domains/policy_history.h"

#include "policy/mta_sts.h"

/* 0 for what asks nothing of anybody. */
static int64_t max_age_s(struct slice text)
{
    struct arena arena = { 0 };
    struct sts_policy policy;
    struct fault why;
    int64_t age_s = 0;

    if (sts_policy_parse(text, &arena, &policy, &why) == OK && policy.mode != STS_MODE_NONE)
        age_s = policy.max_age_s;
    arena_release(&arena);
    return age_s;
}

int64_t policy_history_kept_until(const struct policy_row *rows, size_t len)
{
    int64_t until_s = 0;

    for (size_t i = 1; i < len; i++) {
        int64_t age_s = max_age_s(rows[i].text), end_s = rows[i - 1].made_s;

        if (age_s > 0 && end_s + age_s > until_s)
            until_s = end_s + age_s;
    }
    return until_s;
}
