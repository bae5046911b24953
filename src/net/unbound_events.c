#include "net/unbound_events.h"

#include "base/memory.h"

#include <sys/time.h>
#include <unbound-event.h>

struct base {
    struct ub_event_base as_unbound;
    struct loop *loop;
};

struct event {
    struct ub_event as_unbound;
    struct loop *loop;
    struct loop_io io;
    struct loop_timer timer;
    int fd; /* -1: a timer alone */
    short bits;
    int64_t timeout_ms; /* -1: none */
    void (*cb)(int fd, short bits, void *arg);
    void *arg;
};

static struct event *event_of(struct ub_event *e)
{
    return CONTAINER_OF(e, struct event, as_unbound);
}

static void stop(struct event *e)
{
    loop_unwatch(e->loop, &e->io);
    loop_timer_clear(e->loop, &e->timer);
}

/* As libevent has it: an event that is not persistent is over when it happens; a persistent one begins its timeout
 * anew. The callback may free the event, so it comes last. */
static void happened(struct event *e, short bits)
{
    if (!(e->bits & UB_EV_PERSIST))
        stop(e);
    else if (e->timeout_ms >= 0)
        loop_timer_set(e->loop, &e->timer, e->timeout_ms);
    e->cb(e->fd, bits, e->arg);
}

static void on_ready(struct loop_io *io, unsigned events)
{
    int bits = (events & LOOP_READ ? UB_EV_READ : 0) | (events & LOOP_WRITE ? UB_EV_WRITE : 0);

    happened(CONTAINER_OF(io, struct event, io), (short)bits);
}

static void on_timeout(struct loop_timer *t)
{
    happened(CONTAINER_OF(t, struct event, timer), UB_EV_TIMEOUT);
}

static void add_bits(struct ub_event *ev, short bits)
{
    event_of(ev)->bits = (short)(event_of(ev)->bits | bits);
}

static void del_bits(struct ub_event *ev, short bits)
{
    event_of(ev)->bits = (short)(event_of(ev)->bits & ~bits);
}

static void set_fd(struct ub_event *ev, int fd)
{
    event_of(ev)->fd = fd;
}

static void free_event(struct ub_event *ev)
{
    stop(event_of(ev));
    free(event_of(ev));
}

static int64_t to_ms(const struct timeval *tv)
{
    return (int64_t)tv->tv_sec * 1000 + (tv->tv_usec + 999) / 1000;
}

static int add(struct ub_event *ev, struct timeval *tv)
{
    struct event *e = event_of(ev);
    unsigned wanted = (e->bits & UB_EV_READ ? LOOP_READ : 0U) | (e->bits & UB_EV_WRITE ? LOOP_WRITE : 0U);

    if (e->fd >= 0 && wanted != 0)
        loop_watch(e->loop, &e->io, e->fd, wanted);
    e->timeout_ms = tv == NULL ? -1 : to_ms(tv);
    if (tv != NULL)
        loop_timer_set(e->loop, &e->timer, e->timeout_ms);
    else
        loop_timer_clear(e->loop, &e->timer);
    return 0;
}

static int del(struct ub_event *ev)
{
    stop(event_of(ev));
    return 0;
}

static int add_timer(struct ub_event *ev, struct ub_event_base *base, void (*cb)(int, short, void *), void *arg,
                     struct timeval *tv)
{
    struct event *e = event_of(ev);

    (void)base;
    e->fd = -1;
    e->bits = UB_EV_TIMEOUT;
    e->cb = cb;
    e->arg = arg;
    return add(ev, tv);
}

static struct ub_event_vmt event_calls = {
    .add_bits = add_bits,
    .del_bits = del_bits,
    .set_fd = set_fd,
    .free = free_event,
    .add = add,
    .del = del,
    .add_timer = add_timer,
    .del_timer = del,
};

static struct ub_event *new_event(struct ub_event_base *base, int fd, short bits, void (*cb)(int, short, void *),
                                  void *arg)
{
    struct event *e = NEW(struct event);

    e->as_unbound = (struct ub_event){ .magic = UB_EVENT_MAGIC, .vmt = &event_calls };
    e->loop = CONTAINER_OF(base, struct base, as_unbound)->loop;
    e->io.ready = on_ready;
    e->timer.fire = on_timeout;
    e->fd = fd;
    e->bits = bits;
    e->timeout_ms = -1;
    e->cb = cb;
    e->arg = arg;
    return &e->as_unbound;
}

/* The other calls are never made for a context that is driven from outside (unbound-event.h). */
static struct ub_event_base_vmt base_calls = { .new_event = new_event };

struct ub_event_base *unbound_events_new(struct loop *loop)
{
    struct base *b = NEW(struct base);

    b->as_unbound = (struct ub_event_base){ .magic = UB_EVENT_MAGIC, .vmt = &base_calls };
    b->loop = loop;
    return &b->as_unbound;
}

void unbound_events_free(struct ub_event_base *b)
{
    if (b != NULL)
        free(CONTAINER_OF(b, struct base, as_unbound));
}
