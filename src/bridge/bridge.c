#include "bridge/bridge.h"

#include "base/clock.h"
#include "base/memory.h"
#include "bridge/collector.h"
#include "bridge/socketmap.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

struct bridge {
    const struct config *config;
    struct listener listener;
    bool is_listening;
    int datagrams_fd; /* -1: none */
    struct bridge_counters counters;
    struct collector *collector;
    struct own_reports *own_reports;

    /* The policy service and its thread. */
    pthread_t thread;
    bool is_running;
    struct loop *loop;
    struct loop_io tasks_io;
    struct handoff *tasks;
    struct resolver *resolver;
    struct sts *sts;
    struct lookups *lookups;
    struct socketmap *socketmap;
};

/* New settings for the thread; without any, it ends. */
struct bridge_task {
    struct handoff_item item; /* first */
    struct snapshot *fresh;
};

/* -- the thread ------------------------------------------------------------------------------------------------ */

static void on_tasks(struct loop_io *io, unsigned events)
{
    struct bridge *b = CONTAINER_OF(io, struct bridge, tasks_io);
    struct handoff_item *item = handoff_take(b->tasks);

    (void)events;
    while (item != NULL) {
        struct bridge_task *t = CONTAINER_OF(item, struct bridge_task, item);

        item = item->next;
        if (t->fresh != NULL)
            lookups_adopt(b->lookups, t->fresh);
        else
            loop_stop(b->loop);
        free(t);
    }
}

static void put_task(struct bridge *b, struct snapshot *fresh)
{
    struct bridge_task *t = NEW(struct bridge_task);

    t->fresh = fresh;
    handoff_put(b->tasks, &t->item);
}

static void *serve(void *arg)
{
    struct bridge *b = arg;

    loop_run(b->loop);
    return NULL;
}

/* -- beginning ---------------------------------------------------------------------------------------------------- */

static enum status bind_socketmap(struct bridge *b, int gid, struct fault *why)
{
    const struct config_bridge *c = &b->config->bridge;
    const struct unix_socket at = {
        .path = c->socketmap_path,
        .what = "policy socket",
        .type = SOCK_STREAM,
        .mode = c->socketmap_mode,
        .uid = -1,
        .gid = gid,
    };
    enum status st;

    if (c->socketmap == NULL)
        return OK;
    st = c->socketmap_path != NULL ? listener_open_unix(&b->listener, &at, why)
                                   : listener_open(&b->listener, &c->socketmap_address, true, why);
    b->is_listening = st == OK;
    return st;
}

static enum status bind_datagrams(struct bridge *b, int gid, struct fault *why)
{
    const struct config_bridge *c = &b->config->bridge;
    const struct unix_socket at = {
        .path = c->tlsrpt_socket,
        .what = "TLSRPT socket",
        .type = SOCK_DGRAM,
        .mode = c->tlsrpt_mode,
        .uid = -1,
        .gid = gid,
    };

    return c->tlsrpt_socket == NULL ? OK : unix_socket_bind(&at, &b->datagrams_fd, why);
}

enum status bridge_new(const struct config *config, struct bridge **out, struct fault *why)
{
    const struct config_bridge *c = &config->bridge;
    struct bridge *b;
    int gid = -1;
    enum status st = OK;

    *out = NULL;
    if (c->socketmap == NULL && c->tlsrpt_socket == NULL)
        return OK;
    b = NEW(struct bridge);
    b->config = config;
    b->datagrams_fd = -1;
    b->own_reports = own_reports_new();
    if (c->group != NULL)
        st = unix_group_find(c->group, &gid, why);
    if (st == OK)
        st = bind_socketmap(b, gid, why);
    if (st == OK)
        st = bind_datagrams(b, gid, why);
    if (st == OK)
        *out = b;
    else
        bridge_free(b);
    return st;
}

static void ask_service(void *ctx, struct sts_request *q)
{
    struct bridge *b = ctx;

    sts_send(b->sts, q);
}

/* Takes the reference to `settings`. */
static enum status start_policies(struct bridge *b, struct snapshot *settings, struct fault *why)
{
    struct lookups_config config = {
        .ask_sts = ask_service,
        .ctx = b,
        .port = b->config->outbound.port,
        .asks_in_brackets = b->config->bridge.asks_in_brackets,
    };
    enum status st;

    b->loop = config.loop = loop_new();
    st = resolver_new(b->loop, &b->config->resolver, &b->resolver, why);
    if (st != OK) {
        snapshot_release(settings);
        return st;
    }
    config.resolver = b->resolver;
    b->tasks = handoff_new();
    b->tasks_io.ready = on_tasks;
    loop_watch(b->loop, &b->tasks_io, handoff_fd(b->tasks), LOOP_READ);
    b->lookups = lookups_new(&config, settings);
    b->socketmap = socketmap_new(b->loop, &b->listener, b->lookups, &b->counters);
    if (pthread_create(&b->thread, NULL, serve, b) != 0)
        return fault_errno(why, "cannot start the thread of the policy service");
    b->is_running = true;
    return OK;
}

enum status bridge_start(struct bridge *b, struct sts *sts, struct store *store, struct snapshot *settings,
                         struct fault *why)
{
    enum status st = OK;

    if (b->datagrams_fd >= 0) {
        b->collector = collector_new(b->datagrams_fd, store, b->own_reports, &b->counters);
        st = collector_start(b->collector, why);
    }
    if (st != OK || !b->is_listening) {
        snapshot_release(settings);
        return st;
    }
    b->sts = sts;
    return start_policies(b, settings, why);
}

void bridge_publish(struct bridge *b, struct snapshot *fresh)
{
    if (b->is_running)
        put_task(b, fresh);
    else
        snapshot_release(fresh);
}

void bridge_expect_report(struct bridge *b, struct slice domain)
{
    own_reports_note(b->own_reports, domain, clock_mono_ms());
}

/* -- end ---------------------------------------------------------------------------------------------------------- */

void bridge_stop(struct bridge *b)
{
    if (b->collector != NULL)
        collector_stop(b->collector);
    if (b->is_running) {
        put_task(b, NULL);
        pthread_join(b->thread, NULL);
    }
    b->is_running = false;
}

static void free_policies(struct bridge *b)
{
    socketmap_free(b->socketmap);
    lookups_free(b->lookups);
    resolver_free(b->resolver);
    if (b->tasks != NULL) {
        loop_unwatch(b->loop, &b->tasks_io);
        handoff_free(b->tasks);
    }
    loop_free(b->loop);
}

void bridge_free(struct bridge *b)
{
    if (b == NULL)
        return;
    bridge_stop(b);
    free_policies(b);
    collector_free(b->collector);
    own_reports_free(b->own_reports);
    if (b->is_listening) {
        listener_close(&b->listener);
        if (b->config->bridge.socketmap_path != NULL)
            (void)unlink(b->config->bridge.socketmap_path);
    }
    if (b->datagrams_fd >= 0) {
        close(b->datagrams_fd);
        (void)unlink(b->config->bridge.tlsrpt_socket);
    }
    free(b);
}

void bridge_counts(const struct bridge *b, struct bridge_counts *out)
{
    const struct bridge_counters *c = &b->counters;

    *out = (struct bridge_counts){
        .connections = count_of(c, COUNT_CONNECTIONS),
        .connections_open = count_of(c, COUNT_CONNECTIONS_OPEN),
        .asked = count_of(c, COUNT_ASKED),
        .from_memory = count_of(c, COUNT_FROM_MEMORY),
        .answered_policy = count_of(c, COUNT_POLICY),
        .answered_notfound = count_of(c, COUNT_NOTFOUND),
        .answered_temp = count_of(c, COUNT_TEMP),
        .answered_perm = count_of(c, COUNT_PERM),
        .malformed = count_of(c, COUNT_MALFORMED),
        .datagrams = count_of(c, COUNT_DATAGRAMS),
        .datagrams_bad = count_of(c, COUNT_DATAGRAMS_BAD),
        .datagrams_cut = count_of(c, COUNT_DATAGRAMS_CUT),
        .datagrams_ours = count_of(c, COUNT_DATAGRAMS_OURS),
        .datagrams_dropped = count_of(c, COUNT_DATAGRAMS_DROPPED),
    };
}
