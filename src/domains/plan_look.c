#include "domains/plan_look.h"

#include "base/clock.h"
#include "base/memory.h"
#include "domains/checks.h"
#include "domains/policy_file.h"
#include "domains/policy_history.h"

#include <stdlib.h>
#include <time.h>

enum { STEP_MS = 20 * 1000, DAY_S = 86400, DAY_TEXT = 11, HISTORY_MOST = 1000 };

struct plan_look {
    struct plan_world world;
    struct arena arena;
    struct snapshot *settings; /* held */
    const struct own_domain *domain;
    struct inspection *inspection;
    struct server_pool *pool; /* of its own: everything is asked anew */
    struct domain_survey_world survey_world;
    struct domain_survey survey;
    struct store_request sums, history;
    char since_day[DAY_TEXT];
    unsigned open;
    bool is_stopped;
    struct plan_facts facts;
    void (*done)(void *ctx);
    void *ctx;
};

/* -- what was seen, as facts ---------------------------------------------------------------------------------- */

static enum own_record_state worse(enum own_record_state a, enum own_record_state b)
{
    static const unsigned rank[] = { [OWN_RECORD_OK] = 0,    [OWN_RECORD_WAITS] = 1,   [OWN_RECORD_UNKNOWN] = 2,
                                     [OWN_RECORD_STALE] = 3, [OWN_RECORD_DIFFERS] = 4, [OWN_RECORD_MISSING] = 5 };

    return rank[a] > rank[b] ? a : b;
}

static enum own_record_state *state_of(struct plan_facts *f, const struct own_record *r)
{
    if (slice_starts(r->owner, SLICE_LIT("_smtp._tls.")))
        return &f->report_record;
    if (slice_starts(r->owner, SLICE_LIT("_mta-sts.")))
        return &f->sts_record;
    return slice_starts(r->owner, SLICE_LIT("mta-sts.")) ? &f->host_record : NULL;
}

/* TLSA records are no matter of a plan. */
static void take_records(struct plan_look *l)
{
    const struct inspected_record *records;
    size_t len = inspection_records(l->inspection, &records);
    struct plan_facts *f = &l->facts;

    for (size_t i = 0; i < len; i++) {
        enum own_record_state *state = state_of(f, &records[i].wanted);

        if (state == NULL)
            continue;
        *state = worse(*state, records[i].state);
        if (records[i].wait_s > f->wait_s)
            f->wait_s = records[i].wait_s;
        if (records[i].state == OWN_RECORD_MISSING || records[i].state == OWN_RECORD_DIFFERS ||
            records[i].state == OWN_RECORD_STALE)
            f->record_lines =
                arena_printf(&l->arena, "%.*s%s%.*s", SLICE_FMT(f->record_lines), f->record_lines.len > 0 ? "; " : "",
                             SLICE_FMT(own_record_line(&records[i].wanted, &l->arena)));
    }
}

static void take_ruas(struct plan_look *l)
{
    const struct domain_facts *seen = &l->survey.facts;

    for (size_t i = 0; i < seen->ruas_len && l->facts.report_trouble.len == 0; i++) {
        const struct rua_facts *r = &seen->ruas[i];

        if (r->answer != RUA_TAKES)
            l->facts.report_trouble =
                arena_printf(&l->arena, "%.*s does not take them: %s", SLICE_FMT(r->uri.uri), r->text);
    }
}

/* As others fetch it, against what is to be served. */
static void take_served(struct plan_look *l)
{
    const struct http_facts *h = &l->survey.facts.policy;
    const struct own_policy *own = inspection_policy(l->inspection);

    if (h->outcome != HTTPS_ANSWERED)
        l->facts.served_trouble = arena_printf(&l->arena, "%s", h->why);
    else if (h->status != 200)
        l->facts.served_trouble = arena_printf(&l->arena, "the policy host answers %d", h->status);
    else if (own != NULL && !slice_eq(h->body, own->text))
        l->facts.served_trouble = SLICE_LIT("the policy host serves another text than the settings make");
}

static void add_trouble(struct plan_look *l, size_t *count, struct slice text)
{
    if ((*count)++ == 0)
        l->facts.server_trouble = text;
}

static void judge_server(struct plan_look *l, const struct sts_policy *policy, const struct server_facts *s,
                         size_t *count, bool *was_reached)
{
    if (policy != NULL && !sts_policy_allows(policy, s->name))
        add_trouble(l, count, arena_printf(&l->arena, "the policy does not name %.*s", SLICE_FMT(s->name)));
    for (size_t i = 0; i < s->addresses_len; i++) {
        const struct address_facts *a = &s->addresses[i];
        const char *why = checks_hindrance(a);

        *was_reached |= a->probe->has_session || why != NULL;
        if (why != NULL)
            add_trouble(l, count,
                        arena_printf(&l->arena, "%.*s (%.*s): %s", SLICE_FMT(s->name), SLICE_FMT(a->ip), why));
    }
}

static void take_servers(struct plan_look *l)
{
    const struct domain_facts *seen = &l->survey.facts;
    const struct own_policy *own = inspection_policy(l->inspection);
    struct sts_policy policy;
    struct fault why;
    bool has_policy = own != NULL && own->text.len > 0 &&
                      sts_policy_parse(own->text, &l->arena, &policy, &why) == OK && policy.mode != STS_MODE_NONE;
    size_t count = 0;

    for (size_t i = 0; i < seen->servers_len; i++)
        judge_server(l, has_policy ? &policy : NULL, &seen->servers[i], &count, &l->facts.knows_servers);
    if (count > 1)
        l->facts.server_trouble =
            arena_printf(&l->arena, "%.*s; and %zu more", SLICE_FMT(l->facts.server_trouble), count - 1);
    if (seen->servers_len == 0) {
        l->facts.knows_servers = seen->mx_outcome != DNS_FAILED && seen->mx_outcome != DNS_BOGUS;
        l->facts.server_trouble = l->facts.knows_servers ? SLICE_LIT("the domain has no mail servers")
                                                         : arena_printf(&l->arena, "%s", seen->mx_why);
    } else if (!l->facts.knows_servers) {
        l->facts.server_trouble = SLICE_LIT("none of them could be reached from here on port 25");
    }
}

/* Whole days, of verified reports alone. */
static void take_failures(struct plan_look *l)
{
    struct plan_failures *f = &l->facts.failures;
    struct slice day = SLICE_LIT("");
    uint64_t of_day = 0;

    for (size_t i = 0; i < l->sums.sums_len; i++) {
        const struct received_sum *s = &l->sums.sums[i];

        if (!s->is_verified)
            continue;
        if (s->kind == RECEIVED_SUM_FAILURE && f->worst.len == 0)
            f->worst = arena_printf(&l->arena, "%.*s%s%.*s", SLICE_FMT(s->by), s->by2.len > 0 ? " at " : "",
                                    SLICE_FMT(s->by2));
        if (s->kind != RECEIVED_SUM_DAY)
            continue;
        if (!slice_eq(day, s->by))
            of_day = 0;
        day = s->by;
        f->sessions += s->success + s->failure;
        f->failed += s->failure;
        if (s->reports > of_day) { /* one may tell of several types of policy */
            f->reports += s->reports - of_day;
            of_day = s->reports;
        }
    }
}

static void conclude(struct plan_look *l)
{
    const struct own_policy *own = inspection_policy(l->inspection);

    l->facts.policy_trouble = own != NULL && own->text.len == 0 ? arena_copy(&l->arena, own->trouble) : SLICE_LIT("");
    take_records(l);
    take_ruas(l);
    take_served(l);
    take_servers(l);
    take_failures(l);
    l->facts.kept_until_s = policy_history_kept_until(l->history.policies, l->history.policies_len);
    l->done(l->ctx);
}

/* -- looking ------------------------------------------------------------------------------------------------- */

static void part_is_done(struct plan_look *l)
{
    if (--l->open == 0 && !l->is_stopped)
        conclude(l);
}

static void on_inspected(struct inspection *i)
{
    part_is_done(inspection_ctx(i));
}

static void on_surveyed(struct domain_survey *s)
{
    part_is_done(CONTAINER_OF(s, struct plan_look, survey));
}

static void on_summed(struct store_request *r)
{
    part_is_done(CONTAINER_OF(r, struct plan_look, sums));
}

static void on_remembered(struct store_request *r)
{
    part_is_done(CONTAINER_OF(r, struct plan_look, history));
}

static void start_survey(struct plan_look *l)
{
    const struct plan_world *w = &l->world;
    const struct config_outbound *c = &w->config->outbound;
    struct server_pool_config pool = { .helo = c->helo,
                                       .from4 = c->has_address4 ? &c->address4 : NULL,
                                       .from6 = c->has_address6 ? &c->address6 : NULL,
                                       .ca_file = c->ca_file,
                                       .smtp_port = c->port,
                                       .https_port = c->https_port,
                                       .timeout_ms = STEP_MS,
                                       .allows_private = c->allows_private };

    l->pool = server_pool_new(w->loop, w->resolver, w->prober, &pool);
    l->survey_world = (struct domain_survey_world){ .loop = w->loop,
                                                    .resolver = w->resolver,
                                                    .pool = l->pool,
                                                    .https = w->https,
                                                    .mailbox = { .loop = w->loop,
                                                                 .resolver = w->resolver,
                                                                 .prober = w->prober,
                                                                 .helo = pool.helo,
                                                                 .from4 = pool.from4,
                                                                 .from6 = pool.from6,
                                                                 .port = pool.smtp_port,
                                                                 .timeout_ms = STEP_MS,
                                                                 .allows_private = pool.allows_private },
                                                    .ca_file = c->ca_file,
                                                    .has_dnssec = !w->config->resolver.never_secure };
    l->survey.done = on_surveyed;
    l->survey.reports = tlsrpt_record_write(l->domain, &l->arena);
    domain_survey_start(&l->survey, &l->survey_world, l->domain->name);
}

static void start_inspection(struct plan_look *l)
{
    struct inspection_config c = { .loop = l->world.loop,
                                   .resolver = l->world.resolver,
                                   .config = l->world.config,
                                   .keeper = l->world.policies,
                                   .domain = l->domain->name,
                                   .done = on_inspected,
                                   .ctx = l };

    l->inspection = inspection_start(&c);
}

/* Reports of the day after the evidence began and of later ones: those tell of what is published now alone. */
static void start_sums(struct plan_look *l, const struct plan *p)
{
    time_t since = (time_t)(p->clean_s + DAY_S);
    struct tm day;

    (void)gmtime_r(&since, &day);
    (void)strftime(l->since_day, sizeof l->since_day, "%Y-%m-%d", &day);
    l->sums = (struct store_request){ .verb = STORE_RECEIVED_SUMS,
                                      .name = l->domain->name,
                                      .since_day = slice_str(l->since_day),
                                      .reply_to = l->world.stored,
                                      .done = on_summed };
    store_send(l->world.store, &l->sums);
}

static void start_history(struct plan_look *l)
{
    l->history = (struct store_request){ .verb = STORE_POLICY_LIST,
                                         .name = l->domain->name,
                                         .limit = HISTORY_MOST,
                                         .reply_to = l->world.stored,
                                         .done = on_remembered };
    store_send(l->world.store, &l->history);
}

struct plan_look *plan_look_start(const struct plan_world *world, const struct plan *p, void (*done)(void *ctx),
                                  void *ctx)
{
    struct plan_look *l = NEW(struct plan_look);

    l->world = *world;
    l->done = done;
    l->ctx = ctx;
    l->settings = snapshot_hold(policy_keeper_settings(world->policies));
    l->domain = snapshot_own_domain(l->settings, p->domain);
    l->facts = (struct plan_facts){ .now_s = clock_wall_s(),
                                    .can_send = world->config->dns_update.server != NULL,
                                    .wants_reports = l->domain->report_to_len > 0,
                                    .hosts_policy = l->domain->hosts_policy,
                                    .mode = l->domain->sts_mode,
                                    .record_lines = SLICE_LIT("") };
    l->open = 4;
    start_inspection(l);
    start_survey(l);
    start_sums(l, p);
    start_history(l);
    return l;
}

void plan_look_stop(struct plan_look *l)
{
    l->is_stopped = true;
    domain_survey_release(&l->survey);
    inspection_free(l->inspection);
    l->inspection = NULL;
}

void plan_look_free(struct plan_look *l)
{
    if (l == NULL)
        return;
    plan_look_stop(l);
    server_pool_free(l->pool);
    arena_release(&l->sums.arena);
    arena_release(&l->history.arena);
    snapshot_release(l->settings);
    arena_release(&l->arena);
    free(l);
}

const struct plan_facts *plan_look_facts(const struct plan_look *l)
{
    return &l->facts;
}

const struct inspection *plan_look_inspection(const struct plan_look *l)
{
    return l->inspection;
}
