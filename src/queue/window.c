#include "queue/window.h"

#include "base/map.h"
#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>

enum { FIRST_CONNECTIONS = 4 };

TAILQ_HEAD(job_list, job);
TAILQ_HEAD(destination_list, destination);

struct destination {
    TAILQ_ENTRY(destination) turn; /* in `ready` */
    bool is_ready;                 /* it stands in the line for its turn */
    struct job_list waiting;
    unsigned running, limit, successes;
    size_t key_len;
    char key[];
};

struct window {
    struct map destinations;
    struct destination_list ready;
    unsigned most_connections;
    size_t deliveries;
};

struct window *window_new(unsigned most_connections)
{
    struct window *w = NEW(struct window);

    map_init(&w->destinations);
    TAILQ_INIT(&w->ready);
    w->most_connections = most_connections == 0 ? 1 : most_connections;
    return w;
}

static void job_free(struct window *w, struct job *j)
{
    w->deliveries -= j->rcpts_len;
    message_release(j->message);
    free(j->rcpts);
    free(j);
}

static void destination_free(struct window *w, struct destination *d)
{
    struct job *j;

    while ((j = TAILQ_FIRST(&d->waiting)) != NULL) {
        TAILQ_REMOVE(&d->waiting, j, link);
        job_free(w, j);
    }
    free(d);
}

void window_free(struct window *w)
{
    struct map_entry *at = NULL;
    struct slice key;
    void *d;

    if (w == NULL)
        return;
    while (map_next(&w->destinations, &at, &key, &d))
        destination_free(w, d);
    map_release(&w->destinations);
    free(w);
}

struct slice destination_key(const struct destination *d)
{
    return slice_of(d->key, d->key_len);
}

unsigned destination_limit(const struct destination *d)
{
    return d->limit;
}

unsigned destination_running(const struct destination *d)
{
    return d->running;
}

size_t window_deliveries(const struct window *w)
{
    return w->deliveries;
}

static struct destination *destination_of(struct window *w, struct slice key)
{
    struct destination *d = map_get(&w->destinations, key);

    if (d != NULL)
        return d;
    d = mem_new(1, sizeof *d + key.len);
    TAILQ_INIT(&d->waiting);
    d->limit = FIRST_CONNECTIONS < w->most_connections ? FIRST_CONNECTIONS : w->most_connections;
    d->key_len = key.len;
    memcpy(d->key, key.ptr, key.len);
    (void)map_put(&w->destinations, key, d);
    return d;
}

/* A destination stands in line exactly while it has a waiting job and a free connection. */
static void update_turn(struct window *w, struct destination *d)
{
    bool wants = !TAILQ_EMPTY(&d->waiting) && d->running < d->limit;

    if (wants == d->is_ready)
        return;
    if (wants)
        TAILQ_INSERT_TAIL(&w->ready, d, turn);
    else
        TAILQ_REMOVE(&w->ready, d, turn);
    d->is_ready = wants;
}

static void forget_idle(struct window *w, struct destination *d)
{
    if (d->running > 0 || !TAILQ_EMPTY(&d->waiting))
        return;
    assert(!d->is_ready);
    (void)map_remove(&w->destinations, destination_key(d));
    free(d);
}

static struct job *job_new(struct window *w, struct destination *d, struct message *m, const struct stored_rcpt *rcpts,
                           size_t rcpts_len)
{
    struct job *j = NEW(struct job);

    j->destination = d;
    j->message = message_hold(m);
    j->rcpts = mem_new(rcpts_len, sizeof *j->rcpts);
    memcpy(j->rcpts, rcpts, rcpts_len * sizeof *rcpts);
    j->rcpts_len = rcpts_len;
    w->deliveries += rcpts_len;
    return j;
}

static int by_domain(const void *a, const void *b)
{
    const struct stored_rcpt *x = a, *y = b;
    size_t shorter = x->domain.len < y->domain.len ? x->domain.len : y->domain.len;
    int order = shorter == 0 ? 0 : memcmp(x->domain.ptr, y->domain.ptr, shorter);

    if (order != 0)
        return order;
    if (x->domain.len != y->domain.len)
        return x->domain.len < y->domain.len ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

void window_add_message(struct window *w, struct message *m, struct slice (*key_of)(void *state, struct slice domain),
                        void *state)
{
    size_t len = m->stored.rcpts_len, end;
    struct stored_rcpt *sorted = mem_new(len, sizeof *sorted);

    memcpy(sorted, m->stored.rcpts, len * sizeof *sorted);
    qsort(sorted, len, sizeof *sorted, by_domain);
    for (size_t start = 0; start < len; start = end) {
        struct destination *d = destination_of(w, key_of(state, sorted[start].domain));
        struct job *j;

        for (end = start + 1; end < len && slice_eq(sorted[end].domain, sorted[start].domain); end++)
            ;
        j = job_new(w, d, m, sorted + start, end - start);
        TAILQ_INSERT_TAIL(&d->waiting, j, link);
        update_turn(w, d);
    }
    free(sorted);
}

void window_add_split(struct window *w, const struct job *from, const struct stored_rcpt *rcpts, size_t rcpts_len)
{
    struct job *j = job_new(w, from->destination, from->message, rcpts, rcpts_len);

    TAILQ_INSERT_HEAD(&from->destination->waiting, j, link);
    w->deliveries -= rcpts_len; /* they were counted with the job they come from */
    update_turn(w, from->destination);
}

static struct job *start_job(struct window *w, struct destination *d)
{
    struct job *j = TAILQ_FIRST(&d->waiting);

    if (j == NULL)
        return NULL;
    TAILQ_REMOVE(&d->waiting, j, link);
    d->running++;
    update_turn(w, d);
    return j;
}

struct job *window_next(struct window *w)
{
    struct destination *d = TAILQ_FIRST(&w->ready);

    if (d == NULL)
        return NULL;
    /* To the end of the line, so that the next turn is another's. */
    TAILQ_REMOVE(&w->ready, d, turn);
    TAILQ_INSERT_TAIL(&w->ready, d, turn);
    return start_job(w, d);
}

struct job *window_next_of(struct window *w, struct destination *d)
{
    return d->running < d->limit ? start_job(w, d) : NULL;
}

static void adapt(struct window *w, struct destination *d, enum job_end end)
{
    if (end == JOB_TROUBLE) {
        d->limit = d->limit > 1 ? d->limit / 2 : 1;
        d->successes = 0;
    } else if (end == JOB_SERVED && ++d->successes >= d->limit && d->limit < w->most_connections) {
        d->limit++;
        d->successes = 0;
    }
}

void window_finished(struct window *w, struct job *j, enum job_end end)
{
    struct destination *d = j->destination;

    assert(d->running > 0);
    d->running--;
    job_free(w, j);
    adapt(w, d, end);
    update_turn(w, d);
    forget_idle(w, d);
}

struct job *window_take_waiting(struct window *w, struct destination *d)
{
    struct job *first = TAILQ_FIRST(&d->waiting);

    for (struct job *j = first; j != NULL; j = TAILQ_NEXT(j, link))
        d->running++;
    TAILQ_INIT(&d->waiting);
    update_turn(w, d);
    return first;
}
