#include "admin/api.h"
#include "base/memory.h"
#include "settings/domain_name.h"
#include "settings/units.h"

enum { EVIDENCE_LEAST_S = 60, EVIDENCE_MOST_S = 366 * 86400 };

/* A call and its request, until the keeper gives it back. */
struct plan_call {
    struct plan_request request;
    struct call *call;
};

/* What the audit keeps of an order; NULL: it is a question. */
static const char *const actions[] = { [PLAN_BEGIN] = "begin", [PLAN_AGREE] = "agree", [PLAN_ABANDON] = "abandon" };

static json_t *noted(const struct plan_request *q)
{
    if (q->order != PLAN_BEGIN)
        return json_object();
    return json_pack("{s:s, s:b}", "to", sts_mode_name(q->goal), "auto", q->is_auto);
}

static void answer(struct call *c, const struct plan_request *q)
{
    const char *action = (size_t)q->order < COUNT_OF(actions) ? actions[q->order] : NULL;

    if (action != NULL)
        call_note(c, action, "plan", q->domain, noted(q), q->answer);
    else
        call_answer(c, q->answer);
}

static void answered(struct plan_request *q)
{
    struct plan_call *p = CONTAINER_OF(q, struct plan_call, request);

    if (q->status == OK)
        answer(p->call, q);
    else
        call_refuse(p->call, q->status, "%s", q->why.text);
    free(p);
}

static void send_request(struct call *c, const struct plan_request *q)
{
    struct plan_call *p = NEW(struct plan_call);

    p->call = c;
    p->request = *q;
    p->request.reply_to = c->home->plans;
    p->request.done = answered;
    p->request.who = c->who;
    c->admin->ask_plans(c->admin->ctx, &p->request);
}

/* About the domain in the path. */
static void ask(struct call *c, struct plan_request *q)
{
    struct fault why;

    if (domain_name_normalise(c->params[0], c->arena, &q->domain, &why) == OK)
        send_request(c, q);
    else
        call_refuse(c, ERR_SYNTAX, "%s", why.text);
}

void api_plans(struct call *c)
{
    send_request(c, &(struct plan_request){ .order = PLAN_LIST, .domain = SLICE_LIT("") });
}

void api_plan_show(struct call *c)
{
    ask(c, &(struct plan_request){ .order = PLAN_SHOW });
}

void api_plan_agree(struct call *c)
{
    ask(c, &(struct plan_request){ .order = PLAN_AGREE });
}

void api_plan_abandon(struct call *c)
{
    ask(c, &(struct plan_request){ .order = PLAN_ABANDON });
}

static bool read_goal(struct call *c, enum sts_mode *out)
{
    const char *goal = json_string_value(json_object_get(c->body, "to"));

    for (enum sts_mode m = STS_MODE_NONE; goal != NULL && m <= STS_MODE_ENFORCE; m++) {
        if (strcmp(goal, sts_mode_name(m)) == 0) {
            *out = m;
            return true;
        }
    }
    call_refuse(c, ERR_SYNTAX, "\"to\" must be enforce, testing or none");
    return false;
}

static bool read_evidence(struct call *c, int64_t *out)
{
    const char *text = json_string_value(json_object_get(c->body, "evidence"));
    int64_t ms = 0;
    struct fault why;

    if (text != NULL && units_parse_duration(slice_str(text), &ms, &why) != OK) {
        call_refuse(c, ERR_SYNTAX, "\"evidence\": %s", why.text);
        return false;
    }
    *out = ms / 1000;
    if (text == NULL || (*out >= EVIDENCE_LEAST_S && *out <= EVIDENCE_MOST_S))
        return true;
    call_refuse(c, ERR_SYNTAX, "\"evidence\" must be between a minute and a year, such as 14d");
    return false;
}

void api_plan_begin(struct call *c)
{
    struct plan_request q = { .order = PLAN_BEGIN, .is_auto = json_is_true(json_object_get(c->body, "auto")) };

    if (read_goal(c, &q.goal) && read_evidence(c, &q.evidence_s))
        ask(c, &q);
}
