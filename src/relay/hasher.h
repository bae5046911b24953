/* relay/hasher.h: a thread for what takes long on purpose: checking passwords (AUT-03). Its queue is bounded. */
#ifndef STERNPOST_RELAY_HASHER_H
#define STERNPOST_RELAY_HASHER_H

#include "base/status.h"
#include "net/handoff.h"

struct hasher;

struct hasher_task {
    struct handoff_item item; /* private; first */
    /* On the hasher's thread; its last act is to send the answer home (worker_ask()): the task may be gone then. */
    void (*run)(struct hasher_task *t);
};

struct hasher *hasher_new(struct fault *why); /* NULL: `why` */
void hasher_free(struct hasher *h);           /* runs what waits, then ends the thread */
/* False when too many wait: answer 454 and let the client come again. */
bool hasher_ask(struct hasher *h, struct hasher_task *t);

#endif
