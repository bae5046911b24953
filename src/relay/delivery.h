/* relay/delivery.h: one attempt to deliver one job: decide, find servers, try them one by one, take the alternate secure
 * route where the cause asks for it, and settle the outcome in the store. */
#ifndef STERNPOST_RELAY_DELIVERY_H
#define STERNPOST_RELAY_DELIVERY_H

#include "relay/dispatcher.h"

struct delivery;

/* Takes the (running) job; dispatcher_job_done() ends it. */
void delivery_start(struct worker *w, struct job *job);
/* Defers a waiting job without trying: its destination was found dead a moment ago. Takes the job, which was taken out of
 * the window with window_take_waiting(). */
void delivery_skip(struct worker *w, struct job *job, struct slice why);
/* Cuts off what has not come so far as to talk to a server: it waits for DNS or a policy, and stays in the queue. */
void delivery_end_waiting(struct worker *w);
/* Cuts off what is under way, but for what is at the store already. The messages stay there. */
void delivery_end_all(struct worker *w);

#endif
