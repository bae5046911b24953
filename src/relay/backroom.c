#include "relay/backroom.h"

#include "base/memory.h"
#include "certs/acme.h"
#include "certs/watch.h"
#include "domains/drift.h"
#include "domains/policy_host.h"
#include "relay/failure_alert.h"
#include "reports/inlet.h"
#include "reports/sender.h"
#include "reports/vigil.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>

struct backroom {
    struct loop          *loop;
    struct resolver      *resolver;
    struct https_client  *https;
    struct sts           *sts;
    struct report_sender *sender;
    struct policy_keeper *policies;
    struct inlet         *inlet;
    struct desk          *desk;
    struct prober        *prober;
    struct plan_keeper   *plans;
    struct policy_host   *policy_host; /* NULL: none is configured */
    struct cert_keeper   *certificates;
    struct watch         *watch;
    struct acme          *acme; /* NULL: none is configured */
    struct tls_hour      *tls_hour;
    struct vigil         *vigil;
    struct drift         *drift;
    struct loop_timer     hour_look;
    int64_t               started_ms;
    struct alert_book    *alerts;
    struct handoff       *orders;
    struct loop_io        orders_io;
    pthread_t             thread;
    bool                  is_running, is_over;
};

enum order_verb { ORDER_ADOPT, ORDER_REFRESH, ORDER_END };

struct order {
    struct handoff_item item;
    enum order_verb     verb;
    struct snapshot    *fresh; /* ADOPT */
};

static void give(struct backroom *b, enum order_verb verb, struct snapshot *fresh)
{
    struct order *o = NEW(struct order);

    o->verb = verb;
    o->fresh = fresh;
    handoff_put(b->orders, &o->item);
}

static void adopt(struct backroom *b, struct snapshot *fresh)
{
    alert_book_adopt(b->alerts, snapshot_hold(fresh));
    policy_keeper_adopt(b->policies, snapshot_hold(fresh));
    inlet_adopt(b->inlet, snapshot_hold(fresh));
    cert_keeper_adopt(b->certificates, fresh);
    watch_adopt(b->watch, snapshot_hold(fresh));
    acme_adopt(b->acme, snapshot_hold(fresh));
    vigil_adopt(b->vigil, snapshot_hold(fresh));
    report_sender_adopt(b->sender, snapshot_hold(fresh));
}

static void obey(struct backroom *b, struct order *o)
{
    switch (o->verb) {
    case ORDER_ADOPT: /* the keepers write to the store, which is closed when this is freed */
        if (!b->is_over)
            adopt(b, o->fresh);
        snapshot_release(o->fresh);
        break;
    case ORDER_REFRESH:
        if (!b->is_over)
            cert_keeper_refresh(b->certificates);
        break;
    case ORDER_END:
        desk_stop(b->desk);
        plan_keeper_stop(b->plans);
        policy_keeper_stop(b->policies);
        sts_stop(b->sts);
        alert_book_stop(b->alerts); /* last: the others raise alerts */
        loop_stop(b->loop);
        break;
    }
    free(o);
}

static void take_orders(struct backroom *b)
{
    struct handoff_item *item = handoff_take(b->orders);

    while (item != NULL) {
        struct order *o = CONTAINER_OF(item, struct order, item);

        item = item->next;
        obey(b, o);
    }
}

static void on_orders(struct loop_io *io, unsigned events)
{
    (void)events;
    take_orders(CONTAINER_OF(io, struct backroom, orders_io));
}

static enum status open_inlet(struct backroom *b, const struct backroom_config *c, struct snapshot *settings,
                              struct fault *why)
{
    char folder[PATH_MAX];
    const struct inlet_config inlet = {
        .loop = b->loop, .receiver = c->receiver, .store = c->store, .folder = folder
    };

    if (!store_folder(c->config->store, folder, sizeof folder))
        return fault_set(why, ERR_LIMIT, "the path of the store '%s' is too long", c->config->store);
    b->inlet = inlet_new(&inlet, snapshot_hold(settings));
    return OK;
}

static enum status open_policies(struct backroom *b, const struct backroom_config *c, struct snapshot *settings,
                                 struct fault *why)
{
    const struct config *config = c->config;
    enum status st = policy_keeper_new(b->loop, b->resolver, c->store, snapshot_hold(settings), &b->policies, why);

    if (st == OK)
        st = open_inlet(b, c, settings, why);
    if (st == OK)
        b->desk = desk_new(b->loop, b->resolver, config, b->policies);
    if (st == OK && config->policy_host.addresses_len > 0)
        st = policy_host_new(b->loop, &config->policy_host, b->policies, inlet_route(b->inlet), &b->policy_host, why);
    return st;
}

static enum status open_services(struct backroom *b, const struct config *config, struct store *store, struct fault *why)
{
    struct https_config https = { .ca_file = config->outbound.ca_file,
                                  .port = config->outbound.https_port,
                                  .allows_private = config->outbound.allows_private };
    enum status st = resolver_new(b->loop, &config->resolver, &b->resolver, why);

    if (st == OK)
        st = https_client_new(b->loop, b->resolver, &https, &b->https, why);
    if (st == OK) {
        struct sts_config sts = { .loop = b->loop, .resolver = b->resolver, .https = b->https, .store = store };

        st = sts_new(&sts, &b->sts, why);
    }
    return st;
}

static enum status open_acme(struct backroom *b, const struct backroom_config *c, struct snapshot *settings, struct fault *why)
{
    const struct acme_config acme = { .loop = b->loop, .alerts = b->alerts, .config = &c->config->acme };

    return acme_new(&acme, snapshot_hold(settings), &b->acme, why);
}

static enum status open_plans(struct backroom *b, const struct backroom_config *c, struct fault *why)
{
    struct plan_keeper_config plans = { .world = { .loop = b->loop,
                                                   .resolver = b->resolver,
                                                   .https = b->https,
                                                   .prober = b->prober,
                                                   .store = c->store,
                                                   .config = c->config,
                                                   .policies = b->policies },
                                        .alerts = b->alerts,
                                        .publish = c->publish,
                                        .ctx = c->ctx };

    return plan_keeper_new(&plans, &b->plans, why);
}

static void open_certificates(struct backroom *b, const struct backroom_config *config, struct snapshot *settings)
{
    struct cert_keeper_config c = { .loop = b->loop,
                                    .resolver = b->resolver,
                                    .store = config->store,
                                    .config = config->config,
                                    .servers = config->servers,
                                    .policy_host =
                                        b->policy_host == NULL ? NULL : policy_host_hand_over(b->policy_host) };

    b->certificates = cert_keeper_new(&c, settings);
}

enum { LOOK_MS = 20 * 1000, HOUR_MS = 60 * 60 * 1000 };

static void on_hour_look(struct loop_timer *t)
{
    struct backroom *b = CONTAINER_OF(t, struct backroom, hour_look);

    failure_alert_look(b->tls_hour, policy_keeper_settings(b->policies), b->alerts,
                       loop_now_ms(b->loop) - b->started_ms > HOUR_MS);
    loop_timer_set(b->loop, t, LOOK_MS);
}

static void open_alerts(struct backroom *b, const struct backroom_config *c, struct snapshot *settings)
{
    const struct drift_config drift = { .loop = b->loop,
                                        .resolver = b->resolver,
                                        .config = c->config,
                                        .policies = b->policies,
                                        .certificates = b->certificates,
                                        .alerts = b->alerts };

    b->tls_hour = c->tls_hour;
    b->started_ms = loop_now_ms(b->loop);
    b->hour_look.fire = on_hour_look;
    loop_timer_set(b->loop, &b->hour_look, LOOK_MS);
    b->drift = drift_new(&drift);
    b->vigil = vigil_new(b->loop, c->store, b->alerts, snapshot_hold(settings));
}

static void open_watch(struct backroom *b, const struct backroom_config *config, struct snapshot *settings)
{
    struct watch_config c = { .loop = b->loop,
                              .resolver = b->resolver,
                              .https = b->https,
                              .store = config->store,
                              .alerts = b->alerts,
                              .config = config->config };

    b->watch = watch_new(&c, snapshot_hold(settings));
}

enum status backroom_new(const struct backroom_config *config, struct snapshot *settings, struct backroom **out,
                         struct fault *why)
{
    struct backroom *b = NEW(struct backroom);
    enum status st;

    b->loop = loop_new();
    b->orders = handoff_new();
    b->orders_io.ready = on_orders;
    loop_watch(b->loop, &b->orders_io, handoff_fd(b->orders), LOOP_READ);
    b->prober = prober_new(b->loop);
    b->alerts = alert_book_new(b->loop, config->store, config->config->hostname, snapshot_hold(settings));
    st = open_services(b, config->config, config->store, why);
    if (st == OK)
        st = open_policies(b, config, settings, why);
    if (st == OK)
        st = open_plans(b, config, why);
    if (st == OK)
        st = open_acme(b, config, settings, why);
    if (st != OK) {
        snapshot_release(settings);
        backroom_free(b);
        return st;
    }
    open_certificates(b, config, settings);
    open_watch(b, config, settings);
    open_alerts(b, config, settings);
    desk_set_certificates(b->desk, b->certificates);
    desk_set_drift(b->desk, b->drift);
    b->sender =
        report_sender_new(b->loop, b->resolver, b->https, config->store, config->config->hostname, settings);
    *out = b;
    return OK;
}

static void *run(void *arg)
{
    struct backroom *b = arg;

    loop_run(b->loop);
    return NULL;
}

enum status backroom_start(struct backroom *b, struct fault *why)
{
    int err = pthread_create(&b->thread, NULL, run, b);

    if (err != 0)
        return fault_set(why, ERR_TEMPORARY, "cannot start the thread for policies and reports: %s", strerror(err));
    b->is_running = true;
    return OK;
}

void backroom_stop(struct backroom *b)
{
    if (!b->is_running)
        return;
    give(b, ORDER_END, NULL);
    (void)pthread_join(b->thread, NULL);
    b->is_running = false;
}

void backroom_save(struct backroom *b)
{
    if (b != NULL)
        sts_save(b->sts);
}

void backroom_free(struct backroom *b)
{
    if (b == NULL)
        return;
    b->is_over = true;
    take_orders(b);
    report_sender_free(b->sender);
    desk_free(b->desk);
    plan_keeper_free(b->plans);
    acme_free(b->acme);
    policy_host_free(b->policy_host);
    inlet_free(b->inlet);
    policy_keeper_free(b->policies);
    loop_timer_clear(b->loop, &b->hour_look);
    vigil_free(b->vigil);
    drift_free(b->drift);
    watch_free(b->watch);
    cert_keeper_free(b->certificates);
    alert_book_free(b->alerts);
    sts_free(b->sts);
    prober_free(b->prober);
    https_client_free(b->https);
    resolver_free(b->resolver);
    loop_unwatch(b->loop, &b->orders_io);
    handoff_free(b->orders);
    loop_free(b->loop);
    free(b);
}

struct sts *backroom_sts(struct backroom *b)
{
    return b->sts;
}

struct desk *backroom_desk(struct backroom *b)
{
    return b->desk;
}

struct plan_keeper *backroom_plans(struct backroom *b)
{
    return b->plans;
}

struct acme *backroom_acme(struct backroom *b)
{
    return b->acme;
}

struct watch *backroom_watch(struct backroom *b)
{
    return b->watch;
}

struct alert_book *backroom_alerts(struct backroom *b)
{
    return b->alerts;
}

void backroom_publish(struct backroom *b, struct snapshot *fresh)
{
    give(b, ORDER_ADOPT, fresh);
}

void backroom_refresh(struct backroom *b)
{
    give(b, ORDER_REFRESH, NULL);
}

struct cert_keeper *backroom_certificates(struct backroom *b)
{
    return b->certificates;
}
