/* relay/delivery_plan.c: what is demanded, and which servers may be tried. */
#include "base/memory.h"
#include "relay/decide_mail.h"
#include "relay/delivery_private.h"
#include "relay/metrics.h"
#include "relay/published_json.h"
#include "relay/tally.h"

/* -- the decision -------------------------------------------------------------------------------------------------- */

static struct mail_question question_of(const struct delivery *d, const struct stored_rcpt *rcpt)
{
    const struct stored_message *m = &d->job->message->stored;

    return (struct mail_question){
        .settings = d->settings,
        .sender = m->mail.address,
        .recipient = rcpt->rcpt.address,
        .host = d->host,
        .sts = d->sts,
        .origin = m->origin,
        .requires_tls = m->mail.requires_tls,
        .tls_required_no = m->tls_required_no,
    };
}

void delivery_own_demand(struct delivery *d, struct decision *out)
{
    struct mail_question q = question_of(d, &d->job->rcpts[0]);

    if (d->on_alternate)
        *out = d->decision;
    else
        decide_mail_own(&q, &d->arena, out);
}

static bool same_names(const struct decision *a, const struct decision *b)
{
    if (a->names_len != b->names_len)
        return false;
    for (size_t i = 0; i < a->names_len; i++)
        if (!slice_eq(a->names[i], b->names[i]))
            return false;
    return true;
}

static bool same_demand(const struct decision *a, const struct decision *b)
{
    return a->level == b->level && a->min_version == b->min_version && a->any_name == b->any_name &&
           a->on_failure == b->on_failure && a->defer_for_s == b->defer_for_s &&
           a->always_alternate == b->always_alternate && a->uses_dane == b->uses_dane &&
           a->needs_requiretls == b->needs_requiretls && (a->sts == NULL) == (b->sts == NULL) && slice_eq(a->ca_file, b->ca_file) &&
           slice_eq(a->alternate, b->alternate) && same_names(a, b);
}

enum { RCPTS_PER_TRANSACTION = 100 };

void delivery_split(struct delivery *d, bool (*stays)(struct delivery *d, const struct stored_rcpt *r, size_t kept))
{
    struct job *j = d->job;
    struct stored_rcpt *rest = ARENA_ARRAY(&d->arena, struct stored_rcpt, j->rcpts_len);
    size_t kept = 1, rest_len = 0;

    for (size_t i = 1; i < j->rcpts_len; i++) {
        if (stays(d, &j->rcpts[i], kept))
            j->rcpts[kept++] = j->rcpts[i];
        else
            rest[rest_len++] = j->rcpts[i];
    }
    j->rcpts_len = kept;
    if (rest_len > 0)
        window_add_split(dispatcher_window(d->worker->dispatcher), j, rest, rest_len);
}

/* Within the limit of one transaction, and with the demand of the first. */
static bool goes_along(struct delivery *d, const struct stored_rcpt *r, size_t kept)
{
    struct mail_question q = question_of(d, r);
    struct decision other;

    if (kept >= RCPTS_PER_TRANSACTION)
        return false;
    decide_mail(&q, &d->arena, &other);
    return same_demand(&d->decision, &other);
}

/* A rule in testing counts a message once, however often it is tried (T8). */
static void note_testing(struct delivery *d)
{
    if (d->job->rcpts[0].attempts > 0)
        return;
    for (size_t i = 0; i < d->decision.reasons_len; i++) {
        if (!d->decision.reasons[i].is_testing || d->decision.reasons[i].source != REASON_RULE)
            continue;
        metric_add(METRIC_RULE_TESTING_HITS, 1);
        tally_add(d->worker->tally, "rule-testing", d->decision.reasons[i].name);
    }
}

void delivery_plan(struct delivery *d)
{
    if (delivery_reads_reports(d))
        return;
    d->host = snapshot_route(d->settings, d->job->rcpts[0].domain, &d->route);
    if (!delivery_ask_sts(d))
        delivery_decide(d);
}

void delivery_decide(struct delivery *d)
{
    struct mail_question q = question_of(d, &d->job->rcpts[0]);
    json_t *facts;

    decide_mail(&q, &d->arena, &d->decision);
    delivery_split(d, goes_along);
    note_testing(d);
    d->demanded = d->decision;
    facts = trace_decision(&d->decision);
    if (d->host != NULL)
        (void)json_object_set_new(facts, "route", trace_string(d->route));
    if (d->sts != NULL)
        (void)json_object_set_new(facts, "mta-sts", published_sts_json(d->sts));
    trace_add(&d->trace, "decision", decide_mail_words(&d->decision, d->job->rcpts[0].domain, d->host, &d->arena), facts);
    delivery_planned(d);
}

/* -- servers ------------------------------------------------------------------------------------------------------- */

static void fail_lookup(struct delivery *d, const struct mx_result *r)
{
    if (d->host != NULL) { /* our host leads nowhere: for us to mend, and no fault of the recipient's */
        delivery_fail_all(d, RCPT_TEMPORARY, "4.4.4",
                          arena_printf(&d->arena, "host '%.*s': %.*s", SLICE_FMT(d->host->demand.name),
                                       SLICE_FMT(r->text)));
        return;
    }
    switch (r->outcome) {
    case MX_NULL:
        delivery_fail_all(d, RCPT_PERMANENT, "5.1.10", arena_copy(&d->arena, r->text));
        return;
    case MX_NO_DOMAIN:
        delivery_fail_all(d, RCPT_PERMANENT, "5.1.2", arena_copy(&d->arena, r->text));
        return;
    case MX_LOOP:
        delivery_fail_all(d, RCPT_PERMANENT, "5.4.6", arena_copy(&d->arena, r->text));
        return;
    case MX_BOGUS:
        delivery_fail_all(d, RCPT_TEMPORARY, "4.7.324", arena_copy(&d->arena, r->text));
        return;
    case MX_FAILED:
    case MX_FOUND:
        delivery_fail_all(d, RCPT_TEMPORARY, "4.4.3", arena_copy(&d->arena, r->text));
        return;
    }
}

static void trace_servers(struct delivery *d, const struct mx_result *r)
{
    json_t *list = json_array(), *facts = json_object();

    for (size_t i = 0; i < r->servers_len; i++)
        (void)json_array_append_new(list, trace_string(r->servers[i].name));
    (void)json_object_set_new(facts, "servers", list);
    (void)json_object_set_new(facts, "dnssec", json_boolean(r->is_secure));
    trace_add(&d->trace, "servers", r->text, facts);
}

static void on_mx(struct mx_lookup *l)
{
    struct delivery *d = CONTAINER_OF(l, struct delivery, mx);
    const struct mx_result *r = &l->result;

    trace_servers(d, r);
    if (r->outcome != MX_FOUND) {
        fail_lookup(d, r);
        return;
    }
    d->mx_is_secure = r->is_secure;
    d->candidates = ARENA_ARRAY(&d->arena, struct candidate, r->servers_len);
    d->candidates_len = r->servers_len;
    for (size_t i = 0; i < r->servers_len; i++)
        d->candidates[i] = (struct candidate){
            .name = arena_copy(&d->arena, r->servers[i].name),
            .port = d->host == NULL ? d->worker->config->outbound.port : d->host->primary[0].port,
            .is_implicit_tls = d->host != NULL && d->host->is_implicit_tls,
            .is_proven = r->is_secure,
            .is_trusted_name = r->is_secure || mx_is_within(r->servers[i].name, l->domain),
        };
    delivery_next_server(d);
}

/* Weighted order without putting back: each place is drawn in proportion to the weights left. */
static void add_group(struct delivery *d, const struct host_server *servers, size_t len)
{
    struct candidate *group = d->candidates + d->candidates_len;
    unsigned weights[64], total = 0;

    len = len < COUNT_OF(weights) ? len : COUNT_OF(weights);
    for (size_t i = 0; i < len; i++) {
        group[i] = (struct candidate){ servers[i].name, servers[i].port, d->host->is_implicit_tls, true, true };
        weights[i] = servers[i].weight + 1;
        total += weights[i];
    }
    for (size_t i = 0; i + 1 < len; i++) {
        unsigned draw = worker_random(d->worker) % total;
        size_t pick = i;
        struct candidate chosen;
        unsigned weight;

        while (draw >= weights[pick])
            draw -= weights[pick++];
        chosen = group[pick];
        weight = weights[pick];
        group[pick] = group[i];
        weights[pick] = weights[i];
        group[i] = chosen;
        total -= weight;
    }
    d->candidates_len += len;
}

static void use_host_servers(struct delivery *d)
{
    const struct host *h = d->host;

    d->candidates = ARENA_ARRAY(&d->arena, struct candidate, h->primary_len + h->secondary_len);
    add_group(d, h->primary, h->primary_len);
    add_group(d, h->secondary, h->secondary_len);
    delivery_next_server(d);
}

void delivery_find_servers(struct delivery *d)
{
    struct worker *w = d->worker;

    d->candidates_len = 0;
    d->at = SIZE_MAX;
    if (d->host != NULL && !d->host->looks_up_mx) {
        use_host_servers(d);
        return;
    }
    d->mx.done = on_mx;
    mx_lookup_start(&d->mx, w->loop, w->resolver, d->host == NULL ? d->job->rcpts[0].domain : d->host->primary[0].name,
                    w->config->hostname, worker_random(w));
}

/* The names a certificate may have. An MX name out of unsigned DNS is no proof of anything (DNS-01): then the
 * certificate must be for the destination's own domain, or for a name the rule lists. A policy of MTA-STS proves the names
 * that it allows (RFC 8461 section 4.1); one in testing is held to the same, unless a rule wants proof. */
void delivery_set_names(struct delivery *d, const struct candidate *c)
{
    struct slice domain = d->host == NULL ? d->job->rcpts[0].domain : d->host->primary[0].name;

    d->names_len = 0;
    if (d->decision.sts != NULL || (d->sts != NULL && d->sts->finding == STS_FOUND && d->decision.level < LEVEL_VERIFY)) {
        d->names[d->names_len++] = c->name;
        return;
    }
    if (c->is_trusted_name || d->decision.level < LEVEL_VERIFY)
        d->names[d->names_len++] = c->name;
    if (!c->is_trusted_name)
        d->names[d->names_len++] = domain;
}

/* -- the alternate secure route ---------------------------------------------------------------------------------------- */

/* What travels along: the decision, raised to what a server's TLSA records asked for. The host has no part in these records:
 * authenticated is what it can be, by its own issuers and names. */
static struct decision carried_demand(const struct delivery *d)
{
    struct decision carried = d->demanded;
    enum tls_level asked = d->failures.level == LEVEL_DANE ? LEVEL_VERIFY : d->failures.level;

    if (carried.level < asked) {
        carried.level = asked;
        carried.any_name = false;
    }
    return carried;
}

bool delivery_switch_to_alternate(struct delivery *d)
{
    const struct host *h = d->decision.alternate.len == 0 ? NULL : snapshot_host(d->settings, d->decision.alternate);
    struct decision carried;
    json_t *facts = NULL;

    if (d->on_alternate || h == NULL)
        return false;
    mx_lookup_release(&d->mx);
    d->mx = (struct mx_lookup){ 0 };
    d->host = h;
    d->on_alternate = true;
    d->is_for_published = d->failures.own_demand < d->failures.tls;
    carried = carried_demand(d);
    policy_decide_alternate(&carried, &h->demand, &d->arena, &d->decision);
    facts = trace_decision(&d->decision);
    (void)json_object_set_new(facts, "host", trace_string(h->demand.name));
    trace_add(&d->trace, "alternate",
              d->failures.last.why.text[0] == '\0'
                  ? arena_printf(&d->arena, "everything that requires TLS goes by the alternate secure route, host '%.*s'",
                                 SLICE_FMT(h->demand.name))
                  : arena_printf(&d->arena, "alternate secure route, host '%.*s', because: %s", SLICE_FMT(h->demand.name),
                                 d->failures.last.why.text),
              facts);
    d->failures = (struct failures){ 0 };
    d->addresses_tried = 0;
    return true;
}
