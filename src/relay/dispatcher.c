#include "relay/dispatcher.h"

#include "base/clock.h"
#include "base/memory.h"
#include "relay/delivery.h"
#include "relay/pool.h"

#include <stdlib.h>

enum { TICK_MS = 1000 };

struct dispatcher {
    struct worker       *worker;
    struct window       *window;
    struct pool         *pool;
    struct loop_timer    tick;
    struct store_request claim;
    bool                 is_claiming, wants_claim, may_be_more;
    unsigned             running, most_running;
};

static unsigned share(unsigned total, unsigned workers)
{
    return total / workers == 0 ? 1 : total / workers;
}

static bool is_paused(const struct dispatcher *d)
{
    return d->worker->is_stopping || snapshot_gateway(d->worker->settings)->pauses_deliveries;
}

static size_t window_most(const struct dispatcher *d)
{
    return share(d->worker->config->queue.window, node_workers(d->worker->node));
}

/* -- filling the window ----------------------------------------------------------------------------------------- */

/* What shares connections: mail by one host, or to the servers of one domain. */
static struct slice key_of(void *state, struct slice domain)
{
    struct dispatcher *d = state;
    static _Thread_local char key[600];
    struct slice route;
    const struct host *h = snapshot_route(d->worker->settings, domain, &route);
    int len = h != NULL ? snprintf(key, sizeof key, "host:%.*s", SLICE_FMT(h->demand.name))
                        : snprintf(key, sizeof key, "mx:%.*s", SLICE_FMT(domain));

    return slice_of(key, (size_t)len < sizeof key ? (size_t)len : sizeof key - 1);
}

bool dispatcher_has_room(const struct dispatcher *d, size_t rcpts)
{
    return !is_paused(d) && window_deliveries(d->window) + rcpts <= window_most(d);
}

void dispatcher_add(struct dispatcher *d, struct message *m)
{
    window_add_message(d->window, m, key_of, d);
}

static void on_claimed(struct store_request *r)
{
    struct dispatcher *d = CONTAINER_OF(r, struct dispatcher, claim);
    size_t deliveries = 0;

    d->is_claiming = false;
    for (size_t i = 0; r->status == OK && i < r->messages_len; i++) {
        struct message *m = message_of_claim(&r->messages[i]);

        deliveries += m->stored.rcpts_len;
        dispatcher_add(d, m);
        message_release(m);
    }
    d->may_be_more = deliveries >= r->limit;
    arena_release(&r->arena);
    worker_check_stopped(d->worker);
}

static void claim(struct dispatcher *d)
{
    size_t held = window_deliveries(d->window), most = window_most(d);

    if (d->is_claiming || is_paused(d) || held > most / 2)
        return;
    d->wants_claim = d->may_be_more = false;
    d->is_claiming = true;
    d->claim = (struct store_request){ .verb = STORE_CLAIM, .limit = most - held, .now_s = clock_wall_s() };
    worker_store(d->worker, &d->claim, on_claimed);
}

static void on_tick(struct loop_timer *t)
{
    struct dispatcher *d = CONTAINER_OF(t, struct dispatcher, tick);

    d->wants_claim = true;
    loop_timer_set(d->worker->loop, &d->tick, TICK_MS);
}

void dispatcher_wake(struct dispatcher *d)
{
    d->wants_claim = true;
    if (!loop_timer_is_set(&d->tick))
        loop_timer_set(d->worker->loop, &d->tick, TICK_MS);
}

void dispatcher_settings_changed(struct dispatcher *d)
{
    pool_drop_all(d->pool);
    dispatcher_wake(d);
}

/* -- emptying it --------------------------------------------------------------------------------------------------- */

void dispatcher_run(struct dispatcher *d)
{
    struct job *job;

    if (is_paused(d))
        return;
    while (d->running < d->most_running && (job = window_next(d->window)) != NULL) {
        d->running++;
        delivery_start(d->worker, job);
    }
    if (d->wants_claim || d->may_be_more)
        claim(d);
}

/* Jobs that wait for a destination that was just found dead are put off without trying each. */
static void put_off_waiting(struct dispatcher *d, struct destination *dead, struct slice why)
{
    struct job *next;

    for (struct job *j = window_take_waiting(d->window, dead); j != NULL; j = next) {
        next = TAILQ_NEXT(j, link);
        d->running++;
        delivery_skip(d->worker, j, why);
    }
}

void dispatcher_found_dead(struct dispatcher *d, struct job *job, struct slice why)
{
    if (destination_running(job->destination) == 1)
        put_off_waiting(d, job->destination, why);
}

void dispatcher_job_done(struct dispatcher *d, struct job *job, enum job_end end)
{
    d->running--;
    window_finished(d->window, job, end);
    worker_check_stopped(d->worker);
}

struct connection *dispatcher_take_connection(struct dispatcher *d, struct slice destination,
                                              const struct decision *decision)
{
    return pool_take(d->pool, destination, decision);
}

void dispatcher_give_connection(struct dispatcher *d, struct slice destination, struct connection *c)
{
    if (connection_messages(c) >= d->worker->config->outbound.messages_per_connection || d->worker->is_stopping)
        connection_drop(c);
    else
        pool_put(d->pool, destination, c);
}

struct window *dispatcher_window(struct dispatcher *d)
{
    return d->window;
}

/* -- life -------------------------------------------------------------------------------------------------------------- */

struct dispatcher *dispatcher_new(struct worker *w)
{
    struct dispatcher *d = NEW(struct dispatcher);
    unsigned workers = node_workers(w->node);

    d->worker = w;
    d->most_running = share(w->config->outbound.connections, workers);
    d->window = window_new(share(w->config->outbound.connections_per_destination, workers));
    d->pool = pool_new(d->most_running);
    d->tick.fire = on_tick;
    return d;
}

void dispatcher_stop(struct dispatcher *d)
{
    loop_timer_clear(d->worker->loop, &d->tick);
    delivery_end_waiting(d->worker);
    pool_drop_all(d->pool);
}

bool dispatcher_is_idle(const struct dispatcher *d)
{
    return d->running == 0 && !d->is_claiming;
}

void dispatcher_end_all(struct dispatcher *d)
{
    delivery_end_all(d->worker);
    pool_drop_all(d->pool);
}

void dispatcher_free(struct dispatcher *d)
{
    if (d == NULL)
        return;
    pool_free(d->pool);
    window_free(d->window);
    free(d);
}
