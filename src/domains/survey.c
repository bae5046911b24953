#include "domains/survey_private.h"

#include "base/clock.h"
#include "base/memory.h"
#include "policy/mta_sts.h"

enum { POLICY_DEADLINE_MS = 60 * 1000 };

void survey_step(struct domain_survey *s)
{
    s->steps++;
}

void survey_step_done(struct domain_survey *s)
{
    if (++s->steps_done == s->steps)
        s->done(s);
}

struct slice survey_below(struct domain_survey *s, const char *label, struct slice name)
{
    return arena_printf(&s->arena, "%s%.*s", label, SLICE_FMT(name));
}

/* -- the policy ------------------------------------------------------------------------------------------------ */

static void on_host(struct server_wait *w, const struct survey *from)
{
    struct domain_survey *s = CONTAINER_OF(w, struct domain_survey, host);

    survey_take_server(s, from, &s->facts.policy_host);
    if (s->facts.policy_host.addresses_len > 0)
        survey_ask_caa(s, s->facts.policy_host.name, &s->facts.policy_host.caa);
    survey_step_done(s);
}

static void on_policy(struct https_request *q)
{
    struct domain_survey *s = CONTAINER_OF(q, struct domain_survey, policy);

    s->facts.policy = (struct http_facts){
        .outcome = q->outcome,
        .status = q->status,
        .is_encoded = q->is_encoded,
        .type = arena_copy(&s->arena, slice_str(q->type)).ptr,
        .body = q->outcome == HTTPS_ANSWERED ? arena_copy(&s->arena, buf_slice(&q->answer)) : SLICE_LIT(""),
        .took_ms = clock_mono_ms() - s->policy_ms,
        .why = q->outcome == HTTPS_ANSWERED ? "" : arena_copy(&s->arena, slice_str(q->why.text)).ptr,
    };
    survey_step_done(s);
}

static void look_at_policy(struct domain_survey *s)
{
    struct slice host = s->facts.policy_host.name = survey_below(s, "mta-sts.", s->facts.domain);

    s->facts.policy_host.text = s->facts.policy_host.difference = s->facts.policy_host.dane_text = "";
    s->facts.policy.type = s->facts.policy.why = "";
    s->host.done = on_host;
    survey_step(s);
    server_pool_ask(s->world->pool, &s->host, host, TLS_WAY_HTTPS);
    s->policy_ms = clock_mono_ms();
    s->policy = (struct https_request){
        .done = on_policy,
        .host = host,
        .path = SLICE_LIT("/.well-known/mta-sts.txt"),
        .answer_most = STS_POLICY_MAX,
        .deadline_ms = POLICY_DEADLINE_MS,
    };
    survey_step(s);
    https_start(s->world->https, &s->policy);
}

/* -- all of it --------------------------------------------------------------------------------------------------- */

static void ask_wanted(struct domain_survey *s)
{
    const struct slice text = arena_copy(&s->arena, s->reports);
    struct tlsrpt_record record;
    struct fault why;

    if (tlsrpt_record_choose(&text, 1, &s->arena, &record, &why) == RECORD_VALID)
        survey_ask_ruas(s, &record);
}

void domain_survey_start(struct domain_survey *s, const struct domain_survey_world *world, struct slice domain)
{
    s->world = world;
    s->facts.domain = arena_copy(&s->arena, domain);
    s->facts.now_s = clock_wall_s();
    s->facts.has_dnssec = world->has_dnssec;
    s->facts.is_internal = world->mailbox.allows_private;
    survey_ask_mx(s);
    survey_ask_sts(s);
    survey_ask_reports(s);
    (void)survey_ask_txt(s, &s->facts.apex, s->facts.domain, survey_take_txt);
    survey_ask_domain_zone(s);
    look_at_policy(s);
    if (s->reports.len > 0)
        ask_wanted(s);
}

void domain_survey_release(struct domain_survey *s)
{
    if (s->world == NULL)
        return;
    survey_release_questions(s);
    survey_release_mx(s);
    survey_release_ruas(s);
    survey_release_around(s);
    server_pool_drop(&s->host);
    https_cancel(s->world->https, &s->policy);
    https_release(&s->policy);
    arena_release(&s->arena);
    *s = (struct domain_survey){ 0 };
}
