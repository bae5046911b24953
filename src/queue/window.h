/* queue/window.h: the due deliveries a worker holds in memory, by destination.
 *
 * A job is one message for the recipients of one domain. A destination is where jobs of the same next hop queue up;
 * it says how many connections may be open at once, which adapts: up by one for each full round of successes, halved
 * by a failure. Destinations with work take turns, so that one with half a million messages holds up nobody. */
#ifndef STERNPOST_QUEUE_WINDOW_H
#define STERNPOST_QUEUE_WINDOW_H

#include "queue/message.h"

#include <sys/queue.h>

struct destination;

struct job {
    TAILQ_ENTRY(job)    link; /* private */
    struct destination *destination;
    struct message     *message; /* a reference of its own */
    struct stored_rcpt *rcpts;   /* owned array; strings live in the message */
    size_t              rcpts_len;
};

struct window;

/* `most_connections`: for one destination, for this worker. */
struct window *window_new(unsigned most_connections);
void window_free(struct window *w); /* jobs still in it are freed; none may be running */

/* Splits a message into jobs by recipient domain and adds them; the message gets a reference for each.
 * `key_of` names the destination of a recipient domain; the slice is copied. */
void window_add_message(struct window *w, struct message *m, struct slice (*key_of)(void *state, struct slice domain),
                        void *state);
/* Puts recipients taken out of a running job (another demand, too many for one transaction) at the front again. */
void window_add_split(struct window *w, const struct job *from, const struct stored_rcpt *rcpts, size_t rcpts_len);

/* The next job whose destination has a free connection, in turn; NULL: none. The job is running from here on. */
struct job *window_next(struct window *w);
/* The next job of this destination alone, for a connection that is free again; running; NULL: none. It takes the
 * place of a job that window_finished() has just ended, or needs window_may_start(). */
struct job *window_next_of(struct window *w, struct destination *d);

enum job_end {
    JOB_SERVED,  /* a server talked to us to the end, whatever it said of the message */
    JOB_TROUBLE, /* no server could be had, or it went away */
    JOB_SKIPPED, /* nobody was asked */
};
/* Ends a running job and frees it. */
void window_finished(struct window *w, struct job *j, enum job_end end);

/* Takes all waiting jobs of a destination out, as a list through job.link; they are running from here on, whatever the
 * limit. For a destination that is found dead. */
struct job *window_take_waiting(struct window *w, struct destination *d);

size_t window_deliveries(const struct window *w); /* recipients waiting or running */
struct slice destination_key(const struct destination *d);
unsigned destination_limit(const struct destination *d);
unsigned destination_running(const struct destination *d);

#endif
