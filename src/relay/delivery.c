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
    if (f != NULL && f->code != NULL && f->code[0] != '\0')
        (void)json_object_set_new(facts, "code", json_string(f->code));
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

static void release_lookups(struct delivery *d)
{
    delivery_forget_sts(d);
    delivery_forget_reports(d);
    dane_lookup_release(&d->dane);
    address_lookup_release(&d->lookup);
    mx_lookup_release(&d->mx);
}

void delivery_finish(struct delivery *d, enum job_end end)
{
    if (d->is_settling)
        return;
    d->is_settling = true;
    d->end = d->is_skipped ? JOB_SKIPPED : end;
    release_lookups(d);
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

/* -- beginning ------------------------------------------------------------------------------------------------------------- */

static void delivery_free(struct buried *b)
{
    struct delivery *d = CONTAINER_OF(b, struct delivery, buried);

    snapshot_release(d->settings);
    sts_facts_release(d->sts);
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
    d->user.on_event = delivery_on_event;
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

void delivery_make_outcomes(struct delivery *d)
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
}

void delivery_planned(struct delivery *d)
{
    delivery_make_outcomes(d);
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

    delivery_make_outcomes(d);
    d->is_skipped = true;
    delivery_fail_all(d, RCPT_TEMPORARY, "4.4.1",
                      arena_printf(&d->arena, "not tried, its destination was found dead a moment ago: %.*s",
                                   SLICE_FMT(why)));
}

void delivery_cut_off(struct delivery *d)
{
    release_lookups(d);
    if (d->connection != NULL)
        connection_drop(d->connection);
    d->connection = NULL;
    delivery_leave(d);
    worker_bury(d->worker, &d->buried);
    dispatcher_job_done(d->worker->dispatcher, d->job, JOB_SKIPPED);
}

void delivery_end_waiting(struct worker *w)
{
    struct delivery *next;

    for (struct delivery *d = w->deliveries; d != NULL; d = next) {
        next = d->next;
        if (d->connection == NULL && !d->is_loading && !d->is_settling)
            delivery_cut_off(d);
    }
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
