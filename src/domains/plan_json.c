#include "base/clock.h"
#include "domains/plan_private.h"

static json_t *moment(int64_t wall_s)
{
    char text[CLOCK_TEXT];

    return wall_s == 0 ? json_null() : json_string(clock_rfc3339(wall_s, text));
}

static json_t *way_to_json(const struct plan *p)
{
    json_t *list = json_array();
    const char *state = "done";

    for (const enum plan_stage *s = plan_way(p);; s++) {
        if (*s == p->stage)
            state = *s == PLAN_DONE ? "done" : "now";
        json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "stage", plan_stage_name(*s), "aim",
                                              plan_stage_aim(*s), "state", state));
        if (*s == p->stage)
            state = "ahead";
        if (*s == PLAN_DONE)
            return list;
    }
}

json_t *plan_to_json(const struct plan_walk *w)
{
    const struct plan *p = &w->plan;
    const struct plan_sight *s = &w->sight;
    json_t *j = json_pack("{s:s%, s:s, s:s, s:b}", "domain", p->domain.ptr, p->domain.len, "goal",
                          sts_mode_name(p->goal), "stage", plan_stage_name(p->stage), "auto", p->is_auto);

    json_object_set_new(j, "by", json_stringn(p->who.ptr, p->who.len));
    json_object_set_new(j, "begun", moment(p->begun_s));
    json_object_set_new(j, "since", moment(p->stage_s));
    json_object_set_new(j, "state", json_string(p->stage == PLAN_DONE ? "done" : plan_verb_name(s->verb)));
    json_object_set_new(j, "text", json_string(s->text == NULL ? "not looked at yet" : s->text));
    json_object_set_new(j, "until", moment(s->until_s));
    json_object_set_new(j, "looked", moment(s->looked_s));
    json_object_set_new(j, "evidence_s", json_integer((json_int_t)p->evidence_s));
    json_object_set_new(j, "reports", json_integer((json_int_t)s->failures.reports));
    json_object_set_new(j, "sessions", json_integer((json_int_t)s->failures.sessions));
    json_object_set_new(j, "failed", json_integer((json_int_t)s->failures.failed));
    json_object_set_new(j, "stages", way_to_json(p));
    return j;
}
