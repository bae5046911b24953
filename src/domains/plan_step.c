/* One function for each stage. Each looks at what must hold in its order, and tells of the first that does not. */
#include "base/clock.h"
#include "domains/plan.h"

#include <inttypes.h>

/* Of the sessions that reports tell of; below it a failure is told of, and stops nothing. */
enum { FAILED_MOST_PERCENT = 1 };

struct stepping {
    const struct plan *plan;
    const struct plan_facts *f;
    struct arena *arena;
    struct plan_step *out;
};

#define SAY(s, v, ...) ((s)->out->verb = (v), (s)->out->text = arena_printf((s)->arena, __VA_ARGS__))

static void wait_until(struct stepping *s, int64_t until_s, const char *for_what)
{
    char when[CLOCK_TEXT];

    s->out->until_s = until_s;
    SAY(s, PLAN_WAIT, "%s, until %s", for_what, clock_rfc3339(until_s, when));
}

/* May what others see be changed? Else the word of an administrator is asked for. */
static bool may_change(struct stepping *s, const char *change)
{
    if (s->plan->is_auto || s->plan->is_agreed)
        return true;
    SAY(s, PLAN_ASK, "ready: %s; 'sternpost domain plan %.*s next' says yes", change, SLICE_FMT(s->plan->domain));
    return false;
}

/* Is the record there, everywhere? Else what is to be done for it. */
static bool is_shown(struct stepping *s, enum own_record_state state, enum plan_verb send, const char *change)
{
    switch (state) {
    case OWN_RECORD_OK: return true;
    case OWN_RECORD_UNKNOWN: SAY(s, PLAN_WAIT, "waiting for the servers of the zone: none of them answers"); break;
    case OWN_RECORD_WAITS:
        wait_until(s, s->f->now_s + s->f->wait_s,
                   "every server of the zone has it so; resolvers may still have what was before");
        break;
    default:
        if (!s->f->can_send)
            SAY(s, PLAN_WAIT, "waiting until every server of the zone has it so: %.*s", SLICE_FMT(s->f->record_lines));
        else if (may_change(s, change))
            SAY(s, send, "%s", change);
        break;
    }
    return false;
}

static bool step_reports(struct stepping *s)
{
    const struct plan_facts *f = s->f;
    struct slice domain = s->plan->domain;

    if (!f->wants_reports) {
        SAY(s, PLAN_STOP,
            "nobody would tell of failures: 'sternpost domain set %.*s --report-to mailto:tlsrpt@%.*s "
            "--report-mailbox tlsrpt@%.*s' asks "
            "for reports, and reads them",
            SLICE_FMT(domain), SLICE_FMT(domain), SLICE_FMT(domain));
        return false;
    }
    if (f->report_trouble.len > 0) {
        SAY(s, PLAN_STOP, "reports would be lost: %.*s", SLICE_FMT(f->report_trouble));
        return false;
    }
    return is_shown(s, f->report_record, PLAN_SEND, "publish the record that asks for TLS reports");
}

static bool servers_are_ready(struct stepping *s)
{
    if (!s->f->knows_servers)
        SAY(s, PLAN_WAIT, "waiting for an answer: the mail servers could not be looked at%s%.*s",
            s->f->server_trouble.len > 0 ? ": " : "", SLICE_FMT(s->f->server_trouble));
    else if (s->f->server_trouble.len > 0)
        SAY(s, PLAN_STOP, "senders that obey a policy would not deliver: %.*s", SLICE_FMT(s->f->server_trouble));
    return s->f->knows_servers && s->f->server_trouble.len == 0;
}

/* The settings, then the policy as it is served, then its id in DNS (RFC 8461 section 8.3; M13). */
static bool is_in_force(struct stepping *s, enum sts_mode mode)
{
    const struct plan_facts *f = s->f;
    const char *change =
        arena_printf(s->arena, "serve the policy in mode %s, and give its record a new id", sts_mode_name(mode)).ptr;

    if (!f->hosts_policy || f->mode != mode) {
        s->out->mode = mode;
        if (may_change(s, change))
            SAY(s, PLAN_SET, "%s", change);
        return false;
    }
    if (f->policy_trouble.len > 0) {
        SAY(s, PLAN_STOP, "no policy can be made: %.*s", SLICE_FMT(f->policy_trouble));
        return false;
    }
    if (!is_shown(s, f->host_record, PLAN_SEND, "publish the address of the policy host"))
        return false;
    if (f->served_trouble.len > 0) {
        SAY(s, PLAN_WAIT, "waiting until the policy can be fetched as others would: %.*s",
            SLICE_FMT(f->served_trouble));
        return false;
    }
    return is_shown(s, f->sts_record, PLAN_SEND_ID, "publish the policy's new id");
}

static bool step_testing(struct stepping *s)
{
    return is_in_force(s, STS_MODE_TESTING);
}

static bool is_failing(const struct plan_failures *f)
{
    return f->failed > 0 && f->failed * 100 >= f->sessions * FAILED_MOST_PERCENT;
}

/* What reports say. */
static bool reports_are_clean(struct stepping *s)
{
    const struct plan_failures *f = &s->f->failures;

    if (!is_failing(f))
        return true;
    SAY(s, PLAN_STOP,
        "reports speak against it: %" PRIu64 " of %" PRIu64
        " sessions failed, most of them: %.*s; mend that ('sternpost report summary "
        "%.*s' tells more), then 'sternpost domain plan %.*s next' gathers evidence anew",
        f->failed, f->sessions, SLICE_FMT(f->worst), SLICE_FMT(s->plan->domain), SLICE_FMT(s->plan->domain));
    return false;
}

static bool evidence_is_there(struct stepping *s)
{
    const struct plan *p = s->plan;
    const struct plan_failures *f = &s->f->failures;
    char when[CLOCK_TEXT];

    if (s->f->now_s < p->clean_s + p->evidence_s) {
        s->out->until_s = p->clean_s + p->evidence_s;
        SAY(s, PLAN_WAIT,
            "gathering evidence until %s; so far %" PRIu64 " reports tell of %" PRIu64 " sessions, %" PRIu64
            " of which failed, and "
            "nothing was found wrong with the servers",
            clock_rfc3339(s->out->until_s, when), f->reports, f->sessions, f->failed);
        return false;
    }
    if (f->reports > 0 || p->is_agreed)
        return true;
    SAY(s, PLAN_ASK,
        "no report has come, so that only our own looks speak for enforce; when that is enough, 'sternpost domain "
        "plan %.*s next' goes on",
        SLICE_FMT(p->domain));
    return false;
}

/* The published policy must stay as it is, the servers be fit, and reports be clean, for the time that was set. */
static bool step_evidence(struct stepping *s)
{
    return is_in_force(s, STS_MODE_TESTING) && servers_are_ready(s) && reports_are_clean(s) && evidence_is_there(s);
}

/* A last look, as long as it is not in force. */
static bool step_enforce(struct stepping *s)
{
    bool is_set = s->f->hosts_policy && s->f->mode == STS_MODE_ENFORCE;

    return (is_set || servers_are_ready(s)) && is_in_force(s, STS_MODE_ENFORCE);
}

static bool step_revoke(struct stepping *s)
{
    return is_in_force(s, STS_MODE_NONE);
}

static bool step_fade(struct stepping *s)
{
    int64_t own_s = s->plan->fades_s, older_s = s->f->kept_until_s;

    if (s->f->now_s < own_s && own_s >= older_s)
        wait_until(s, own_s, "senders that have not seen the new policy may keep to the one before");
    else if (s->f->now_s < older_s)
        wait_until(s, older_s, "senders may keep to a policy from further back, whose max_age was longer");
    return s->f->now_s >= own_s && s->f->now_s >= older_s;
}

static bool step_remove(struct stepping *s)
{
    if (s->f->hosts_policy) {
        if (may_change(s, "take the policy and its record away"))
            SAY(s, PLAN_DROP, "take the policy out of the settings");
        return false;
    }
    return is_shown(s, s->f->sts_record, PLAN_SEND_ID, "take the record away") &&
           is_shown(s, s->f->host_record, PLAN_SEND_ID, "take the policy host's address away");
}

static bool step_done(struct stepping *s)
{
    SAY(s, PLAN_WAIT, "the goal is reached");
    return false;
}

/* True: the stage is over. False: `out` tells what for. */
static bool (*const stages[])(struct stepping *s) = {
    [PLAN_REPORTS] = step_reports,   [PLAN_SERVERS] = servers_are_ready, [PLAN_TESTING] = step_testing,
    [PLAN_EVIDENCE] = step_evidence, [PLAN_ENFORCE] = step_enforce,      [PLAN_REVOKE] = step_revoke,
    [PLAN_FADE] = step_fade,         [PLAN_REMOVE] = step_remove,        [PLAN_DONE] = step_done,
};

void plan_step(const struct plan *p, const struct plan_facts *f, struct arena *arena, struct plan_step *out)
{
    struct stepping s = { .plan = p, .f = f, .arena = arena, .out = out };

    *out = (struct plan_step){ .verb = PLAN_WAIT, .text = SLICE_LIT("") };
    if (stages[p->stage](&s))
        *out = (struct plan_step){ .verb = PLAN_NEXT, .text = arena_printf(arena, "%s", plan_stage_aim(p->stage)) };
}

bool plan_observe(struct plan *p, const struct plan_facts *f)
{
    bool speaks_against = f->server_trouble.len > 0 && f->knows_servers;

    if (p->stage != PLAN_EVIDENCE || !speaks_against || p->clean_s == f->now_s)
        return false;
    p->clean_s = f->now_s;
    return true;
}

void plan_agree(struct plan *p, const struct plan_failures *seen, int64_t now_s)
{
    if (p->stage == PLAN_EVIDENCE && is_failing(seen))
        p->clean_s = now_s;
    else
        p->is_agreed = true;
}
