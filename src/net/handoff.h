/* net/handoff.h: how one thread gives work to another: a queue of intrusive items and an eventfd. */
#ifndef STERNPOST_NET_HANDOFF_H
#define STERNPOST_NET_HANDOFF_H

#include <stdbool.h>

struct handoff_item {
    struct handoff_item *next; /* private */
};

struct handoff;

struct handoff *handoff_new(void);
void handoff_free(struct handoff *h); /* must be empty, and no thread may still be inside handoff_put() */
int handoff_fd(const struct handoff *h); /* readable when there may be something; owned by the handoff */

/* From any thread. Items arrive in the order they were put. The receiver is woken at most once until it takes. */
void handoff_put(struct handoff *h, struct handoff_item *item);
/* Everything put so far as a list in order (NULL: nothing); for the receiving thread alone. */
struct handoff_item *handoff_take(struct handoff *h);
/* Sleeps until something is there or `timeout_ms` passed (-1: for ever); for a thread without an event loop. */
bool handoff_wait(struct handoff *h, int timeout_ms);

#endif
