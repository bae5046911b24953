#include "relay/worker.h"

#include "base/memory.h"
#include "discovery/sts.h"
#include "net/listener.h"
#include "relay/census.h"
#include "relay/dispatcher.h"
#include "relay/inquiry.h"
#include "relay/intake.h"
#include "relay/node_private.h"
#include "relay/tally.h"
#include "reports/receiver.h"
#include "reports/record.h"

#include <stdlib.h>
#include <sys/random.h>

struct acceptor {
    struct loop_io              io;
    struct loop_timer           again; /* after descriptors ran out */
    struct worker              *worker;
    struct node_socket         *socket;
};

/* -- what comes from other threads -------------------------------------------------------------------------- */

/* False: there was none. */
static bool take_replies(struct worker *w)
{
    struct handoff_item *item = handoff_take(w->replies);
    bool had_one = item != NULL;

    while (item != NULL) {
        struct store_request *r = CONTAINER_OF(item, struct store_request, item);

        item = item->next;
        r->done(r);
    }
    return had_one;
}

static bool take_sts_replies(struct worker *w)
{
    struct handoff_item *item = handoff_take(w->sts_replies);
    bool had_one = item != NULL;

    while (item != NULL) {
        struct sts_request *q = CONTAINER_OF(item, struct sts_request, item);

        item = item->next;
        w->sts_open--;
        q->done(q);
    }
    return had_one;
}

static bool take_received(struct worker *w)
{
    struct handoff_item *item = handoff_take(w->received);
    bool had_one = item != NULL;

    while (item != NULL) {
        struct receive_request *q = CONTAINER_OF(item, struct receive_request, item);

        item = item->next;
        w->receive_open--;
        q->done(q);
    }
    return had_one;
}

static bool take_tasks(struct worker *w)
{
    struct handoff_item *item = handoff_take(w->tasks);
    bool had_one = item != NULL;

    while (item != NULL) {
        struct worker_task *t = CONTAINER_OF(item, struct worker_task, item);

        item = item->next;
        t->run(w, t);
    }
    return had_one;
}

static void on_replies(struct loop_io *io, unsigned events)
{
    (void)events;
    (void)take_replies(CONTAINER_OF(io, struct worker, replies_io));
}

static void on_sts_replies(struct loop_io *io, unsigned events)
{
    (void)events;
    (void)take_sts_replies(CONTAINER_OF(io, struct worker, sts_replies_io));
}

static void on_received(struct loop_io *io, unsigned events)
{
    (void)events;
    (void)take_received(CONTAINER_OF(io, struct worker, received_io));
}

static void on_tasks(struct loop_io *io, unsigned events)
{
    (void)events;
    (void)take_tasks(CONTAINER_OF(io, struct worker, tasks_io));
}

void worker_ask(struct worker *w, struct worker_task *t)
{
    handoff_put(w->tasks, &t->item);
}

void worker_task_done(struct worker_task *t)
{
    handoff_put(t->reply_to, &t->item);
}

void worker_store(struct worker *w, struct store_request *r, void (*done)(struct store_request *r))
{
    r->reply_to = w->replies;
    r->done = done;
    if (!w->is_over) {
        store_send(w->store, r);
        return;
    }
    r->status = fault_set(&r->why, ERR_TEMPORARY, "shutting down");
    handoff_put(w->replies, &r->item);
}

void worker_sts(struct worker *w, struct sts_request *q, void (*done)(struct sts_request *q))
{
    q->reply_to = w->sts_replies;
    q->done = done;
    w->sts_open++;
    sts_send(w->sts, q);
}

void worker_receive(struct worker *w, struct receive_request *q, void (*done)(struct receive_request *q))
{
    q->reply_to = w->received;
    q->done = done;
    w->receive_open++;
    receiver_ask(w->receiver, q);
}

/* -- accepting ----------------------------------------------------------------------------------------------- */

enum { ACCEPTS_PER_ROUND = 64, ACCEPT_AGAIN_MS = 1000 };

static void accept_one(struct acceptor *a, int fd, const struct net_address *peer)
{
    struct stream stream;

    stream_init_accepted(&stream, fd);
    intake_start(a->worker, a->socket->listener, &stream, peer);
}

static void on_connection(struct loop_io *io, unsigned events)
{
    struct acceptor *a = CONTAINER_OF(io, struct acceptor, io);

    (void)events;
    for (int i = 0; i < ACCEPTS_PER_ROUND; i++) {
        struct net_address peer;
        int fd = -1;

        switch (listener_accept(&a->socket->socket, &fd, &peer)) {
        case LISTENER_ACCEPTED:
            accept_one(a, fd, &peer);
            break;
        case LISTENER_NONE:
            return;
        case LISTENER_FULL:
            loop_watch(a->worker->loop, &a->io, a->io.fd, 0);
            loop_timer_set(a->worker->loop, &a->again, ACCEPT_AGAIN_MS);
            return;
        }
    }
}

static void on_accept_again(struct loop_timer *t)
{
    struct acceptor *a = CONTAINER_OF(t, struct acceptor, again);

    loop_watch(a->worker->loop, &a->io, a->io.fd, LOOP_READ);
}

static void open_acceptors(struct worker *w)
{
    struct node_socket *sockets;

    w->acceptors_len = node_sockets(w->node, w->index, &sockets);
    w->acceptors = mem_new(w->acceptors_len, sizeof *w->acceptors);
    for (size_t i = 0; i < w->acceptors_len; i++) {
        struct acceptor *a = &w->acceptors[i];

        a->worker = w;
        a->socket = &sockets[i];
        a->io.ready = on_connection;
        a->again.fire = on_accept_again;
        loop_watch(w->loop, &a->io, sockets[i].socket.fd, LOOP_READ);
    }
}

static void close_acceptors(struct worker *w)
{
    for (size_t i = 0; i < w->acceptors_len; i++) {
        loop_unwatch(w->loop, &w->acceptors[i].io);
        loop_timer_clear(w->loop, &w->acceptors[i].again);
    }
}

/* -- the end of a round -------------------------------------------------------------------------------------- */

void worker_bury(struct worker *w, struct buried *b)
{
    b->next = w->graveyard;
    w->graveyard = b;
}

static void empty_graveyard(struct worker *w)
{
    while (w->graveyard != NULL) {
        struct buried *b = w->graveyard;

        w->graveyard = b->next;
        b->free(b);
    }
}

static void on_end_of_round(struct loop_hook *hook)
{
    struct worker *w = CONTAINER_OF(hook, struct worker, end_of_round);

    dispatcher_run(w->dispatcher);
    empty_graveyard(w);
}

uint32_t worker_random(struct worker *w)
{
    /* xorshift: for jitter and shuffling, never for secrets. */
    w->random ^= w->random << 13;
    w->random ^= w->random >> 17;
    w->random ^= w->random << 5;
    return w->random;
}

/* -- settings and stopping ------------------------------------------------------------------------------------ */

void worker_adopt(struct worker *w, struct snapshot *fresh)
{
    snapshot_release(w->settings);
    w->settings = fresh;
    dispatcher_settings_changed(w->dispatcher);
}

static void on_stop_deadline(struct loop_timer *t)
{
    struct worker *w = CONTAINER_OF(t, struct worker, stop_deadline);

    loop_stop(w->loop);
}

void worker_check_stopped(struct worker *w)
{
    if (w->is_stopping && w->sessions == NULL && dispatcher_is_idle(w->dispatcher))
        loop_stop(w->loop);
}

void worker_stop(struct worker *w, int64_t grace_ms)
{
    w->is_stopping = true;
    close_acceptors(w);
    w->stop_deadline.fire = on_stop_deadline;
    loop_timer_set(w->loop, &w->stop_deadline, grace_ms);
    intake_stop_all(w);
    dispatcher_stop(w->dispatcher);
    worker_check_stopped(w);
}

/* -- life ------------------------------------------------------------------------------------------------------ */

struct worker *worker_new(struct node *n, unsigned index, struct fault *why)
{
    struct worker *w = NEW(struct worker);

    w->node = n;
    w->index = index;
    w->config = node_config(n);
    w->store = node_store(n);
    w->census = node_census(n);
    w->hasher = node_hasher(n);
    w->loop = loop_new();
    w->replies = handoff_new();
    w->sts_replies = handoff_new();
    w->received = handoff_new();
    w->tasks = handoff_new();
    w->tls = tls_client_new();
    w->settings = node_snapshot(n);
    while (w->random == 0)
        (void)!getrandom(&w->random, sizeof w->random, 0);
    if (resolver_new(w->loop, &w->config->resolver, &w->resolver, why) != OK) {
        worker_free(w);
        return NULL;
    }
    w->dispatcher = dispatcher_new(w);
    w->tally = tally_new(w);
    w->recorder = recorder_new(w->loop, w->store);
    w->sts = node_sts(n);
    w->receiver = node_receiver(n);
    w->replies_io.ready = on_replies;
    w->sts_replies_io.ready = on_sts_replies;
    w->received_io.ready = on_received;
    w->tasks_io.ready = on_tasks;
    loop_watch(w->loop, &w->replies_io, handoff_fd(w->replies), LOOP_READ);
    loop_watch(w->loop, &w->sts_replies_io, handoff_fd(w->sts_replies), LOOP_READ);
    loop_watch(w->loop, &w->received_io, handoff_fd(w->received), LOOP_READ);
    loop_watch(w->loop, &w->tasks_io, handoff_fd(w->tasks), LOOP_READ);
    w->end_of_round.run = on_end_of_round;
    loop_hook_add(w->loop, &w->end_of_round);
    open_acceptors(w);
    return w;
}

void worker_run(struct worker *w)
{
    dispatcher_wake(w->dispatcher);
    loop_run(w->loop);
    intake_end_all(w);
    dispatcher_end_all(w->dispatcher);
    tally_flush(w->tally);
    recorder_flush(w->recorder);
    w->is_over = true;
    inquiry_end_all(w);
    (void)take_tasks(w);
    empty_graveyard(w);
}

void worker_free(struct worker *w)
{
    if (w == NULL)
        return;
    w->is_over = true;
    while (take_tasks(w) || take_replies(w))
        ;
    while (w->sts_open > 0 && handoff_wait(w->sts_replies, -1))
        (void)take_sts_replies(w);
    while (w->receive_open > 0 && handoff_wait(w->received, -1))
        (void)take_received(w);
    dispatcher_free(w->dispatcher);
    tally_free(w->tally);
    recorder_free(w->recorder);
    empty_graveyard(w);
    resolver_free(w->resolver);
    close_acceptors(w);
    free(w->acceptors);
    tls_client_free(w->tls);
    snapshot_release(w->settings);
    handoff_free(w->replies);
    handoff_free(w->sts_replies);
    handoff_free(w->received);
    handoff_free(w->tasks);
    loop_free(w->loop);
    free(w);
}
