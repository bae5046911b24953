/* relay/settle.c: the end of an attempt: what becomes of each recipient, who is told, and the store's record of it. */
#include "base/clock.h"
#include "base/memory.h"
#include "queue/schedule.h"
#include "relay/bounce.h"
#include "relay/delivery_private.h"
#include "relay/metrics.h"
#include "relay/node_private.h"
#include "relay/tally.h"
#include "relay/tls_hour.h"

#include <stdlib.h>

/* One recipient's fate. */
struct verdict {
    enum delivery_outcome outcome;
    int64_t               due_s;
    enum mail_dsn_action       action;
    bool                  tells; /* a DSN is owed */
};

struct settlement {
    struct delivery        *d;
    struct verdict         *verdicts;
    struct delivery_change *changes;
    int64_t                 now_s;
    size_t                  told;
};

static struct schedule schedule_of(const struct delivery *d)
{
    const struct config_outbound *o = &d->worker->config->outbound;
    const struct gateway *g = snapshot_gateway(d->settings);

    return (struct schedule){ .retry_s = o->retry_s,
                              .retry_len = o->retry_len,
                              .expire_s = g->expire_s,
                              .warn_s = g->delay_warning_s };
}

/* -- fates --------------------------------------------------------------------------------------------------------- */

static void fate_of_temporary(const struct delivery *d, const struct stored_rcpt *r, struct rcpt_outcome *o, int64_t now_s,
                              struct verdict *v)
{
    struct schedule s = schedule_of(d);
    int64_t received_s = d->job->message->stored.received_s;
    /* A rule's patience is for what the rule asks: TLS that cannot be had. */
    int64_t patience_s =
        delivery_breaks_own_demand(d) && d->demanded.on_failure == ON_FAILURE_DEFER ? d->demanded.defer_for_s : 0;

    if (schedule_is_expired(&s, received_s, now_s, patience_s)) {
        *v = (struct verdict){ .outcome = DELIVERY_DONE, .action = MAIL_DSN_FAILED };
        o->status[0] = '5';
        return;
    }
    *v = (struct verdict){ .outcome = DELIVERY_DEFERRED, .action = MAIL_DSN_DELAYED };
    v->due_s = schedule_due_s(&s, received_s, now_s, r->attempts + 1, worker_random(d->worker));
    v->tells = schedule_wants_warning(&s, received_s, now_s, r->delay_notified);
}

static void decide_fate(const struct delivery *d, size_t i, int64_t now_s, struct verdict *v)
{
    const struct stored_rcpt *r = &d->job->rcpts[i];
    struct rcpt_outcome *o = &d->outcomes[i];

    switch (o->state) {
    case RCPT_DELIVERED:
        /* A server with DSN tells of the success itself (RFC 3461 section 5.2). */
        *v = (struct verdict){ .outcome = DELIVERY_DONE, .action = MAIL_DSN_RELAYED, .tells = o->is_relayed };
        break;
    case RCPT_PERMANENT:
        *v = (struct verdict){ .outcome = DELIVERY_DONE, .action = MAIL_DSN_FAILED };
        break;
    case RCPT_PENDING:
    case RCPT_ACCEPTED:
    case RCPT_TEMPORARY:
        fate_of_temporary(d, r, o, now_s, v);
        break;
    }
    if (d->is_damaged) {
        *v = (struct verdict){ .outcome = DELIVERY_HELD };
        return;
    }
    if (v->action == MAIL_DSN_FAILED)
        v->tells = true;
    v->tells = v->tells && !d->takes_reports && bounce_is_wanted(&d->job->message->stored, r, v->action);
}

static void fill_changes(struct settlement *s)
{
    struct delivery *d = s->d;

    for (size_t i = 0; i < d->job->rcpts_len; i++) {
        const struct stored_rcpt *r = &d->job->rcpts[i];
        struct verdict *v = &s->verdicts[i];

        decide_fate(d, i, s->now_s, v);
        s->told += v->tells;
        s->changes[i] = (struct delivery_change){
            .index = r->index,
            .outcome = v->outcome,
            .due_s = v->due_s,
            .attempts = r->attempts + (d->is_skipped ? 0 : 1),
            .delay_notified = r->delay_notified || (v->action == MAIL_DSN_DELAYED && v->tells),
            .last_error = d->outcomes[i].state == RCPT_DELIVERED ? slice_str("") : d->outcomes[i].why,
        };
    }
}

/* -- trace, log and counts -------------------------------------------------------------------------------------------- */

static const char *word_for(const struct delivery *d, size_t i, const struct verdict *v)
{
    if (d->outcomes[i].state == RCPT_DELIVERED)
        return d->takes_reports ? "read" : "delivered";
    if (v->outcome == DELIVERY_HELD)
        return "held";
    return v->outcome == DELIVERY_DONE ? "bounced" : "deferred";
}

static void count_delivered(struct delivery *d)
{
    metric_add(METRIC_DELIVERED, 1);
    if (d->on_alternate)
        metric_add(METRIC_DELIVERED_ALTERNATE, 1);
    if (d->delivered_over == TLS_VERSION_NONE) {
        metric_add(METRIC_DELIVERED_CLEAR, 1);
        tally_add(d->worker->tally, "sent-in-clear", d->job->rcpts[0].domain);
    } else if (d->delivered_level == LEVEL_DANE) {
        metric_add(METRIC_DELIVERED_DANE, 1);
    } else if (d->delivered_level == LEVEL_VERIFY) {
        metric_add(METRIC_DELIVERED_VERIFIED, 1);
    } else {
        metric_add(METRIC_DELIVERED_ENCRYPTED, 1);
    }
}

static void count(struct delivery *d, size_t i, const struct verdict *v)
{
    if (d->takes_reports)
        return;
    if (d->outcomes[i].state == RCPT_DELIVERED)
        count_delivered(d);
    else if (v->outcome == DELIVERY_DONE)
        metric_add(METRIC_BOUNCED, 1);
    else
        metric_add(METRIC_DEFERRED, 1);
}

static void log_outcome(const struct delivery *d, size_t i, const struct verdict *v)
{
    char id[MESSAGE_ID_TEXT];

    if (d->is_skipped)
        return;
    log_info(NULL, "delivery attempt", LOG_CSTR("id", message_id_text(d->job->message->stored.id, id)),
             LOG_STR("to", d->job->rcpts[i].rcpt.address), LOG_CSTR("outcome", word_for(d, i, v)),
             LOG_CSTR("demand", tls_level_name(d->demanded.level)),
             LOG_CSTR("tls", tls_version_name(d->delivered_over)),
             LOG_CSTR("way", d->on_alternate ? "alternate" : "direct"), LOG_CSTR("status", d->outcomes[i].status),
             LOG_STR("why", d->outcomes[i].why));
}

static void add_outcome(struct settlement *s, size_t i)
{
    struct delivery *d = s->d;
    const struct verdict *v = &s->verdicts[i];
    struct slice to = d->job->rcpts[i].rcpt.address;
    json_t *facts = json_object();
    char at[CLOCK_TEXT];

    (void)json_object_set_new(facts, "recipient", trace_string(to));
    (void)json_object_set_new(facts, "outcome", json_string(word_for(d, i, v)));
    (void)json_object_set_new(facts, "way", json_string(d->on_alternate ? "alternate" : "direct"));
    (void)json_object_set_new(facts, "status", json_string(d->outcomes[i].status));
    if (v->outcome == DELIVERY_DEFERRED)
        (void)json_object_set_new(facts, "retry-at", json_string(clock_rfc3339(v->due_s, at)));
    trace_add(&d->trace, "outcome",
              arena_printf(&d->arena, "%.*s: %s (%s)%s%.*s", SLICE_FMT(to), word_for(d, i, v), d->outcomes[i].status,
                           d->outcomes[i].why.len > 0 ? ": " : "", SLICE_FMT(d->outcomes[i].why)),
              facts);
    count(d, i, v);
    log_outcome(d, i, v);
}

/* What was put off untried leaves no line in the trace: a long queue for a dead destination would fill the store with
 * them. The queue shows why it waits. */
static void record(struct settlement *s, size_t i)
{
    if (s->d->is_skipped && s->verdicts[i].outcome == DELIVERY_DEFERRED)
        count(s->d, i, &s->verdicts[i]);
    else
        add_outcome(s, i);
}

/* -- the DSN -------------------------------------------------------------------------------------------------------------- */

/* The sentences a person needs: what was demanded and why, and what happened last. */
static void explain(struct delivery *d, const struct rcpt_outcome *o, struct mail_dsn_rcpt *r)
{
    struct slice *lines = ARENA_ARRAY(&d->arena, struct slice, d->demanded.reasons_len + 1);
    size_t n = 0;

    lines[n++] = o->why;
    for (size_t i = 0; i < d->demanded.reasons_len; i++)
        if (d->demanded.reasons[i].decided && d->demanded.reasons[i].source != REASON_DEFAULT)
            lines[n++] = d->demanded.reasons[i].text;
    r->explanation = lines;
    r->explanation_len = n;
}

static void describe(struct settlement *s, size_t i, struct mail_dsn_rcpt *r)
{
    struct delivery *d = s->d;
    const struct rcpt_outcome *o = &d->outcomes[i];
    const struct stored_rcpt *stored = &d->job->rcpts[i];

    *r = (struct mail_dsn_rcpt){
        .address = stored->rcpt.address,
        .orcpt = stored->rcpt.orcpt,
        .action = s->verdicts[i].action,
        .status = slice_str(o->status),
        .last_attempt_s = s->now_s,
        .will_retry_until_s = s->verdicts[i].outcome == DELIVERY_DEFERRED
                                  ? d->job->message->stored.received_s + snapshot_gateway(d->settings)->expire_s
                                  : 0,
    };
    if (o->reply.code != 0) {
        r->remote_mta = o->server;
        r->diagnostic = arena_printf(&d->arena, "%d %s%s%s", o->reply.code, o->reply.enhanced,
                                     o->reply.enhanced[0] != '\0' ? " " : "", o->reply.text);
    }
    explain(d, o, r);
}

static bool is_capped(struct delivery *d)
{
    struct slice sender = d->job->message->stored.mail.address;
    size_t at = slice_find_last(sender, '@');
    struct slice domain = at == SIZE_MAX ? sender : slice_from(sender, at + 1);

    if (bounce_cap_allows(node_bounce_cap(d->worker->node), domain, loop_now_ms(d->worker->loop)))
        return false;
    metric_add(METRIC_DSN_SUPPRESSED, 1);
    log_warning(NULL, "report not sent: too many to this domain in a minute", LOG_STR("domain", domain));
    return true;
}

static void add_dsn(struct settlement *s, struct slice content, bool is_whole)
{
    struct delivery *d = s->d;
    struct mail_dsn_rcpt *recipients = ARENA_ARRAY(&d->arena, struct mail_dsn_rcpt, s->told);
    struct stored_message *dsn = ARENA_NEW(&d->arena, struct stored_message);
    struct fault why;
    size_t n = 0;

    for (size_t i = 0; i < d->job->rcpts_len; i++)
        if (s->verdicts[i].tells)
            describe(s, i, &recipients[n++]);
    if (bounce_write(d->worker->config, &d->job->message->stored, content, is_whole, recipients, n, &d->arena, dsn,
                     &why) != OK) {
        log_error(NULL, "report cannot be written", LOG_CSTR("why", why.text));
        return;
    }
    metric_add(METRIC_DSN_SENT, 1);
    d->settle.dsns = dsn;
    d->settle.dsns_len = 1;
}

/* -- to the store ------------------------------------------------------------------------------------------------------- */

static void on_settled(struct store_request *r)
{
    struct delivery *d = CONTAINER_OF(r, struct delivery, settle);
    struct worker *w = d->worker;

    if (r->status != OK && r->status != ERR_NOT_FOUND)
        log_error(NULL, "outcome of a delivery was not recorded", LOG_CSTR("why", r->why.text));
    if (d->settle.dsns_len > 0)
        dispatcher_wake(w->dispatcher);
    delivery_leave(d);
    worker_bury(w, &d->buried);
    dispatcher_job_done(w->dispatcher, d->job, d->end);
}

static void send_outcome(struct settlement *s)
{
    struct delivery *d = s->d;

    for (size_t i = 0; i < d->job->rcpts_len; i++)
        record(s, i);
    d->is_at_store = true;
    d->settle.verb = STORE_SETTLE;
    d->settle.id = d->job->message->stored.id;
    d->settle.changes = s->changes;
    d->settle.changes_len = d->job->rcpts_len;
    d->settle.traces_in = d->trace.events;
    d->settle.traces_in_len = d->trace.len;
    worker_store(d->worker, &d->settle, on_settled);
}

static void on_original(struct store_request *r)
{
    struct delivery *d = CONTAINER_OF(r, struct delivery, load);
    bool is_whole = d->job->message->stored.chunks <= 1;

    d->is_loading = false;
    if (d->worker->is_over) {
        delivery_cut_off(d);
        return;
    }
    if (r->status == OK)
        add_dsn(d->settlement, r->bytes, is_whole);
    else
        add_dsn(d->settlement, slice_str(""), false);
    send_outcome(d->settlement);
}

static void load_original(struct delivery *d)
{
    arena_release(&d->load.arena);
    d->load = (struct store_request){ .verb = STORE_LOAD, .id = d->job->message->stored.id };
    d->is_loading = true;
    worker_store(d->worker, &d->load, on_original);
}

/* Our part in the share of an hour: the servers themselves, not what the alternate route made good. */
static void note_hour(const struct delivery *d)
{
    struct tls_hour *h = node_tls_hour(d->worker->node);
    bool has_failed = d->failures.tls > 0 && (d->on_alternate || d->outcomes[0].state != RCPT_DELIVERED);

    if (d->is_skipped || d->takes_reports)
        return;
    tls_hour_note(h, "destination", d->job->rcpts[0].domain, has_failed);
    for (size_t i = 0; i < d->demanded.reasons_len; i++)
        if (d->demanded.reasons[i].source == REASON_RULE && !d->demanded.reasons[i].is_testing)
            tls_hour_note(h, "rule", d->demanded.reasons[i].name, has_failed);
}

void delivery_settle(struct delivery *d)
{
    struct settlement *s = ARENA_NEW(&d->arena, struct settlement);
    const struct message *m = d->job->message;

    s->d = d;
    s->now_s = clock_wall_s();
    s->verdicts = ARENA_ARRAY(&d->arena, struct verdict, d->job->rcpts_len);
    s->changes = ARENA_ARRAY(&d->arena, struct delivery_change, d->job->rcpts_len);
    d->settlement = s;
    note_hour(d);
    fill_changes(s);
    if (s->told == 0 || is_capped(d)) {
        send_outcome(s);
    } else if (m->has_content) {
        add_dsn(s, buf_slice(&m->content), true);
        send_outcome(s);
    } else {
        load_original(d);
    }
}
