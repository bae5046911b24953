/* relay/delivery_servers.c: server by server: addresses, TLSA records, the decision on it, connections; and what the failures of
 * all amount to. */
#include "base/memory.h"
#include "relay/delivery_private.h"
#include "relay/metrics.h"

/* -- no server is left ----------------------------------------------------------------------------------------------- */

bool delivery_breaks_own_demand(const struct delivery *d)
{
    return d->failures.own_demand > 0 && d->failures.own_demand == d->failures.tls && !d->is_for_published;
}

/* Every server failed of TLS: the demand's word on what happens then. What the destination publishes never bounces mail, our
 * own demand may (semantics section 7). */
static void tls_not_to_be_had(struct delivery *d)
{
    struct slice why = arena_copy(&d->arena, slice_str(d->failures.last.why.text));
    bool bounces = d->demanded.on_failure == ON_FAILURE_BOUNCE && delivery_breaks_own_demand(d);

    if (delivery_switch_to_alternate(d)) {
        delivery_go(d);
        return;
    }
    d->failures.last.lacks_requiretls |= d->demanded.needs_requiretls; /* whatever it failed of: 5.7.30 */
    delivery_fail_all(d, bounces ? RCPT_PERMANENT : RCPT_TEMPORARY, failure_status(&d->failures.last, bounces), why);
}

static const char *temporary_status(const struct connection_failure *last)
{
    if (last->cause == FAILURE_TLS || last->cause == FAILURE_DNS)
        return failure_status(last, false);
    return last->reply.enhanced[0] == '4' ? last->reply.enhanced : "4.4.1";
}

static void all_servers_failed(struct delivery *d)
{
    const struct failures *f = &d->failures;
    struct slice why = arena_copy(&d->arena, slice_str(f->last.why.text));

    if (f->network > 0 && !f->any_connected && f->tls + f->refused + f->other == 0 && !d->on_alternate)
        dispatcher_found_dead(d->worker->dispatcher, d->job, why);
    if (f->tls > 0 && f->network == 0 && f->refused == 0 && f->other == 0 && f->demands_tls)
        tls_not_to_be_had(d);
    else if (f->refused > 0 && f->tls == 0 && f->network == 0 && f->other == 0)
        delivery_fail_all(d, RCPT_PERMANENT,
                          f->last.reply.enhanced[0] != '\0' ? f->last.reply.enhanced : "5.3.0", why);
    else
        delivery_fail_all(d, RCPT_TEMPORARY, temporary_status(&f->last),
                          why.len > 0 ? why : SLICE_LIT("no server could be tried"));
}

/* -- failures ---------------------------------------------------------------------------------------------------------- */

static const struct candidate *current(const struct delivery *d)
{
    return &d->candidates[d->at];
}

/* Would it have failed of what rules, host, default and sender demand, too? Only then their word on failure counts. */
static bool breaks_own_demand(struct delivery *d, const struct connection_failure *f)
{
    struct decision own;

    delivery_own_demand(d, &own);
    if (f->lacks_requiretls)
        return own.needs_requiretls;
    if (f->result == TLS_RESULT_DANE_REQUIRED)
        return own.level == LEVEL_DANE;
    if (f->is_skipped)
        return false;
    return decision_requires_tls(&own) &&
           (f->in_handshake || decision_check(&own, &d->failed_tls, current(d)->name, NULL) != TLS_RESULT_OK);
}

/* The level that TLSA records or a policy asked for, above our own: it travels along to the alternate host. */
static void note_demand(struct delivery *d, const struct connection_failure *f)
{
    const struct decision *demanded = &d->server.decision;

    d->failures.demands_tls |= decision_requires_tls(demanded);
    if (demanded->level > d->failures.level)
        d->failures.level = demanded->level;
    if (breaks_own_demand(d, f))
        d->failures.own_demand++;
}

static void note_failure(struct delivery *d, const struct connection_failure *f)
{
    if (f->cause != FAILURE_NETWORK || f->was_connected || !d->lacks_tls)
        d->failures.last = *f;
    d->failures.any_connected |= f->was_connected;
    d->failures.last_server = d->candidates_len > 0 && d->at < d->candidates_len ? current(d)->name : slice_str("");
    switch (f->cause) {
    case FAILURE_TLS:
        d->failures.tls++;
        metric_add(metric_tls_failure(f->result), 1);
        d->lacks_tls = true;
        note_demand(d, f);
        return;
    case FAILURE_NETWORK:
        /* One that was reached and lacks TLS is judged by that, not by another address of it that is dead. */
        if (f->was_connected || !d->lacks_tls)
            d->failures.network++;
        return;
    case FAILURE_REPLY:
        if (smtp_reply_is_permanent(&f->reply))
            d->failures.refused++;
        else
            d->failures.other++;
        return;
    case FAILURE_DNS:
        d->failures.other++;
        metric_add(metric_tls_failure(f->result), 1);
        return;
    case FAILURE_PROTOCOL:
    case FAILURE_AUTH:
        d->failures.other++;
        return;
    }
}

/* -- connecting -------------------------------------------------------------------------------------------------------- */

static void connect_from(struct delivery *d, size_t first, size_t len)
{
    const struct candidate *c = current(d);
    const struct decision *decision = &d->server.decision;
    struct connection_plan plan = {
        .server = c->name,
        .addresses = d->lookup.addresses + first,
        .addresses_len = len,
        .is_implicit_tls = c->is_implicit_tls,
        .tries_tls = !d->in_clear && (decision->level != LEVEL_NONE || decision_requires_tls(decision)),
        .decision = decision,
        .names = decision->names_len > 0 ? decision->names : d->names,
        .names_len = decision->names_len > 0 ? decision->names_len : d->names_len,
        .tlsa = d->server.tlsa,
        .dane_names = d->domain_names,
        .dane_names_len = mx_domain_names(&d->mx, d->domain_names),
    };

    if (d->host != NULL) {
        plan.username = d->host->username;
        plan.password = d->host->password;
    }
    d->connection = connection_open(d->worker, &plan, &d->user);
}

static bool is_allowed(const struct delivery *d, const struct net_address *a)
{
    return net_address_is_global(a) || d->worker->config->outbound.allows_private ||
           (d->host != NULL && d->host->allows_private);
}

/* Private targets are left out (DNS-10): what remains keeps its order. */
static void drop_private(struct delivery *d)
{
    size_t kept = 0;

    for (size_t i = 0; i < d->lookup.addresses_len; i++)
        if (is_allowed(d, &d->lookup.addresses[i]))
            d->lookup.addresses[kept++] = d->lookup.addresses[i];
    if (kept == 0 && d->lookup.addresses_len > 0)
        (void)snprintf(d->lookup.text, sizeof d->lookup.text,
                       "it has only private addresses, which are not allowed here");
    d->lookup.addresses_len = kept;
}

/* -- the decision on one server ---------------------------------------------------------------------------------------- */

static void pass_over(struct delivery *d)
{
    struct connection_failure f = {
        .cause = d->server.verdict == SERVER_SKIP ? FAILURE_TLS : FAILURE_DNS,
        .result = d->server.result,
        .code = d->server.code,
        .is_skipped = true,
        .lacks_requiretls = d->decision.needs_requiretls && d->server.result != TLS_RESULT_DNSSEC_INVALID,
        .by_dane = d->server.result == TLS_RESULT_DNSSEC_INVALID,
    };

    (void)fault_set(&f.why, ERR_TEMPORARY, "%.*s", SLICE_FMT(d->server.text));
    d->server.decision = d->decision;
    delivery_report_skipped(d);
    note_failure(d, &f);
    delivery_next_server(d);
}

static void decide_server(struct delivery *d)
{
    struct server_facts facts = {
        .name = current(d)->name,
        .is_proven = current(d)->is_proven,
        .dane = d->dane.result.state,
        .tlsa = d->dane.result.state == DANE_USABLE ? &d->dane.result.set : NULL,
    };

    policy_decide_server(&d->decision, &facts, &d->arena, &d->server);
    delivery_trace_server(d);
    if (d->server.verdict != SERVER_TRY)
        pass_over(d);
    else
        connect_from(d, 0, d->lookup.addresses_len);
}

static void on_dane(struct dane_lookup *l)
{
    decide_server(CONTAINER_OF(l, struct delivery, dane));
}

/* Neither MX nor address, and DNS is certain of it: time will not mend that (RFC 5321 section 5.1). */
static bool is_no_mail_domain(const struct delivery *d)
{
    return d->host == NULL && d->mx.result.is_implicit &&
           (d->lookup.outcome == DNS_NODATA || d->lookup.outcome == DNS_NXDOMAIN);
}

static void no_address(struct delivery *d)
{
    struct connection_failure f = { .cause = FAILURE_NETWORK };

    (void)fault_set(&f.why, ERR_TEMPORARY, "'%.*s' cannot be tried: %s", SLICE_FMT(current(d)->name), d->lookup.text);
    note_failure(d, &f);
    delivery_record(d, "no-address", slice_str(f.why.text), NULL, NULL);
    if (is_no_mail_domain(d))
        delivery_fail_all(d, RCPT_PERMANENT, "5.4.4",
                          arena_printf(&d->arena, "the domain '%.*s' has neither MX nor address",
                                       SLICE_FMT(current(d)->name)));
    else
        delivery_next_server(d);
}

static void on_addresses(struct address_lookup *l)
{
    struct delivery *d = CONTAINER_OF(l, struct delivery, lookup);
    size_t most = d->worker->config->outbound.addresses_per_attempt;

    drop_private(d);
    d->address_at = 0;
    if (d->addresses_tried >= most) { /* what was tried decides; it is no failure of this server's */
        all_servers_failed(d);
        return;
    }
    if (l->addresses_len == 0) {
        no_address(d);
        return;
    }
    if (l->addresses_len > most - d->addresses_tried)
        l->addresses_len = most - d->addresses_tried;
    if (!d->decision.uses_dane) {
        decide_server(d);
        return;
    }
    d->dane.done = on_dane;
    dane_lookup_start(&d->dane, d->worker->loop, d->worker->resolver, current(d)->name, current(d)->port, l);
}

void delivery_next_server(struct delivery *d)
{
    bool is_ours = d->host != NULL && !d->host->looks_up_mx; /* whoever names servers here means all of them (H3) */
    size_t most = is_ours ? SIZE_MAX : d->worker->config->outbound.servers_per_attempt;

    d->at = d->at == SIZE_MAX ? 0 : d->at + 1;
    d->in_clear = d->lacks_tls = false;
    dane_lookup_release(&d->dane);
    d->dane = (struct dane_lookup){ 0 };
    address_lookup_release(&d->lookup);
    if (d->at >= d->candidates_len || d->at >= most) {
        all_servers_failed(d);
        return;
    }
    delivery_set_names(d, current(d));
    d->lookup = (struct address_lookup){ .done = on_addresses };
    address_lookup_start(&d->lookup, d->worker->loop, d->worker->resolver, current(d)->name, current(d)->port);
}

/* -- what a connection says -------------------------------------------------------------------------------------------- */

/* Index of the address that was reached, within the current server's. */
static size_t reached(const struct delivery *d, const struct connection *c)
{
    size_t i = 0;

    while (i < d->lookup.addresses_len &&
           !net_address_same_ip(&d->lookup.addresses[i], connection_address(c)))
        i++;
    return i;
}

/* Opportunistic TLS: a handshake that failed is tried again in clear, on a new connection, only when nothing requires
 * TLS and no credentials are at stake (TLS-07). */
static bool retries_in_clear(const struct delivery *d, const struct connection_failure *f)
{
    return f->cause == FAILURE_TLS && f->in_handshake && !decision_requires_tls(&d->server.decision) && !d->in_clear &&
           !current(d)->is_implicit_tls && (d->host == NULL || d->host->username.len == 0);
}

/* A name that was not accepted as proof is worth a word: the remedy is a rule's to give. */
static void explain_mismatch(struct delivery *d)
{
    struct connection_failure *f = &d->failure;
    size_t used = strlen(f->why.text);

    if (f->cause != FAILURE_TLS || f->result != TLS_RESULT_CERTIFICATE_HOST_MISMATCH || d->at >= d->candidates_len ||
        current(d)->is_trusted_name || d->decision.sts != NULL || f->by_dane)
        return;
    (void)snprintf(f->why.text + used, sizeof f->why.text - used,
                   " (the name '%.*s' comes from unsigned DNS and proves nothing; list it in the rule's names to accept it)",
                   SLICE_FMT(current(d)->name));
}

/* Another try at once would likely be a second copy; a later one meets a server that has had time to tell (RFC 1047). */
static void leave_in_doubt(struct delivery *d)
{
    note_failure(d, &d->failure);
    delivery_fail_all(d, RCPT_TEMPORARY, "4.4.2",
                      arena_printf(&d->arena, "%s; it had the whole message and may have kept it: the next attempt may be "
                                   "a second copy", d->failure.why.text));
}

void delivery_after_failure(struct delivery *d)
{
    struct connection_failure *f = &d->failure;

    if (f->may_have_taken) {
        leave_in_doubt(d);
    } else if (d->at == SIZE_MAX) {
        /* It was a kept connection: that it broke says nothing about the server. */
        delivery_find_servers(d);
    } else if (retries_in_clear(d, f)) {
        metric_add(METRIC_TLS_OUT_FALLBACK, 1);
        d->in_clear = true;
        connect_from(d, d->failed_at, 1);
    } else {
        note_failure(d, f);
        d->in_clear = false;
        d->addresses_tried++;
        if (f->was_connected && d->failed_at + 1 < d->lookup.addresses_len)
            connect_from(d, d->failed_at + 1, d->lookup.addresses_len - d->failed_at - 1);
        else
            delivery_next_server(d);
    }
}

static void on_failed(struct delivery *d, struct connection *c)
{
    d->failure = *connection_failure(c);
    d->failed_tls = *connection_tls(c);
    d->failed_at = reached(d, c);
    explain_mismatch(d);
    delivery_record(d, "failed", slice_str(d->failure.why.text), c, &d->failure);
    if (d->failure.cause == FAILURE_TLS && d->at != SIZE_MAX)
        delivery_report_session(d, c, &d->failure);
    d->connection = NULL;
    connection_drop(c);
    if (d->is_loading)
        d->lost_while_loading = true;
    else
        delivery_after_failure(d);
}

static void on_ready(struct delivery *d, struct connection *c)
{
    if (!d->in_clear)
        delivery_report_session(d, c, NULL);
    delivery_send(d);
}

void delivery_on_event(struct connection_user *u, struct connection *c, enum connection_event kind,
                       const struct smtp_client_event *ev)
{
    struct delivery *d = CONTAINER_OF(u, struct delivery, user);

    switch (kind) {
    case CONNECTION_READY:
        on_ready(d, c);
        return;
    case CONNECTION_FAILED:
        on_failed(d, c);
        return;
    case CONNECTION_RCPT:
    case CONNECTION_BODY:
    case CONNECTION_DRAINED:
    case CONNECTION_DONE:
        delivery_on_transaction(d, kind, ev);
        return;
    }
}
