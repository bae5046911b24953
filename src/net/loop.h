/* net/loop.h: a worker's event loop over epoll: descriptors, timers, and what runs before it sleeps.
 *
 * Objects are embedded in their owners and borrowed; unwatch or clear them before their owner is freed. After
 * loop_unwatch() or loop_timer_clear() the callback will not run again, not even in the same round. */
#ifndef STERNPOST_NET_LOOP_H
#define STERNPOST_NET_LOOP_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

struct loop;

enum { LOOP_READ = 1, LOOP_WRITE = 2, LOOP_HANGUP = 4 }; /* HANGUP is reported, never asked for */

struct loop_io { /* zero is fine to begin with */
    int      fd;       /* -1: no longer watched */
    unsigned wanted;   /* private */
    void   (*ready)(struct loop_io *io, unsigned events);
};

struct loop_timer {
    int64_t  at_ms;    /* private, monotonic */
    size_t   slot;     /* private; 0: not set */
    void   (*fire)(struct loop_timer *t);
};

struct loop_hook { /* runs once in every round, before the loop sleeps: batches are sent here */
    struct loop_hook *next; /* private */
    void (*run)(struct loop_hook *hook);
};

struct loop *loop_new(void); /* ignores SIGPIPE for the process */
void loop_free(struct loop *l);
/* Until loop_stop(), which may be called from a callback of this loop. */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);
/* One round that waits at most `wait_ms`; for tests. */
void loop_turn(struct loop *l, int wait_ms);

/* Monotonic milliseconds as of this round. */
int64_t loop_now_ms(const struct loop *l);

/* Level-triggered. Calling it again changes what is wanted (0: keep registered, want nothing). A hangup is reported
 * even when nothing is wanted, then once until something is wanted again. */
void loop_watch(struct loop *l, struct loop_io *io, int fd, unsigned wanted);
void loop_unwatch(struct loop *l, struct loop_io *io); /* the descriptor stays open; fine when not watched */
/* The same without a system call, for a descriptor that the caller closes at once, or has just closed. */
void loop_forget(struct loop *l, struct loop_io *io);

void loop_timer_set(struct loop *l, struct loop_timer *t, int64_t in_ms); /* again: moves it */
void loop_timer_clear(struct loop *l, struct loop_timer *t);              /* fine when not set */
bool loop_timer_is_set(const struct loop_timer *t);

void loop_hook_add(struct loop *l, struct loop_hook *hook); /* in the order they were added */

#endif
