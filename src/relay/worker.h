/* relay/worker.h: one worker: a thread with its own loop, resolver, TLS contexts, sessions and window. A session never
 * leaves its worker; what several workers share is immutable (config, snapshot) or counts (census, metrics). */
#ifndef STERNPOST_RELAY_WORKER_H
#define STERNPOST_RELAY_WORKER_H

#include "net/loop.h"
#include "net/resolver.h"
#include "net/tls_client.h"
#include "relay/node.h"

struct census;
struct delivery;
struct dispatcher;
struct hasher;
struct intake;
struct probe;
struct receive_request;
struct receiver;
struct recorder;
struct sts;
struct sts_request;
struct tally;
struct worker;

/* Something that waits to be freed until no callback of this round can still hold it. */
struct buried {
    struct buried *next; /* private */
    void (*free)(struct buried *b);
};

struct worker {
    /* Set by worker_new(), constant from then on. */
    struct node         *node;
    const struct config *config;
    struct store        *store;
    struct census       *census;  /* connections in, counted over all workers */
    struct hasher       *hasher;  /* passwords are checked there */
    unsigned             index;
    struct loop         *loop;
    struct handoff      *replies; /* store requests come back here */
    struct resolver     *resolver;
    struct tls_client   *tls;
    struct dispatcher   *dispatcher;
    struct tally        *tally;
    struct recorder     *recorder; /* of sessions, for TLS reports */
    struct sts          *sts;      /* on another thread, see worker_sts() */
    struct handoff      *sts_replies;
    struct receiver     *receiver; /* of TLS reports, on another thread, see worker_receive() */
    struct handoff      *received;
    char                 scratch[64 * 1024]; /* for one read; nobody keeps bytes in it over a return to the loop */

    struct snapshot     *settings; /* current; whoever keeps it over a return to the loop holds a reference */
    struct intake       *sessions;   /* open ones, a list of intake.c */
    struct delivery     *deliveries; /* under way, a list of delivery.c */
    struct probe        *probes;     /* questions under way, a list of inquiry.c */
    bool                 is_stopping;
    bool                 is_over;    /* its loop has ended: what still comes home starts nothing */
    uint32_t             random;

    /* private to worker.c */
    struct loop_io       replies_io, sts_replies_io, received_io, tasks_io;
    unsigned             sts_open, receive_open; /* questions not yet answered */
    struct handoff      *tasks;
    struct loop_hook     end_of_round;
    struct buried       *graveyard;
    struct acceptor     *acceptors;
    size_t               acceptors_len;
    struct loop_timer    stop_deadline;
};

struct worker *worker_new(struct node *n, unsigned index, struct fault *why); /* NULL: `why` */
void worker_free(struct worker *w);
void worker_run(struct worker *w); /* the body of its thread */

/* From any thread. */
void worker_ask(struct worker *w, struct worker_task *t);

/* For the worker's own thread. */
void worker_bury(struct worker *w, struct buried *b);
uint32_t worker_random(struct worker *w);
void worker_task_done(struct worker_task *t);
/* Sends with reply_to set to this worker. Once the worker is over the answer is ERR_TEMPORARY. */
void worker_store(struct worker *w, struct store_request *r, void (*done)(struct store_request *r));
/* The same for questions of MTA-STS; `done` runs from the loop, never from inside. */
void worker_sts(struct worker *w, struct sts_request *q, void (*done)(struct sts_request *q));
/* The same for mail that may hold TLS reports. */
void worker_receive(struct worker *w, struct receive_request *q, void (*done)(struct receive_request *q));

/* Used by node.c through tasks: a new snapshot is taken; stop: no new sessions, end at the latest at the deadline. */
void worker_adopt(struct worker *w, struct snapshot *fresh);
void worker_stop(struct worker *w, int64_t grace_ms);
/* Ends the loop once nothing is left to wait for; called when a session or delivery ends while stopping. */
void worker_check_stopped(struct worker *w);

#endif
