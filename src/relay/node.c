#include "relay/node.h"

#include "base/clock.h"
#include "base/memory.h"
#include "relay/backroom.h"
#include "relay/bounce.h"
#include "relay/census.h"
#include "relay/hasher.h"
#include "relay/node_private.h"
#include "relay/sign_in_limit.h"
#include "relay/tls_hour.h"
#include "relay/worker.h"
#include "reports/receiver.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>


struct node_worker {
    struct worker      *worker;
    pthread_t           thread;
    bool                is_running;
    struct node_socket *sockets;
    size_t              sockets_len;
};

struct node {
    const struct config  *config;
    struct store         *store;
    struct bounce_cap    *bounces;
    struct census        *census;
    struct tls_hour      *tls_hour;
    struct hasher        *hasher;
    struct sign_in_limit *sign_ins;
    struct backroom      *backroom;
    struct receiver      *receiver;
    struct bridge        *bridge; /* NULL: none is configured */
    struct node_listener *listeners;
    struct tls_server   **servers; /* of the listeners, in their order; NULL: no TLS */
    struct node_worker   *workers;
    unsigned              workers_len;
    int64_t               started_s;
    pthread_mutex_t       lock; /* guards `settings` */
    struct snapshot      *settings;
};

/* -- asked by others ------------------------------------------------------------------------------------------ */

const struct config *node_config(const struct node *n)
{
    return n->config;
}

struct store *node_store(const struct node *n)
{
    return n->store;
}

struct bounce_cap *node_bounce_cap(struct node *n)
{
    return n->bounces;
}

struct census *node_census(struct node *n)
{
    return n->census;
}

struct tls_hour *node_tls_hour(struct node *n)
{
    return n->tls_hour;
}

struct hasher *node_hasher(struct node *n)
{
    return n->hasher;
}

struct sign_in_limit *node_sign_in_limit(struct node *n)
{
    return n->sign_ins;
}

struct cert_keeper *node_certificates(struct node *n)
{
    return backroom_certificates(n->backroom);
}

struct sts *node_sts(struct node *n)
{
    return backroom_sts(n->backroom);
}

struct receiver *node_receiver(struct node *n)
{
    return n->receiver;
}

void node_expect_report_event(struct node *n, struct slice domain)
{
    if (n->bridge != NULL)
        bridge_expect_report(n->bridge, domain);
}

struct acme *node_acme(struct node *n)
{
    return backroom_acme(n->backroom);
}

struct watch *node_watch(struct node *n)
{
    return backroom_watch(n->backroom);
}

struct alert_book *node_alerts(struct node *n)
{
    return backroom_alerts(n->backroom);
}

struct desk *node_desk(struct node *n)
{
    return backroom_desk(n->backroom);
}

struct plan_keeper *node_plans(struct node *n)
{
    return backroom_plans(n->backroom);
}

bool node_bridge_counts(const struct node *n, struct bridge_counts *out)
{
    if (n->bridge != NULL)
        bridge_counts(n->bridge, out);
    return n->bridge != NULL;
}

int64_t node_started_s(const struct node *n)
{
    return n->started_s;
}

unsigned node_workers(const struct node *n)
{
    return n->workers_len;
}

size_t node_sockets(struct node *n, unsigned worker, struct node_socket **out)
{
    *out = n->workers[worker].sockets;
    return n->workers[worker].sockets_len;
}

struct snapshot *node_snapshot(struct node *n)
{
    struct snapshot *s;

    pthread_mutex_lock(&n->lock);
    s = snapshot_hold(n->settings);
    pthread_mutex_unlock(&n->lock);
    return s;
}

void node_ask(struct node *n, struct worker_task *t)
{
    worker_ask(n->workers[0].worker, t);
}

/* -- tasks for every worker ------------------------------------------------------------------------------------ */

struct errand {
    struct worker_task task; /* first */
    struct snapshot   *fresh;
    int64_t            grace_ms;
};

static void run_adopt(struct worker *w, struct worker_task *t)
{
    struct errand *e = CONTAINER_OF(t, struct errand, task);

    worker_adopt(w, e->fresh);
    free(e);
}

static void run_stop(struct worker *w, struct worker_task *t)
{
    struct errand *e = CONTAINER_OF(t, struct errand, task);

    worker_stop(w, e->grace_ms);
    free(e);
}

static void send_errand(struct worker *w, void (*run)(struct worker *w, struct worker_task *t),
                        struct snapshot *fresh, int64_t grace_ms)
{
    struct errand *e = NEW(struct errand);

    e->task.run = run;
    e->fresh = fresh;
    e->grace_ms = grace_ms;
    worker_ask(w, &e->task);
}

static void hand_out(struct node *n, struct snapshot *fresh)
{
    for (unsigned i = 0; i < n->workers_len; i++)
        send_errand(n->workers[i].worker, run_adopt, snapshot_hold(fresh), 0);
    backroom_publish(n->backroom, snapshot_hold(fresh));
    receiver_publish(n->receiver, snapshot_hold(fresh));
    if (n->bridge != NULL)
        bridge_publish(n->bridge, snapshot_hold(fresh));
}

void node_publish(struct node *n, struct snapshot *fresh)
{
    struct snapshot *old = fresh;

    pthread_mutex_lock(&n->lock);
    if (snapshot_version(fresh) >= snapshot_version(n->settings)) {
        hand_out(n, fresh);
        old = n->settings;
        n->settings = fresh;
    }
    pthread_mutex_unlock(&n->lock);
    snapshot_release(old);
}

static void publish(void *ctx, struct snapshot *fresh)
{
    node_publish(ctx, fresh);
}

void node_refresh(struct node *n)
{
    backroom_refresh(n->backroom);
}

/* -- coming up --------------------------------------------------------------------------------------------------- */

static enum status open_store(struct node *n, struct fault *why)
{
    struct store_config config = { .url = n->config->store, .reserve_bytes = n->config->limits.min_free_bytes };

    return store_open(&config, &n->store, why);
}

static enum status load_settings(struct node *n, struct fault *why)
{
    struct store_request r = { .verb = STORE_SETTINGS_LOAD };
    enum status st = store_call(n->store, &r);

    if (st == OK)
        st = snapshot_new(r.settings, r.settings_len, r.version, &n->settings, why);
    else
        *why = r.why;
    arena_release(&r.arena);
    return st;
}

static enum status open_tls(struct node *n, struct fault *why)
{
    n->listeners = mem_new(n->config->listeners_len, sizeof *n->listeners);
    n->servers = mem_new(n->config->listeners_len, sizeof(struct tls_server *));
    for (size_t i = 0; i < n->config->listeners_len; i++) {
        const struct config_listener *l = &n->config->listeners[i];
        struct fault inner;
        enum status st;

        n->listeners[i].config = l;
        if (l->tls == LISTENER_CLEAR)
            continue;
        st = tls_server_new(&l->tls_config, &n->listeners[i].tls, &inner);
        if (st != OK)
            return fault_set(why, st, "listener '%s': %s", l->name, inner.text);
        n->servers[i] = n->listeners[i].tls;
    }
    return OK;
}

static size_t count_addresses(const struct config *c)
{
    size_t n = 0;

    for (size_t i = 0; i < c->listeners_len; i++)
        n += c->listeners[i].addresses_len;
    return n;
}

static enum status bind_worker(struct node *n, struct node_worker *nw, bool is_first, struct fault *why)
{
    nw->sockets = mem_new(count_addresses(n->config), sizeof *nw->sockets);
    for (size_t i = 0; i < n->config->listeners_len; i++) {
        const struct config_listener *l = &n->config->listeners[i];

        for (size_t j = 0; j < l->addresses_len; j++) {
            struct node_socket *s = &nw->sockets[nw->sockets_len];
            struct fault inner;
            enum status st = listener_open(&s->socket, &l->addresses[j], is_first, &inner);

            if (st != OK)
                return fault_set(why, st, "listener '%s': %s", l->name, inner.text);
            s->listener = &n->listeners[i];
            nw->sockets_len++;
        }
    }
    return OK;
}

static unsigned cores(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);

    return n < 1 ? 1 : (unsigned)n;
}

static enum status make_workers(struct node *n, struct fault *why)
{
    n->workers_len = n->config->workers != 0 ? n->config->workers : cores();
    n->workers = mem_new(n->workers_len, sizeof *n->workers);
    for (unsigned i = 0; i < n->workers_len; i++) {
        enum status st = bind_worker(n, &n->workers[i], i == 0, why);

        if (st != OK)
            return st;
        n->workers[i].worker = worker_new(n, i, why);
        if (n->workers[i].worker == NULL)
            return ERR_PERMANENT;
    }
    return OK;
}

static enum status open_receiver(struct node *n, struct fault *why)
{
    struct receiver_config config = {
        .resolver = &n->config->resolver,
        .store = n->store,
        .hostname = n->config->hostname,
        .settings = snapshot_hold(n->settings),
        .keep_s = n->config->reports.keep_s,
        .keep_documents_s = n->config->reports.keep_originals_s,
    };

    return receiver_new(&config, &n->receiver, why);
}

static enum status open_backroom(struct node *n, struct fault *why)
{
    struct backroom_config config = { .config = n->config,
                                      .store = n->store,
                                      .receiver = n->receiver,
                                      .servers = n->servers,
                                      .tls_hour = n->tls_hour,
                                      .publish = publish,
                                      .ctx = n };

    return backroom_new(&config, snapshot_hold(n->settings), &n->backroom, why);
}

enum status node_new(const struct config *config, struct node **out, struct fault *why)
{
    struct node *n = NEW(struct node);
    enum status st;

    n->config = config;
    n->started_s = clock_wall_s();
    pthread_mutex_init(&n->lock, NULL);
    n->tls_hour = tls_hour_new(NULL);
    n->census = census_new(config->limits.connections, config->limits.connections_per_address);
    n->bounces = bounce_cap_new(config->queue.dsn_per_minute);
    n->sign_ins = sign_in_limit_new();
    st = open_tls(n, why);
    if (st == OK)
        st = open_store(n, why);
    if (st == OK)
        st = load_settings(n, why);
    if (st == OK && (n->hasher = hasher_new(why)) == NULL)
        st = ERR_TEMPORARY;
    if (st == OK)
        st = open_receiver(n, why);
    if (st == OK)
        st = open_backroom(n, why);
    if (st == OK)
        st = bridge_new(config, &n->bridge, why);
    if (st == OK)
        st = make_workers(n, why);
    if (st != OK) {
        node_free(n);
        return st;
    }
    *out = n;
    return OK;
}

static void *worker_main(void *arg)
{
    worker_run(arg);
    return NULL;
}

static enum status start_workers(struct node *n, struct fault *why)
{
    for (unsigned i = 0; i < n->workers_len; i++) {
        int err = pthread_create(&n->workers[i].thread, NULL, worker_main, n->workers[i].worker);

        if (err != 0)
            return fault_set(why, ERR_TEMPORARY, "cannot start worker %u: %s", i, strerror(err));
        n->workers[i].is_running = true;
    }
    return OK;
}

enum status node_start(struct node *n, struct fault *why)
{
    enum status st = receiver_start(n->receiver, why);

    if (st == OK)
        st = backroom_start(n->backroom, why);
    if (st == OK && n->bridge != NULL)
        st = bridge_start(n->bridge, backroom_sts(n->backroom), n->store, snapshot_hold(n->settings), why);
    if (st == OK)
        st = start_workers(n, why);
    if (st != OK)
        node_stop(n, 0); /* what runs already uses the store, which node_free() closes */
    return st;
}

/* -- going down --------------------------------------------------------------------------------------------------- */

void node_stop(struct node *n, int64_t grace_ms)
{
    for (unsigned i = 0; i < n->workers_len; i++)
        if (n->workers[i].is_running)
            send_errand(n->workers[i].worker, run_stop, NULL, grace_ms);
    for (unsigned i = 0; i < n->workers_len; i++) {
        if (n->workers[i].is_running)
            pthread_join(n->workers[i].thread, NULL);
        n->workers[i].is_running = false;
    }
    if (n->bridge != NULL)
        bridge_stop(n->bridge);
    /* Last: nobody asks them any more. */
    backroom_stop(n->backroom);
    receiver_stop(n->receiver);
}

static void free_worker(struct node_worker *nw)
{
    worker_free(nw->worker);
    for (size_t i = 0; i < nw->sockets_len; i++)
        listener_close(&nw->sockets[i].socket);
    free(nw->sockets);
}

void node_free(struct node *n)
{
    if (n == NULL)
        return;
    hasher_free(n->hasher);
    backroom_save(n->backroom);
    /* The store first: what workers sent is done and answered before they go. */
    store_close(n->store);
    for (unsigned i = 0; i < n->workers_len; i++)
        free_worker(&n->workers[i]);
    free(n->workers);
    bridge_free(n->bridge);
    backroom_free(n->backroom);
    receiver_free(n->receiver);
    for (size_t i = 0; n->listeners != NULL && i < n->config->listeners_len; i++)
        tls_server_free(n->listeners[i].tls);
    free(n->listeners);
    free(n->servers);
    bounce_cap_free(n->bounces);
    tls_hour_free(n->tls_hour);
    census_free(n->census);
    sign_in_limit_free(n->sign_ins);
    snapshot_release(n->settings);
    pthread_mutex_destroy(&n->lock);
    free(n);
}
