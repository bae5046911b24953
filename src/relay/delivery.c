#include "relay/delivery.h"

#include "base/memory.h"
#include "relay/delivery_private.h"
#include "relay/metrics.h"

#include <stdlib.h>

/* -- what is known of the outcome -------------------------------------------------------------------------------- */

void delivery_fail_all(struct delivery *d, enum rcpt_state state, const char *status, struct slice why)
{
    for (size_t i = 0; i < d->job->rcpts_len; i++) {
        struct rcpt_outcome *o = &d->outcomes[i];

        if (o->state != RCPT_PENDING && o->state != RCPT_ACCEPTED)
            continue;
        o->state = state;
        (void)slice_to_cstr(slice_str(status), o->status, sizeof o->status);
        o->why = why;
        o->reply = d->failures.last.reply;
        o->server = d->failures.last_server;
    }
    delivery_finish(d, d->failures.network + d->failures.other > 0 ? JOB_TROUBLE : JOB_SERVED);
}

void delivery_record(struct delivery *d, const char *outcome, struct slice text, const struct connection *c,
                     const struct connection_failure *f)
{
    json_t *facts = json_object();
    char address[NET_ADDRESS_TEXT];

    (void)json_object_set_new(facts, "outcome", json_string(outcome));
    if (c != NULL) {
        (void)json_object_set_new(facts, "server", trace_string(connection_server(c)));
        (void)json_object_set_new(facts, "address",
                                  json_string(net_address_text(connection_address(c), address)));
        (void)json_object_set_new(facts, "tls", trace_tls(connection_tls(c)));
    }
    if (f != NULL && f->cause == FAILURE_TLS)
        (void)json_object_set_new(facts, "result", json_string(tls_result_name(f->result)));
    if (f != NULL && f->reply.code != 0)
        (void)json_object_set_new(facts, "reply", trace_reply(&f->reply));
    trace_add(&d->trace, "attempt", text, facts);
}

/* Where a connection leads, for those that may use it after us: the host taken, which is not the destination's own on
 * the alternate route, or the recipient domain's servers. */
static struct slice way_key(struct delivery *d)
{
    if (d->host != NULL)
        return arena_printf(&d->arena, "host:%.*s", SLICE_FMT(d->host->demand.name));
    return arena_printf(&d->arena, "mx:%.*s", SLICE_FMT(d->job->rcpts[0].domain));
}

void delivery_finish(struct delivery *d, enum job_end end)
{
    if (d->is_settling)
        return;
    d->is_settling = true;
    d->end = d->is_skipped ? JOB_SKIPPED : end;
    address_lookup_release(&d->lookup);
    mx_lookup_release(&d->mx);
    if (d->connection != NULL) {
        struct connection *c = d->connection;

        d->connection = NULL;
        /* Settings that changed meanwhile may lead another way by now. */
        if (connection_is_idle(c) && d->settings == d->worker->settings)
            dispatcher_give_connection(d->worker->dispatcher, way_key(d), c);
        else
            connection_drop(c);
    }
    if (!d->is_loading)
        delivery_settle(d);
}

/* -- no server is left ----------------------------------------------------------------------------------------------- */

static const char *tls_status(const struct connection_failure *f, bool is_permanent)
{
    if (f->result == TLS_RESULT_STARTTLS_NOT_SUPPORTED)
        return is_permanent ? "5.7.4" : "4.7.4";
    return is_permanent ? "5.7.5" : "4.7.5";
}

/* Every server failed of TLS: the rule's word on what happens then. */
static void tls_not_to_be_had(struct delivery *d)
{
    struct slice why = arena_copy(&d->arena, slice_str(d->failures.last.why.text));
    bool bounces = d->demanded.on_failure == ON_FAILURE_BOUNCE;

    if (delivery_switch_to_alternate(d)) {
        delivery_go(d);
        return;
    }
    delivery_fail_all(d, bounces ? RCPT_PERMANENT : RCPT_TEMPORARY, tls_status(&d->failures.last, bounces), why);
}

static void all_servers_failed(struct delivery *d)
{
    const struct failures *f = &d->failures;
    struct slice why = arena_copy(&d->arena, slice_str(f->last.why.text));

    if (f->network > 0 && !f->any_connected && f->tls + f->refused + f->other == 0 && !d->on_alternate)
        dispatcher_found_dead(d->worker->dispatcher, d->job, why);
    if (f->tls > 0 && f->network == 0 && f->refused == 0 && f->other == 0 && decision_requires_tls(&d->decision))
        tls_not_to_be_had(d);
    else if (f->refused > 0 && f->tls == 0 && f->network == 0 && f->other == 0)
        delivery_fail_all(d, RCPT_PERMANENT,
                          f->last.reply.enhanced[0] != '\0' ? f->last.reply.enhanced : "5.3.0", why);
    else
        delivery_fail_all(d, RCPT_TEMPORARY, f->last.reply.enhanced[0] == '4' ? f->last.reply.enhanced : "4.4.1",
                          why.len > 0 ? why : SLICE_LIT("no server could be tried"));
}

/* -- server by server ---------------------------------------------------------------------------------------------------- */

static void on_event(struct connection_user *u, struct connection *c, enum connection_event kind,
                     const struct smtp_client_event *ev);

static const struct candidate *current(const struct delivery *d)
{
    return &d->candidates[d->at];
}

static void connect_from(struct delivery *d, size_t first, size_t len)
{
    const struct candidate *c = current(d);
    struct connection_plan plan = {
        .server = c->name,
        .addresses = d->lookup.addresses + first,
        .addresses_len = len,
        .is_implicit_tls = c->is_implicit_tls,
        .tries_tls = !d->in_clear && (d->decision.level != LEVEL_NONE || decision_requires_tls(&d->decision)),
        .decision = &d->decision,
        .names = d->decision.names_len > 0 ? d->decision.names : d->names,
        .names_len = d->decision.names_len > 0 ? d->decision.names_len : d->names_len,
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

static void note_failure(struct delivery *d, const struct connection_failure *f)
{
    if (f->cause != FAILURE_NETWORK || f->was_connected || !d->lacks_tls)
        d->failures.last = *f;
    d->failures.any_connected |= f->was_connected;
    d->failures.last_server = d->candidates_len > 0 && d->at < d->candidates_len ? current(d)->name : slice_str("");
    switch (f->cause) {
    case FAILURE_TLS:
        d->failures.tls++;
        d->lacks_tls = true;
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
    case FAILURE_PROTOCOL:
    case FAILURE_AUTH:
        d->failures.other++;
        return;
    }
}

/* Neither MX nor address, and DNS is certain of it: time will not mend that (RFC 5321 section 5.1). */
static bool is_no_mail_domain(const struct delivery *d)
{
    return d->host == NULL && d->mx.result.is_implicit &&
           (d->lookup.outcome == DNS_NODATA || d->lookup.outcome == DNS_NXDOMAIN);
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
        struct connection_failure f = { .cause = FAILURE_NETWORK };

        (void)fault_set(&f.why, ERR_TEMPORARY, "'%.*s' cannot be tried: %s", SLICE_FMT(current(d)->name), l->text);
        note_failure(d, &f);
        delivery_record(d, "no-address", slice_str(f.why.text), NULL, NULL);
        if (is_no_mail_domain(d))
            delivery_fail_all(d, RCPT_PERMANENT, "5.4.4",
                              arena_printf(&d->arena, "the domain '%.*s' has neither MX nor address",
                                           SLICE_FMT(current(d)->name)));
        else
            delivery_next_server(d);
        return;
    }
    if (l->addresses_len > most - d->addresses_tried)
        l->addresses_len = most - d->addresses_tried;
    connect_from(d, 0, l->addresses_len);
}

void delivery_next_server(struct delivery *d)
{
    bool is_ours = d->host != NULL && !d->host->looks_up_mx; /* whoever names servers here means all of them (H3) */
    size_t most = is_ours ? SIZE_MAX : d->worker->config->outbound.servers_per_attempt;

    d->at = d->at == SIZE_MAX ? 0 : d->at + 1;
    d->in_clear = d->lacks_tls = false;
    address_lookup_release(&d->lookup);
    if (d->at >= d->candidates_len || d->at >= most) {
        all_servers_failed(d);
        return;
    }
    delivery_set_names(d, current(d));
    d->lookup = (struct address_lookup){ .done = on_addresses };
    address_lookup_start(&d->lookup, d->worker->loop, d->worker->resolver, current(d)->name, current(d)->port);
}

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
    return f->cause == FAILURE_TLS && f->in_handshake && !decision_requires_tls(&d->decision) && !d->in_clear &&
           !current(d)->is_implicit_tls && (d->host == NULL || d->host->username.len == 0);
}

/* A name that was not accepted as proof is worth a word: the remedy is a rule's to give. */
static void explain_mismatch(struct delivery *d)
{
    struct connection_failure *f = &d->failure;
    size_t used = strlen(f->why.text);

    if (f->cause != FAILURE_TLS || f->result != TLS_RESULT_CERTIFICATE_HOST_MISMATCH || d->at >= d->candidates_len ||
        current(d)->is_trusted_name)
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
    d->failed_at = reached(d, c);
    explain_mismatch(d);
    delivery_record(d, "failed", slice_str(d->failure.why.text), c, &d->failure);
    d->connection = NULL;
    connection_drop(c);
    if (d->is_loading)
        d->lost_while_loading = true;
    else
        delivery_after_failure(d);
}

static void on_event(struct connection_user *u, struct connection *c, enum connection_event kind,
                     const struct smtp_client_event *ev)
{
    struct delivery *d = CONTAINER_OF(u, struct delivery, user);

    switch (kind) {
    case CONNECTION_READY:
        delivery_send(d);
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

/* -- beginning ------------------------------------------------------------------------------------------------------------- */

static void delivery_free(struct buried *b)
{
    struct delivery *d = CONTAINER_OF(b, struct delivery, buried);

    snapshot_release(d->settings);
    arena_release(&d->load.arena);
    arena_release(&d->settle.arena);
    arena_release(&d->arena);
    free(d);
}

static struct delivery *delivery_new(struct worker *w, struct job *job)
{
    struct delivery *d = NEW(struct delivery);

    d->worker = w;
    d->job = job;
    d->settings = snapshot_hold(w->settings);
    d->user.on_event = on_event;
    d->buried.free = delivery_free;
    d->at = SIZE_MAX;
    trace_init(&d->trace, &d->arena);
    d->next = w->deliveries;
    if (d->next != NULL)
        d->next->prev = d;
    w->deliveries = d;
    return d;
}

void delivery_leave(struct delivery *d)
{
    if (d->prev != NULL)
        d->prev->next = d->next;
    else
        d->worker->deliveries = d->next;
    if (d->next != NULL)
        d->next->prev = d->prev;
}

static void make_outcomes(struct delivery *d)
{
    d->outcomes = ARENA_ARRAY(&d->arena, struct rcpt_outcome, d->job->rcpts_len);
}

void delivery_go(struct delivery *d)
{
    d->at = SIZE_MAX;
    d->connection = dispatcher_take_connection(d->worker->dispatcher, way_key(d), &d->decision);
    if (d->connection == NULL) {
        delivery_find_servers(d);
        return;
    }
    /* Left from the delivery before: no look-up, no handshake. */
    connection_set_user(d->connection, &d->user);
    delivery_send(d);
}

void delivery_start(struct worker *w, struct job *job)
{
    struct delivery *d = delivery_new(w, job);

    metric_add(METRIC_ATTEMPTS, 1);
    delivery_plan(d);
    make_outcomes(d);
    if (d->decision.always_alternate && !delivery_switch_to_alternate(d)) {
        delivery_fail_all(d, RCPT_TEMPORARY, "4.3.5",
                          SLICE_LIT("mail that requires TLS goes by the alternate secure route, but its host is not set"));
        return;
    }
    delivery_go(d);
}

void delivery_skip(struct worker *w, struct job *job, struct slice why)
{
    struct delivery *d = delivery_new(w, job);

    make_outcomes(d);
    d->is_skipped = true;
    delivery_fail_all(d, RCPT_TEMPORARY, "4.4.1",
                      arena_printf(&d->arena, "not tried, its destination was found dead a moment ago: %.*s",
                                   SLICE_FMT(why)));
}

void delivery_cut_off(struct delivery *d)
{
    address_lookup_release(&d->lookup);
    mx_lookup_release(&d->mx);
    if (d->connection != NULL)
        connection_drop(d->connection);
    d->connection = NULL;
    delivery_leave(d);
    worker_bury(d->worker, &d->buried);
    dispatcher_job_done(d->worker->dispatcher, d->job, JOB_SKIPPED);
}

void delivery_end_all(struct worker *w)
{
    struct delivery *next;

    for (struct delivery *d = w->deliveries; d != NULL; d = next) {
        next = d->next;
        if (!d->is_loading && !d->is_at_store)
            delivery_cut_off(d);
    }
}
