#include "admin/api.h"
#include "base/log.h"
#include "base/memory.h"
#include "settings/domain_name.h"

static const char *const finding_names[] = {
    [STS_FOUND] = "found",
    [STS_NOTHING] = "none",
    [STS_UNKNOWN] = "unknown",
    [STS_TROUBLE] = "trouble",
};

/* One question on its way; lives until its answer came back. */
struct sts_call {
    struct sts_request request;
    struct call *call;
};

/* -- policies as JSON --------------------------------------------------------------------------------------- */

static json_t *json_of_list(const struct slice *items, size_t len)
{
    json_t *list = json_array();

    for (size_t i = 0; i < len; i++)
        json_array_append_new(list, json_of(items[i]));
    return list;
}

static void add_policy(json_t *j, const struct sts_facts *f)
{
    json_object_set_new(j, "mode", json_string(sts_mode_name(f->policy.mode)));
    json_object_set_new(j, "mx", json_of_list(f->policy.mx, f->policy.mx_len));
    json_object_set_new(j, "max_age_s", json_integer((json_int_t)f->policy.max_age_s));
    json_object_set_new(j, "id", json_of(f->id));
    json_object_set_new(j, "source",
                        json_sprintf("https://mta-sts.%.*s/.well-known/mta-sts.txt", SLICE_FMT(f->domain)));
    json_object_set_new(j, "fetched", json_of_moment(f->fetched_s));
    json_object_set_new(j, "expires", json_of_moment(f->expires_s));
}

static json_t *facts_to_json(const struct sts_facts *f)
{
    json_t *j = json_object();

    json_object_set_new(j, "domain", json_of(f->domain));
    json_object_set_new(j, "finding", json_string(finding_names[f->finding]));
    json_object_set_new(j, "text", json_of(f->text));
    if (f->finding == STS_FOUND)
        add_policy(j, f);
    json_object_set_new(j, "checked", json_of_moment(f->checked_s));
    if (f->failure != TLS_RESULT_OK)
        json_object_set_new(j, "failure", json_string(tls_result_name(f->failure)));
    if (f->failure_text.len > 0)
        json_object_set_new(j, "failure_text", json_of(f->failure_text));
    return j;
}

static json_t *kept_to_json(const struct sts_kept *k)
{
    json_t *j = facts_to_json(k->facts);

    json_object_set_new(j, "used", json_of_moment(k->used_s));
    json_object_set_new(j, "refresh", json_of_moment(k->refresh_s));
    json_object_set_new(j, "failures", json_integer(k->failures));
    json_object_set_new(j, "next_try", json_of_moment(k->next_try_s));
    return j;
}

/* -- answers ------------------------------------------------------------------------------------------------ */

static json_t *listed(const struct sts_call *s)
{
    const struct sts_request *q = &s->request;
    json_t *answer = json_object(), *policies = json_array();

    for (size_t i = 0; i < q->list_len; i++)
        json_array_append_new(policies, kept_to_json(&q->list[i]));
    json_object_set_new(answer, "policies", policies);
    if (q->list_len == q->limit)
        json_object_set_new(answer, "next", json_of(q->list[q->list_len - 1].facts->domain));
    return answer;
}

static json_t *shown(const struct sts_call *s)
{
    const struct sts_kept *k = &s->request.list[0];
    json_t *answer = kept_to_json(k);

    json_object_set_new(answer, "policy", json_of_list(k->facts->policy.lines, k->facts->policy.lines_len));
    return answer;
}

static json_t *refreshed(const struct sts_call *s)
{
    const struct sts_facts *f = s->request.facts;
    json_t *answer = facts_to_json(f);

    log_info(NULL, "policy looked for at an administrator's word", LOG_STR("domain", f->domain),
             LOG_CSTR("finding", finding_names[f->finding]), LOG_STR("who", s->call->who));
    json_object_set_new(answer, "policy", json_of_list(f->policy.lines, f->policy.lines_len));
    return answer;
}

static json_t *forgotten(const struct sts_call *s)
{
    const struct sts_request *q = &s->request;

    log_info(NULL, "policies forgotten at an administrator's word", LOG_STR("domain", q->domain),
             LOG_INT("policies", q->count), LOG_STR("who", s->call->who));
    return json_pack("{s:I}", "forgotten", (json_int_t)q->count);
}

static json_t *(*const answers[])(const struct sts_call *s) = {
    [STS_LIST] = listed,
    [STS_SHOW] = shown,
    [STS_REFRESH] = refreshed,
    [STS_FORGET] = forgotten,
};

static void answered(struct sts_request *q)
{
    struct sts_call *s = CONTAINER_OF(q, struct sts_call, request);

    if (q->status == OK)
        call_answer(s->call, answers[q->verb](s));
    else
        call_refuse(s->call, q->status, "%s", q->why.text);
    sts_request_release(q);
    free(s);
}

/* -- questions ---------------------------------------------------------------------------------------------- */

static void ask(struct call *c, enum sts_verb verb, struct slice domain, struct slice after, size_t limit)
{
    struct sts_call *s = NEW(struct sts_call);

    s->call = c;
    s->request = (struct sts_request){
        .verb = verb,
        .reply_to = c->home->found,
        .done = answered,
        .domain = domain,
        .after = after,
        .limit = limit,
    };
    c->admin->ask_sts(c->admin->ctx, &s->request);
}

/* About the domain in the path. */
static void ask_one(struct call *c, enum sts_verb verb)
{
    struct slice domain;
    struct fault why;

    if (domain_name_normalise(c->params[0], c->arena, &domain, &why) == OK)
        ask(c, verb, domain, SLICE_LIT(""), 1);
    else
        call_refuse(c, ERR_SYNTAX, "%s", why.text);
}

void api_sts_list(struct call *c)
{
    struct slice after;
    uint64_t limit;

    if (call_query_number(c, "limit", API_PAGE_MAX, API_PAGE_MAX, &limit) && call_query(c, "after", &after))
        ask(c, STS_LIST, SLICE_LIT(""), after, limit == 0 ? 1 : (size_t)limit);
}

void api_sts_show(struct call *c)
{
    ask_one(c, STS_SHOW);
}

void api_sts_refresh(struct call *c)
{
    ask_one(c, STS_REFRESH);
}

void api_sts_forget(struct call *c)
{
    ask_one(c, STS_FORGET);
}

/* Everything only when the caller says so (WEB-09). */
void api_sts_forget_all(struct call *c)
{
    if (json_is_true(json_object_get(c->body, "all")))
        ask(c, STS_FORGET, SLICE_LIT(""), SLICE_LIT(""), 0);
    else
        call_refuse(c, ERR_SYNTAX, "say \"all\": true, or name one domain in the path");
}
