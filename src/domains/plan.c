#include "domains/plan.h"

#include "base/memory.h"

enum { WAY_MOST = 6 };

/* The stages of a plan, by goal; a leaving one in its second row. */
static const enum plan_stage ways[][2][WAY_MOST] = {
    [STS_MODE_NONE] = { { PLAN_REVOKE, PLAN_FADE, PLAN_REMOVE, PLAN_DONE },
                        { PLAN_REVOKE, PLAN_FADE, PLAN_REMOVE, PLAN_DONE } },
    [STS_MODE_TESTING] = { { PLAN_REPORTS, PLAN_SERVERS, PLAN_TESTING, PLAN_DONE },
                           { PLAN_TESTING, PLAN_FADE, PLAN_DONE } },
    [STS_MODE_ENFORCE] = { { PLAN_REPORTS, PLAN_SERVERS, PLAN_TESTING, PLAN_EVIDENCE, PLAN_ENFORCE, PLAN_DONE },
                           { PLAN_REPORTS, PLAN_SERVERS, PLAN_TESTING, PLAN_EVIDENCE, PLAN_ENFORCE, PLAN_DONE } },
};

static const char *const stage_names[] = {
    [PLAN_REPORTS] = "reports",   [PLAN_SERVERS] = "servers", [PLAN_TESTING] = "testing",
    [PLAN_EVIDENCE] = "evidence", [PLAN_ENFORCE] = "enforce", [PLAN_REVOKE] = "revoke",
    [PLAN_FADE] = "fade",         [PLAN_REMOVE] = "remove",   [PLAN_DONE] = "done",
};

const char *plan_stage_name(enum plan_stage s)
{
    return stage_names[s];
}

const char *plan_stage_aim(enum plan_stage s)
{
    static const char *const aims[] = {
        [PLAN_REPORTS] = "TLS reports are asked for, and what is named takes them",
        [PLAN_SERVERS] = "every mail server is what a policy demands",
        [PLAN_TESTING] = "the policy is served in testing, and DNS shows its id",
        [PLAN_EVIDENCE] = "for a set time nothing speaks against enforce",
        [PLAN_ENFORCE] = "the policy is served in enforce, and DNS shows its id",
        [PLAN_REVOKE] = "the policy is served with mode none, and DNS shows its id",
        [PLAN_FADE] = "senders forget the policy that was before",
        [PLAN_REMOVE] = "record and policy are gone",
        [PLAN_DONE] = "the goal is reached",
    };

    return aims[s];
}

const char *plan_verb_name(enum plan_verb v)
{
    static const char *const names[] = {
        [PLAN_NEXT] = "next",    [PLAN_SET] = "settings", [PLAN_DROP] = "settings", [PLAN_SEND] = "send",
        [PLAN_SEND_ID] = "send", [PLAN_WAIT] = "wait",    [PLAN_ASK] = "confirm",   [PLAN_STOP] = "stopped",
    };

    return names[v];
}

/* -- from stage to stage ------------------------------------------------------------------------------------ */

const enum plan_stage *plan_way(const struct plan *p)
{
    return ways[p->goal][p->is_leaving];
}

static void enter(struct plan *p, enum plan_stage stage, int64_t now_s)
{
    p->stage = stage;
    p->stage_s = p->clean_s = now_s;
    p->is_agreed = false;
    if (stage == PLAN_FADE)
        p->fades_s = now_s + p->old_age_s;
}

void plan_begin(struct plan *p, struct slice domain, enum sts_mode goal, const struct own_domain *settings,
                int64_t now_s)
{
    *p = (struct plan){
        .domain = domain, .who = SLICE_LIT(""), .goal = goal, .evidence_s = PLAN_EVIDENCE_S, .begun_s = now_s
    };
    p->is_leaving = settings->hosts_policy && settings->sts_mode > goal;
    p->old_age_s = settings->hosts_policy && settings->sts_mode != STS_MODE_NONE ? settings->sts_max_age_s : 0;
    enter(p, plan_way(p)[0], now_s);
}

void plan_enter_next(struct plan *p, int64_t now_s)
{
    const enum plan_stage *way = plan_way(p);

    for (size_t i = 0; i + 1 < WAY_MOST && way[i] != PLAN_DONE; i++) {
        if (way[i] == p->stage) {
            enter(p, way[i + 1], now_s);
            return;
        }
    }
}

/* -- as it is kept ------------------------------------------------------------------------------------------ */

json_t *plan_write(const struct plan *p)
{
    return json_pack("{s:s%, s:s, s:s, s:b, s:b, s:b, s:I, s:I, s:I, s:I, s:I, s:I}", "who", p->who.ptr, p->who.len,
                     "goal", sts_mode_name(p->goal), "stage", plan_stage_name(p->stage), "auto", p->is_auto, "agreed",
                     p->is_agreed, "leaving", p->is_leaving, "evidence_s", (json_int_t)p->evidence_s, "begun_s",
                     (json_int_t)p->begun_s, "stage_s", (json_int_t)p->stage_s, "clean_s", (json_int_t)p->clean_s,
                     "old_age_s", (json_int_t)p->old_age_s, "fades_s", (json_int_t)p->fades_s);
}

static bool find_mode(const char *name, enum sts_mode *out)
{
    for (enum sts_mode m = STS_MODE_NONE; m <= STS_MODE_ENFORCE; m++) {
        if (strcmp(sts_mode_name(m), name) == 0) {
            *out = m;
            return true;
        }
    }
    return false;
}

static bool find_stage(const char *name, enum plan_stage *out)
{
    for (size_t i = 0; i < COUNT_OF(stage_names); i++) {
        if (strcmp(stage_names[i], name) == 0) {
            *out = (enum plan_stage)i;
            return true;
        }
    }
    return false;
}

static bool is_on_the_way(const struct plan *p)
{
    const enum plan_stage *way = plan_way(p);
    size_t at = 0;

    while (way[at] != p->stage && way[at] != PLAN_DONE)
        at++;
    return way[at] == p->stage;
}

enum status plan_read(struct slice domain, struct slice text, struct arena *arena, struct plan *out)
{
    json_t *j = json_loadb(text.ptr, text.len, 0, NULL);
    const char *who, *goal, *stage;
    json_int_t times[6];
    int is_auto, is_agreed, is_leaving;
    struct plan p = { .domain = domain };
    enum status st = ERR_SYNTAX;

    if (json_unpack(j, "{s:s, s:s, s:s, s:b, s:b, s:b, s:I, s:I, s:I, s:I, s:I, s:I}", "who", &who, "goal", &goal,
                    "stage", &stage, "auto", &is_auto, "agreed", &is_agreed, "leaving", &is_leaving, "evidence_s",
                    &times[0], "begun_s", &times[1], "stage_s", &times[2], "clean_s", &times[3], "old_age_s",
                    &times[4], "fades_s", &times[5]) == 0 &&
        find_mode(goal, &p.goal) && find_stage(stage, &p.stage)) {
        p.who = arena_copy(arena, slice_str(who));
        p.is_auto = is_auto != 0;
        p.is_agreed = is_agreed != 0;
        p.is_leaving = is_leaving != 0;
        p.evidence_s = times[0];
        p.begun_s = times[1];
        p.stage_s = times[2];
        p.clean_s = times[3];
        p.old_age_s = times[4];
        p.fades_s = times[5];
        st = is_on_the_way(&p) ? OK : ERR_SYNTAX;
    }
    json_decref(j);
    if (st == OK)
        *out = p;
    return st;
}
