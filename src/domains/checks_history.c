#include "domains/checks_private.h"

#include "base/clock.h"

#include <inttypes.h>

/* The day, in UTC. */
static struct slice day_of(struct checking *c, int64_t at_s)
{
    char text[CLOCK_TEXT];

    return CHANGE(c, "%.10s", clock_rfc3339(at_s, text));
}

static bool has_pattern(const struct sts_policy *p, struct slice pattern)
{
    for (size_t i = 0; i < p->mx_len; i++)
        if (slice_eq(p->mx[i], pattern))
            return true;
    return false;
}

static bool is_same(const struct sts_policy *a, const struct sts_policy *b)
{
    if (a->mode != b->mode || a->max_age_s != b->max_age_s || a->mx_len != b->mx_len)
        return false;
    for (size_t i = 0; i < a->mx_len; i++)
        if (!has_pattern(b, a->mx[i]))
            return false;
    return true;
}

/* Whether a policy that we remember is what can be fetched now. */
static bool is_current(struct checking *c, const struct known_policy *known)
{
    struct sts_policy policy;
    struct fault why;

    return sts_policy_parse(known->text, c->arena, &policy, &why) == OK && is_same(&policy, &c->policy);
}

static bool has_what_to_compare(const struct checking *c)
{
    return c->f->history != NULL && c->f->history->policies_len > 0 && c->sts == RECORD_VALID &&
           c->policy_status == OK;
}

static bool check_id(struct checking *c)
{
    const struct known_policy *newest;

    if (!has_what_to_compare(c))
        return false;
    newest = &c->f->history->policies[0];
    if (slice_eq(newest->id, slice_str(c->sts_id)) && !is_current(c, newest))
        checking_tell(c, CHECK_ERROR, c->f->sts.name, AS_USUAL,
                      "the policy is another than that of %.*s, and its id is still %s",
                      SLICE_FMT(day_of(c, newest->since_s)), c->sts_id);
    return true;
}

static bool check_reuse(struct checking *c)
{
    if (!has_what_to_compare(c))
        return false;
    for (size_t i = 1; i < c->f->history->policies_len; i++) {
        const struct known_policy *old = &c->f->history->policies[i];

        if (!slice_eq(old->id, slice_str(c->sts_id)))
            continue;
        checking_tell(c, CHECK_WARNING, c->f->sts.name, AS_USUAL,
                      "the id %s stood for %s policy of %.*s, and others came between", c->sts_id,
                      is_current(c, old) ? "the same" : "another", SLICE_FMT(day_of(c, old->since_s)));
        break;
    }
    return true;
}

static bool check_received(struct checking *c)
{
    const struct history_facts *h = c->f->history;

    if (h == NULL || !h->is_own || c->reports != RECORD_VALID)
        return false;
    if (h->reports == 0)
        checking_tell(c, CHECK_ADVICE, c->f->reports.name, AS_USUAL, "no report came in for the last three days");
    return true;
}

/* A server that is good as seen from here, and bad to others, is seldom good. */
static bool check_told(struct checking *c)
{
    const struct history_facts *h = c->f->history;

    if (h == NULL || !h->is_own || h->reports == 0)
        return false;
    for (size_t i = 0; i < h->failures_len; i++) {
        struct slice mx = checking_shown(c, h->failures[i].mx);

        checking_tell(c, CHECK_WARNING, mx,
                      CHANGE(c, "sternpost report summary %.*s --since 3d", SLICE_FMT(c->f->domain)),
                      "others tell of %" PRIu64 " sessions that failed: %.*s", h->failures[i].sessions,
                      SLICE_FMT(checking_shown(c, h->failures[i].result)));
    }
    return true;
}

static const struct check checks[] = {
    { "sts.id.history", check_id, "the id changed when the policy did",
      "senders that keep the policy do not see the new one (RFC 8461 section 3.1)",
      "give the record a new id, the time for one: sternpost check --suggest writes it", NULL },
    { "sts.id.reused", check_reuse, "no id was used twice",
      "senders that kept the policy from then take it for the one of now", "give the record an id that never was",
      NULL },
    { "rpt.received", check_received, "reports come in", "without them, nobody tells when mail cannot get in",
      "wait, where the record is new: most senders report once a day. Else see that mail to the address gets here",
      NULL },
    { "cons.reports", check_told, "reports tell of no failures",
      "what is good from here may be bad on another way, or at another time", "", NULL },
};

const struct check_group checks_history = { "What is remembered", checks, COUNT_OF(checks) };
