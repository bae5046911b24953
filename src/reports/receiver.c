#include "reports/receiver.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "reports/calendar.h"
#include "reports/receiver_private.h"

#include <pthread.h>

enum { TRIM_EVERY_MS = 3600 * 1000, TRIM_FIRST_MS = 5000 };

/* -- one request -------------------------------------------------------------------------------------------------- */

static void answer(struct receiver *r, struct intake_task *t, enum status st)
{
    struct receive_request *q = t->request;

    q->status = st;
    TAILQ_REMOVE(&r->tasks, t, in_list);
    r->tasks_len--;
    arena_release(&t->put.arena);
    arena_release(&t->arena);
    free(t);
    handoff_put(q->reply_to, &q->item);
    receiver_go_on(r);
}

static void tell(const struct received_row *row, enum received_outcome outcome)
{
    static const char *const words[] = {
        [RECEIVED_KEPT] = "TLS report received",
        [RECEIVED_DUPLICATE] = "TLS report was received before",
        [RECEIVED_DIFFERS] = "TLS report differs from one of the same id that was received before",
        [RECEIVED_OVER_QUOTA] = "TLS report is over the quota of its source",
    };

    log_info(NULL, words[outcome], LOG_STR("domain", row->domain), LOG_STR("reporter", row->reporter),
             LOG_STR("report", row->report_id), LOG_STR("day", row->day), LOG_INT("success", row->success),
             LOG_INT("failure", row->failure), LOG_CSTR("by", received_channel_names[row->channel]),
             LOG_CSTR("verified", row->is_verified ? "yes" : "no"));
}

static void on_put(struct store_request *put)
{
    struct intake_task *t = CONTAINER_OF(put, struct intake_task, put);
    size_t at = 0;

    if (put->status != OK) {
        t->request->why = put->why;
        answer(t->receiver, t, put->status);
        return;
    }
    for (size_t i = 0; i < t->request->outcomes_len; i++) {
        struct receive_outcome *o = &t->outcomes[i];

        if (o->result.is_refused)
            continue;
        o->kept = put->outcomes[at++];
        tell(&o->result.row, o->kept);
    }
    answer(t->receiver, t, OK);
}

static void keep(struct receiver *r, struct intake_task *t)
{
    struct received_row *rows = ARENA_ARRAY(&t->arena, struct received_row, t->results.len);
    size_t len = 0;

    t->outcomes = ARENA_ARRAY(&t->request->arena, struct receive_outcome, t->results.len);
    for (size_t i = 0; i < t->results.len; i++) {
        t->outcomes[i].result = t->results.items[i];
        if (t->results.items[i].is_refused)
            log_info(NULL, "TLS report refused", LOG_STR("why", t->results.items[i].why),
                     LOG_STR("source", t->request->what.source));
        else
            rows[len++] = t->results.items[i].row;
    }
    t->request->outcomes = t->outcomes;
    t->request->outcomes_len = t->results.len;
    if (len == 0) {
        answer(r, t, OK);
        return;
    }
    t->put = (struct store_request){
        .verb = STORE_RECEIVED_PUT, .received_in = rows, .received_in_len = len, .quota = &r->quota
    };
    receiver_store(r, &t->put, on_put);
}

static const struct receive_mx *mx_of(void *ctx, struct slice domain)
{
    return receiver_mx(ctx, domain);
}

void receiver_judge(struct intake_task *t)
{
    struct receiver *r = t->receiver;
    struct receive_context c = {
        .settings = r->settings,
        .hostname = slice_str(r->hostname),
        .now_s = r->wall_s(),
        .import_since_s = r->wall_s() - r->keep_s,
        .verifier = r->verifier,
        .keys = t->keys,
        .keys_len = t->found.keys_len,
        .mx_of = mx_of,
        .ctx = r,
    };

    receive_judge(&t->found, &c, &t->request->arena, &t->results);
    if (t->results.wants_mx_of.len > 0)
        receiver_ask_mx(r, t);
    else
        keep(r, t);
}

/* -- keys --------------------------------------------------------------------------------------------------------- */

static void on_key(struct resolver_query *query, const struct dns_answer *dns)
{
    struct key_query *k = CONTAINER_OF(query, struct key_query, query);
    struct intake_task *t = k->task;

    if (dns->outcome == DNS_FOUND)
        k->key->record = arena_copy(&t->arena, dns->records[0].bytes);
    if (dns->outcome == DNS_FAILED)
        t->lacks_keys = true;
    if (--t->keys_open > 0)
        return;
    if (t->lacks_keys && t->request->waits) {
        (void)fault_set(&t->request->why, ERR_TEMPORARY, "the key of its signature cannot be looked up now");
        answer(t->receiver, t, ERR_TEMPORARY);
        return;
    }
    receiver_judge(t);
}

static void ask_keys(struct receiver *r, struct intake_task *t)
{
    t->keys_open = t->found.keys_len;
    for (size_t i = 0; i < t->found.keys_len; i++) {
        struct key_query *k = &t->queries[i];

        t->keys[i] = (struct mail_dkim_key){ t->found.keys[i], SLICE_LIT("") };
        *k = (struct key_query){ .query.done = on_key, .key = &t->keys[i], .task = t };
        resolver_ask(r->resolver, &k->query, t->found.keys[i], DNS_TXT);
    }
}

static void begin(struct receiver *r, struct receive_request *q)
{
    struct intake_task *t = NEW(struct intake_task);
    enum status st;

    t->receiver = r;
    t->request = q;
    TAILQ_INSERT_TAIL(&r->tasks, t, in_list);
    r->tasks_len++;
    st = q->what.file == NULL ? OK : body_file_read(q->what.file, &q->arena, &q->what.bytes, &q->why);
    if (st == OK)
        st = receive_open(&q->what, &t->arena, &t->found, &q->why);
    if (st != OK)
        answer(r, t, st);
    else if (t->found.keys_len > 0)
        ask_keys(r, t);
    else
        receiver_judge(t);
}

/* -- the queue ---------------------------------------------------------------------------------------------------- */

static void refuse(struct receive_request *q)
{
    q->status = fault_set(&q->why, ERR_TEMPORARY, "shutting down");
    handoff_put(q->reply_to, &q->item);
}

/* Begins what may begin; whoever finishes calls again, so it must not nest. */
void receiver_go_on(struct receiver *r)
{
    if (r->is_going_on)
        return;
    r->is_going_on = true;
    while (r->waiting != NULL && r->tasks_len < RECEIVER_AT_WORK && !r->is_ending) {
        struct handoff_item *item = r->waiting;

        r->waiting = item->next;
        begin(r, (struct receive_request *)(void *)item);
    }
    r->is_going_on = false;
}

static void take(struct receiver *r)
{
    struct handoff_item *item = handoff_take(r->inbox), **last = &r->waiting;

    while (*last != NULL)
        last = &(*last)->next;
    *last = item;
}

static void on_inbox(struct loop_io *io, unsigned events)
{
    struct receiver *r = CONTAINER_OF(io, struct receiver, inbox_io);

    (void)events;
    take(r);
    receiver_go_on(r);
}

void receiver_ask(struct receiver *r, struct receive_request *q)
{
    if (atomic_load(&r->is_over))
        refuse(q);
    else
        handoff_put(r->inbox, &q->item);
}

/* -- the store ---------------------------------------------------------------------------------------------------- */

void receiver_store(struct receiver *r, struct store_request *s, void (*done)(struct store_request *s))
{
    s->reply_to = r->answers;
    s->done = done;
    r->store_open++;
    store_send(r->store, s);
}

static void take_answers(struct receiver *r)
{
    struct handoff_item *next;

    for (struct handoff_item *item = handoff_take(r->answers); item != NULL; item = next) {
        struct store_request *s = CONTAINER_OF(item, struct store_request, item);

        next = item->next;
        r->store_open--;
        s->done(s);
    }
}

static void on_answers(struct loop_io *io, unsigned events)
{
    (void)events;
    take_answers(CONTAINER_OF(io, struct receiver, answers_io));
}

static void on_trimmed(struct store_request *s)
{
    struct receiver *r = CONTAINER_OF(s, struct receiver, trim);

    r->is_trimming = false;
    arena_release(&s->arena);
}

static void on_trim_time(struct loop_timer *timer)
{
    struct receiver *r = CONTAINER_OF(timer, struct receiver, trim_timer);
    int64_t now_s = r->wall_s();

    loop_timer_set(r->loop, timer, TRIM_EVERY_MS);
    if (r->is_trimming)
        return;
    r->is_trimming = true;
    r->trim = (struct store_request){ .verb = STORE_RECEIVED_TRIM,
                                      .since_day = calendar_day(now_s - r->keep_s, r->trim_day),
                                      .before_s = now_s - r->keep_documents_s,
                                      .now_s = now_s };
    receiver_store(r, &r->trim, on_trimmed);
}

/* -- orders ------------------------------------------------------------------------------------------------------- */

struct order {
    struct handoff_item item;
    struct snapshot *fresh; /* NULL: end */
};

static void give(struct receiver *r, struct snapshot *fresh)
{
    struct order *o = NEW(struct order);

    o->fresh = fresh;
    handoff_put(r->orders, &o->item);
}

static void take_orders(struct receiver *r)
{
    struct handoff_item *next;

    for (struct handoff_item *item = handoff_take(r->orders); item != NULL; item = next) {
        struct order *o = CONTAINER_OF(item, struct order, item);

        next = item->next;
        if (o->fresh != NULL) {
            snapshot_release(r->settings);
            r->settings = o->fresh;
        } else {
            loop_stop(r->loop);
        }
        free(o);
    }
}

static void on_orders(struct loop_io *io, unsigned events)
{
    (void)events;
    take_orders(CONTAINER_OF(io, struct receiver, orders_io));
}

/* -- its life ----------------------------------------------------------------------------------------------------- */

enum status receiver_new(const struct receiver_config *config, struct receiver **out, struct fault *why)
{
    struct receiver *r = NEW(struct receiver);
    enum status st;

    r->store = config->store;
    r->settings = config->settings;
    r->hostname = mem_str(config->hostname);
    r->keep_s = config->keep_s;
    r->keep_documents_s = config->keep_documents_s;
    r->quota = config->quota.strangers > 0 ? config->quota
                                           : (struct received_quota){ RECEIVER_PER_SOURCE, RECEIVER_STRANGERS };
    r->wall_s = config->wall_s == NULL ? clock_wall_s : config->wall_s;
    r->loop = loop_new();
    r->inbox = handoff_new();
    r->answers = handoff_new();
    r->orders = handoff_new();
    r->verifier = mail_dkim_verifier_new();
    TAILQ_INIT(&r->tasks);
    map_init(&r->mx);
    r->inbox_io.ready = on_inbox;
    r->answers_io.ready = on_answers;
    r->orders_io.ready = on_orders;
    r->trim_timer.fire = on_trim_time;
    loop_watch(r->loop, &r->inbox_io, handoff_fd(r->inbox), LOOP_READ);
    loop_watch(r->loop, &r->answers_io, handoff_fd(r->answers), LOOP_READ);
    loop_watch(r->loop, &r->orders_io, handoff_fd(r->orders), LOOP_READ);
    loop_timer_set(r->loop, &r->trim_timer, TRIM_FIRST_MS);
    st = resolver_new(r->loop, config->resolver, &r->resolver, why);
    if (st != OK) {
        receiver_free(r);
        return st;
    }
    *out = r;
    return OK;
}

static void *run(void *arg)
{
    struct receiver *r = arg;

    loop_run(r->loop);
    return NULL;
}

enum status receiver_start(struct receiver *r, struct fault *why)
{
    int err = pthread_create(&r->thread, NULL, run, r);

    if (err != 0)
        return fault_set(why, ERR_TEMPORARY, "cannot start the thread that reads TLS reports: %s", strerror(err));
    pthread_setname_np(r->thread, "reports");
    r->is_running = true;
    return OK;
}

/* What waits for the DNS never hears of it again; what waits for the store does. */
static void end_tasks(struct receiver *r)
{
    struct intake_task *t, *next;

    for (t = TAILQ_FIRST(&r->tasks); t != NULL; t = next) {
        next = TAILQ_NEXT(t, in_list);
        if (t->put.reply_to != NULL)
            continue;
        for (size_t i = 0; i < COUNT_OF(t->queries); i++)
            if (t->queries[i].task != NULL)
                resolver_cancel(r->resolver, &t->queries[i].query);
        (void)fault_set(&t->request->why, ERR_TEMPORARY, "shutting down");
        answer(r, t, ERR_TEMPORARY);
    }
}

void receiver_stop(struct receiver *r)
{
    atomic_store(&r->is_over, true);
    if (!r->is_running)
        return;
    give(r, NULL);
    (void)pthread_join(r->thread, NULL);
    r->is_running = false;
    r->is_ending = true;
    receiver_forget_mx(r); /* nobody waits for them any more */
    end_tasks(r);
    while (r->store_open > 0) {
        (void)handoff_wait(r->answers, -1);
        take_answers(r);
    }
    take(r);
    while (r->waiting != NULL) {
        struct handoff_item *item = r->waiting;

        r->waiting = item->next;
        refuse((struct receive_request *)(void *)item);
    }
}

void receiver_free(struct receiver *r)
{
    if (r == NULL)
        return;
    take_orders(r);
    receiver_forget_mx(r);
    resolver_free(r->resolver);
    mail_dkim_verifier_free(r->verifier);
    loop_timer_clear(r->loop, &r->trim_timer);
    loop_unwatch(r->loop, &r->inbox_io);
    loop_unwatch(r->loop, &r->answers_io);
    loop_unwatch(r->loop, &r->orders_io);
    handoff_free(r->inbox);
    handoff_free(r->answers);
    handoff_free(r->orders);
    loop_free(r->loop);
    snapshot_release(r->settings);
    free(r->hostname);
    free(r);
}

void receiver_publish(struct receiver *r, struct snapshot *fresh)
{
    give(r, fresh);
}
