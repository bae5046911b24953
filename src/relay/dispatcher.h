/* relay/dispatcher.h: what is delivered next, and by which connection: the worker's window of due deliveries, its claims on
 * the store, and the pool of idle connections. */
#ifndef STERNPOST_RELAY_DISPATCHER_H
#define STERNPOST_RELAY_DISPATCHER_H

#include "queue/window.h"
#include "relay/connection.h"
#include "relay/worker.h"

struct dispatcher;

struct dispatcher *dispatcher_new(struct worker *w);
void dispatcher_free(struct dispatcher *d);

/* Is there room in the window for a fresh message? If not, it is stored unclaimed and claimed later. */
bool dispatcher_has_room(const struct dispatcher *d, size_t rcpts);
/* A message whose deliveries are claimed by us; takes a reference of its own. */
void dispatcher_add(struct dispatcher *d, struct message *m);
/* Looks for work in the store now rather than at the next tick. */
void dispatcher_wake(struct dispatcher *d);
/* The same; kept connections are closed, since they may lead to what is no longer the way. */
void dispatcher_settings_changed(struct dispatcher *d);
/* Starts what can be started; at the end of every round. */
void dispatcher_run(struct dispatcher *d);

/* No new work. What talks to a server may end; what still waits to be told of one is cut off, and stays in the store. */
void dispatcher_stop(struct dispatcher *d);
bool dispatcher_is_idle(const struct dispatcher *d);
/* Cuts off what still runs: those deliveries stay in the store and are tried again by whoever opens it next. */
void dispatcher_end_all(struct dispatcher *d);

/* For a delivery. */
/* An idle connection of this destination that meets the demand; NULL: none. The caller sets itself as its user. */
struct connection *dispatcher_take_connection(struct dispatcher *d, struct slice destination,
                                              const struct decision *decision);
/* Gives an idle connection back, for the next delivery to that destination, or closes it when it has served enough. */
void dispatcher_give_connection(struct dispatcher *d, struct slice destination, struct connection *c);
/* No server of the job's destination could be reached: jobs that wait for it are put off with the same words, unless
 * another delivery is still talking to it. */
void dispatcher_found_dead(struct dispatcher *d, struct job *job, struct slice why);
/* The job is over and its outcome is in the store. */
void dispatcher_job_done(struct dispatcher *d, struct job *job, enum job_end end);
struct window *dispatcher_window(struct dispatcher *d);

#endif
