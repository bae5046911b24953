/* Every stage of a plan, by tables: what is seen, what is to be done; and the whole way under a clock of its own (M1,
 * M3, M12, M13). */
#include "domains/plan.h"

#include "base/test.h"

enum { T0 = 1795600000, D = 86400 };

static struct arena arena;

static const struct own_domain bare = { .name = { "own.example", 11 } };

/* A domain where nothing is wrong and nothing is published. */
static struct plan_facts at_the_start(void)
{
    return (struct plan_facts){ .now_s = T0,
                                .can_send = true,
                                .wants_reports = true,
                                .report_record = OWN_RECORD_MISSING,
                                .host_record = OWN_RECORD_MISSING,
                                .sts_record = OWN_RECORD_MISSING,
                                .record_lines = SLICE_LIT("LINE"),
                                .wait_s = 60,
                                .knows_servers = true };
}

/* One thing that differs from a plan in a stage where all is done, in the mode that belongs to it. */
struct step_case {
    const char *name;
    enum plan_stage stage;
    enum sts_mode goal;
    void (*change)(struct plan *p, struct plan_facts *f);
    enum plan_verb verb;
    const char *says;
};

static void nothing(struct plan *p, struct plan_facts *f)
{
    (void)p;
    (void)f;
}

#define CHANGE(name, ...)                                                                                             \
    static void name(struct plan *p, struct plan_facts *f)                                                            \
    {                                                                                                                 \
        (void)p;                                                                                                      \
        (void)f;                                                                                                      \
        __VA_ARGS__;                                                                                                  \
    }

CHANGE(no_reports, f->wants_reports = false)
CHANGE(lost_reports, f->report_trouble = SLICE_LIT("mailto:a@b does not take them: 550 no such user"))
CHANGE(report_missing, f->report_record = OWN_RECORD_MISSING)
CHANGE(report_missing_auto, f->report_record = OWN_RECORD_MISSING; p->is_auto = true)
CHANGE(report_missing_agreed, f->report_record = OWN_RECORD_MISSING; p->is_agreed = true)
CHANGE(report_by_hand, f->report_record = OWN_RECORD_DIFFERS; f->can_send = false)
CHANGE(report_waits, f->report_record = OWN_RECORD_WAITS)
CHANGE(zone_is_silent, f->report_record = OWN_RECORD_UNKNOWN)
CHANGE(bad_server, f->server_trouble = SLICE_LIT("mx.own.example (192.0.2.1): expired"))
CHANGE(silent_servers, f->knows_servers = false; f->server_trouble = SLICE_LIT("port 25 is shut"))
CHANGE(not_hosted, f->hosts_policy = false)
CHANGE(not_hosted_auto, f->hosts_policy = false; p->is_auto = true)
CHANGE(other_mode, f->mode = STS_MODE_NONE; p->is_agreed = true)
CHANGE(no_policy, f->policy_trouble = SLICE_LIT("no MX"))
CHANGE(no_host, f->host_record = OWN_RECORD_MISSING; p->is_auto = true)
CHANGE(host_waits, f->host_record = OWN_RECORD_WAITS; f->sts_record = OWN_RECORD_MISSING; p->is_auto = true)
CHANGE(not_served, f->served_trouble = SLICE_LIT("404"); f->sts_record = OWN_RECORD_MISSING; p->is_auto = true)
CHANGE(no_id, f->sts_record = OWN_RECORD_DIFFERS; p->is_auto = true)
CHANGE(no_id_not_agreed, f->sts_record = OWN_RECORD_DIFFERS)
CHANGE(id_waits, f->sts_record = OWN_RECORD_WAITS)
CHANGE(too_early, f->now_s = T0 + 14 * D - 1)
CHANGE(no_evidence, f->failures.reports = 0)
CHANGE(no_evidence_auto, f->failures.reports = 0; p->is_auto = true)
CHANGE(no_evidence_agreed, f->failures.reports = 0; p->is_agreed = true)
CHANGE(few_failures, f->failures.failed = 9)
CHANGE(failures, f->failures.failed = 10; f->failures.worst = SLICE_LIT("certificate-expired at mx.own.example"))
CHANGE(failures_alone, f->failures.sessions = 1; f->failures.failed = 1)
CHANGE(drifted, f->sts_record = OWN_RECORD_MISSING; f->can_send = false)
CHANGE(bad_server_in_enforce, bad_server(p, f))
CHANGE(bad_server_before_enforce, bad_server(p, f); f->mode = STS_MODE_TESTING; p->is_auto = true)
CHANGE(before_enforce, f->mode = STS_MODE_TESTING)
CHANGE(early_fade, p->fades_s = f->now_s + 1)
CHANGE(still_hosted, p->is_auto = true)
CHANGE(gone_but_published, f->hosts_policy = false; f->sts_record = OWN_RECORD_STALE; p->is_agreed = true)
CHANGE(gone_by_hand, f->hosts_policy = false; f->sts_record = OWN_RECORD_STALE; f->can_send = false)
CHANGE(host_stays, f->hosts_policy = false; f->host_record = OWN_RECORD_STALE; f->can_send = false)
CHANGE(all_gone, f->hosts_policy = false)

static const struct step_case cases[] = {
    { "nobody is told", PLAN_REPORTS, STS_MODE_ENFORCE, no_reports, PLAN_STOP, "--report-to" },
    { "reports are lost (M2)", PLAN_REPORTS, STS_MODE_ENFORCE, lost_reports, PLAN_STOP, "550 no such user" },
    { "the record is asked for first", PLAN_REPORTS, STS_MODE_ENFORCE, report_missing, PLAN_ASK,
      "plan own.example next" },
    { "or sent by itself", PLAN_REPORTS, STS_MODE_ENFORCE, report_missing_auto, PLAN_SEND, "publish" },
    { "or once agreed", PLAN_REPORTS, STS_MODE_ENFORCE, report_missing_agreed, PLAN_SEND, "publish" },
    { "or by hand", PLAN_REPORTS, STS_MODE_ENFORCE, report_by_hand, PLAN_WAIT, "LINE" },
    { "the old one runs out (M16)", PLAN_REPORTS, STS_MODE_ENFORCE, report_waits, PLAN_WAIT, "until 20" },
    { "the zone is silent", PLAN_REPORTS, STS_MODE_ENFORCE, zone_is_silent, PLAN_WAIT, "none of them answers" },
    { "reports are ready", PLAN_REPORTS, STS_MODE_ENFORCE, nothing, PLAN_NEXT, "" },
    { "a bad server", PLAN_SERVERS, STS_MODE_ENFORCE, bad_server, PLAN_STOP, "expired" },
    { "servers that do not answer", PLAN_SERVERS, STS_MODE_ENFORCE, silent_servers, PLAN_WAIT, "port 25 is shut" },
    { "servers are ready", PLAN_SERVERS, STS_MODE_ENFORCE, nothing, PLAN_NEXT, "" },
    { "testing is asked for", PLAN_TESTING, STS_MODE_ENFORCE, not_hosted, PLAN_ASK, "mode testing" },
    { "or set by itself", PLAN_TESTING, STS_MODE_ENFORCE, not_hosted_auto, PLAN_SET, "mode testing" },
    { "another mode before", PLAN_TESTING, STS_MODE_TESTING, other_mode, PLAN_SET, "mode testing" },
    { "no policy can be made", PLAN_TESTING, STS_MODE_ENFORCE, no_policy, PLAN_STOP, "no MX" },
    { "the host before the policy", PLAN_TESTING, STS_MODE_ENFORCE, no_host, PLAN_SEND, "policy host" },
    { "the host's address runs out", PLAN_TESTING, STS_MODE_ENFORCE, host_waits, PLAN_WAIT, "until 20" },
    { "the policy before its id (M13)", PLAN_TESTING, STS_MODE_ENFORCE, not_served, PLAN_WAIT, "404" },
    { "then the id", PLAN_TESTING, STS_MODE_ENFORCE, no_id, PLAN_SEND_ID, "new id" },
    { "which is asked for, too", PLAN_TESTING, STS_MODE_ENFORCE, no_id_not_agreed, PLAN_ASK, "new id" },
    { "the id runs out", PLAN_TESTING, STS_MODE_ENFORCE, id_waits, PLAN_WAIT, "until 20" },
    { "testing is there", PLAN_TESTING, STS_MODE_ENFORCE, nothing, PLAN_NEXT, "" },
    { "a second too early", PLAN_EVIDENCE, STS_MODE_ENFORCE, too_early, PLAN_WAIT, "1000 sessions" },
    { "no report came", PLAN_EVIDENCE, STS_MODE_ENFORCE, no_evidence, PLAN_ASK, "no report has come" },
    { "which is asked for even by itself", PLAN_EVIDENCE, STS_MODE_ENFORCE, no_evidence_auto, PLAN_ASK, "no report" },
    { "and may be enough", PLAN_EVIDENCE, STS_MODE_ENFORCE, no_evidence_agreed, PLAN_NEXT, "" },
    { "below a hundredth", PLAN_EVIDENCE, STS_MODE_ENFORCE, few_failures, PLAN_NEXT, "" },
    { "a hundredth", PLAN_EVIDENCE, STS_MODE_ENFORCE, failures, PLAN_STOP, "certificate-expired at mx.own.example" },
    { "the one there was", PLAN_EVIDENCE, STS_MODE_ENFORCE, failures_alone, PLAN_STOP, "1 of 1" },
    { "a bad server meanwhile", PLAN_EVIDENCE, STS_MODE_ENFORCE, bad_server, PLAN_STOP, "expired" },
    { "a record that went", PLAN_EVIDENCE, STS_MODE_ENFORCE, drifted, PLAN_WAIT, "LINE" },
    { "evidence is there", PLAN_EVIDENCE, STS_MODE_ENFORCE, nothing, PLAN_NEXT, "" },
    { "enforce is asked for", PLAN_ENFORCE, STS_MODE_ENFORCE, before_enforce, PLAN_ASK, "mode enforce" },
    { "not with a bad server", PLAN_ENFORCE, STS_MODE_ENFORCE, bad_server_before_enforce, PLAN_STOP, "expired" },
    { "which is too late to stop it", PLAN_ENFORCE, STS_MODE_ENFORCE, bad_server_in_enforce, PLAN_NEXT, "" },
    { "none is asked for", PLAN_REVOKE, STS_MODE_NONE, not_hosted, PLAN_ASK, "mode none" },
    { "none is there", PLAN_REVOKE, STS_MODE_NONE, nothing, PLAN_NEXT, "" },
    { "senders remember", PLAN_FADE, STS_MODE_NONE, early_fade, PLAN_WAIT, "keep to the one before" },
    { "they have forgotten", PLAN_FADE, STS_MODE_NONE, nothing, PLAN_NEXT, "" },
    { "the policy goes", PLAN_REMOVE, STS_MODE_NONE, still_hosted, PLAN_DROP, "out of the settings" },
    { "then its record", PLAN_REMOVE, STS_MODE_NONE, gone_but_published, PLAN_SEND_ID, "record" },
    { "or by hand, too", PLAN_REMOVE, STS_MODE_NONE, gone_by_hand, PLAN_WAIT, "has it so: LINE" },
    { "and its host's address", PLAN_REMOVE, STS_MODE_NONE, host_stays, PLAN_WAIT, "has it so: LINE" },
    { "all is gone", PLAN_REMOVE, STS_MODE_NONE, all_gone, PLAN_NEXT, "" },
    { "done", PLAN_DONE, STS_MODE_ENFORCE, bad_server, PLAN_WAIT, "reached" },
};

/* All that the stage wants is there. */
static void complete(enum plan_stage stage, struct plan *p, struct plan_facts *f)
{
    f->report_record = f->host_record = f->sts_record = OWN_RECORD_OK;
    f->hosts_policy = true;
    f->mode = stage == PLAN_ENFORCE ? STS_MODE_ENFORCE : stage == PLAN_REVOKE ? STS_MODE_NONE : STS_MODE_TESTING;
    f->now_s = T0 + 14 * D;
    f->failures = (struct plan_failures){ .reports = 10, .sessions = 1000, .worst = SLICE_LIT("") };
    p->stage = stage;
    p->clean_s = T0;
}

TEST(each_stage)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct step_case *c = &cases[i];
        struct plan_facts f = at_the_start();
        struct plan_step step;
        struct plan p;

        plan_begin(&p, bare.name, c->goal, &bare, T0);
        complete(c->stage, &p, &f);
        c->change(&p, &f);
        plan_step(&p, &f, &arena, &step);
        if (step.verb != c->verb || strstr(step.text.ptr, c->says) == NULL)
            fail_msg("case '%s': %s: %s", c->name, plan_verb_name(step.verb), step.text.ptr);
    }
}

/* What the world does when it is told to. */
static void obey(struct plan_facts *f, const struct plan_step *s)
{
    switch (s->verb) {
    case PLAN_SET:
        f->hosts_policy = true;
        f->mode = s->mode;
        f->sts_record = OWN_RECORD_DIFFERS;
        break;
    case PLAN_DROP: f->hosts_policy = false; break;
    case PLAN_SEND:
        f->report_record = OWN_RECORD_OK;
        if (f->hosts_policy)
            f->host_record = OWN_RECORD_OK;
        break;
    case PLAN_SEND_ID: f->sts_record = f->host_record = OWN_RECORD_OK; break;
    case PLAN_WAIT: f->now_s = s->until_s; break;
    default: break;
    }
}

/* Kept and read again at each step, as over restarts. */
static void restart(struct plan *p)
{
    json_t *j = plan_write(p);
    char *text = json_dumps(j, 0);

    CHECK(plan_read(p->domain, slice_str(text), &arena, p) == OK);
    free(text);
    json_decref(j);
}

/* The stages it went through, each once, and the modes it set, by their first letters. */
static const char *walk(struct plan *p, struct plan_facts *f, char out[static 100])
{
    size_t len = 0;

    for (unsigned steps = 0; p->stage != PLAN_DONE && steps < 60; steps++) {
        struct plan_step s;

        plan_step(p, f, &arena, &s);
        if (s.verb == PLAN_SET)
            out[len++] = sts_mode_name(s.mode)[0];
        if (s.verb == PLAN_STOP || s.verb == PLAN_ASK)
            break;
        if (s.verb == PLAN_NEXT)
            plan_enter_next(p, f->now_s);
        obey(f, &s);
        restart(p);
    }
    out[len] = '\0';
    return out;
}

TEST(from_nothing_to_enforce_and_back)
{
    struct plan_facts f = at_the_start();
    struct own_domain enforced = bare;
    struct plan p;
    char set[100];

    f.failures = (struct plan_failures){ .reports = 3, .sessions = 500, .worst = SLICE_LIT("") };
    plan_begin(&p, bare.name, STS_MODE_ENFORCE, &bare, T0);
    p.is_auto = true;
    CHECK(strcmp(walk(&p, &f, set), "te") == 0);
    CHECK(p.stage == PLAN_DONE && f.mode == STS_MODE_ENFORCE && f.sts_record == OWN_RECORD_OK);
    CHECK_INT(f.now_s, T0 + 14 * D);

    enforced.hosts_policy = true;
    enforced.sts_mode = STS_MODE_ENFORCE;
    enforced.sts_max_age_s = 30 * D;
    plan_begin(&p, bare.name, STS_MODE_NONE, &enforced, f.now_s);
    p.is_auto = true;
    CHECK(strcmp(walk(&p, &f, set), "n") == 0);
    CHECK(p.stage == PLAN_DONE && !f.hosts_policy && f.sts_record == OWN_RECORD_OK);
    CHECK_INT(f.now_s, T0 + 44 * D); /* the old max_age was waited for */
}

/* A policy from before the last one, with a longer max_age, may be kept still. */
TEST(older_policies_are_waited_for)
{
    struct plan_facts f = at_the_start();
    struct own_domain enforced = {
        .name = bare.name, .hosts_policy = true, .sts_mode = STS_MODE_ENFORCE, .sts_max_age_s = 2 * D
    };
    struct plan p;
    char set[100];

    f.hosts_policy = true;
    f.mode = STS_MODE_ENFORCE;
    f.host_record = OWN_RECORD_OK;
    f.kept_until_s = T0 + 40 * D;
    plan_begin(&p, bare.name, STS_MODE_NONE, &enforced, T0);
    p.is_auto = true;
    CHECK(strcmp(walk(&p, &f, set), "n") == 0);
    CHECK(p.stage == PLAN_DONE && !f.hosts_policy);
    CHECK_INT(f.now_s, T0 + 40 * D);
}

TEST(back_to_testing_asks_nothing_of_servers)
{
    struct plan_facts f = at_the_start();
    struct own_domain enforced = {
        .name = bare.name, .hosts_policy = true, .sts_mode = STS_MODE_ENFORCE, .sts_max_age_s = 9 * D
    };
    struct plan p;
    char set[100];

    f.hosts_policy = true;
    f.mode = STS_MODE_ENFORCE;
    f.host_record = OWN_RECORD_OK;
    f.server_trouble = SLICE_LIT("all of them have expired");
    plan_begin(&p, bare.name, STS_MODE_TESTING, &enforced, T0);
    p.is_auto = true;
    CHECK(strcmp(walk(&p, &f, set), "t") == 0);
    CHECK(p.stage == PLAN_DONE && f.mode == STS_MODE_TESTING);
    CHECK_INT(f.now_s, T0 + 9 * D);
}

TEST(what_speaks_against_it_begins_evidence_anew)
{
    struct plan_facts f = at_the_start();
    struct plan_step step;
    struct plan p;

    plan_begin(&p, bare.name, STS_MODE_ENFORCE, &bare, T0);
    complete(PLAN_EVIDENCE, &p, &f);
    CHECK(!plan_observe(&p, &f));
    f.server_trouble = SLICE_LIT("expired");
    f.knows_servers = false; /* we do not know: no evidence of anything */
    CHECK(!plan_observe(&p, &f));
    f.knows_servers = true;
    CHECK(plan_observe(&p, &f));
    f.server_trouble = SLICE_LIT("");
    plan_step(&p, &f, &arena, &step);
    CHECK(step.verb == PLAN_WAIT && step.until_s == f.now_s + 14 * D);

    f.failures.failed = 100;
    f.now_s += 20 * D;
    plan_step(&p, &f, &arena, &step);
    CHECK(step.verb == PLAN_STOP);
    plan_agree(&p, &f.failures, f.now_s);
    CHECK(p.clean_s == f.now_s && !p.is_agreed); /* mended, but nothing is agreed to */
}

TEST(what_is_kept)
{
    static const char *const bad[] = {
        "", "[]", "{}", "{\"goal\":\"enforce\"}",
        "{\"who\":\"a\",\"goal\":\"none\",\"stage\":\"evidence\",\"auto\":false,\"agreed\":false,"
        "\"leaving\":false,\"evidence_s\":1,\"begun_s\":1,\"stage_s\":1,\"clean_s\":1,"
        "\"old_age_s\":1,\"fades_s\":1}"
    };
    struct plan p, again;

    plan_begin(&p, bare.name, STS_MODE_ENFORCE, &bare, T0);
    p.who = SLICE_LIT("uid 0 (root)");
    p.is_agreed = true;
    again = p;
    restart(&again);
    CHECK(slice_eq(again.who, p.who) && again.is_agreed && again.stage == PLAN_REPORTS && again.begun_s == T0);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        CHECK_CASE(bad[i], plan_read(bare.name, slice_str(bad[i]), &arena, &p) == ERR_SYNTAX);
}

RUN_TESTS(T(each_stage), T(from_nothing_to_enforce_and_back), T(older_policies_are_waited_for),
          T(back_to_testing_asks_nothing_of_servers), T(what_speaks_against_it_begins_evidence_anew), T(what_is_kept))
