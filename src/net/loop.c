#include "net/loop.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { EVENTS_MAX = 256, TIMERS_MIN = 64 };

/* In loop_io.wanted beside what the owner asked for. */
enum { WATCHED = 0x100, IN_KERNEL = 0x200, ASKED = LOOP_READ | LOOP_WRITE };

struct loop {
    int epoll_fd;
    bool is_stopping;
    int64_t now_ms;

    struct epoll_event events[EVENTS_MAX];
    int events_len, events_at; /* of this round; what lies before events_at is done */

    struct loop_timer **heap; /* heap[1] is due first; heap[0] is not used, so that slot 0 means "not set" */
    size_t heap_len, heap_cap;

    struct loop_hook *hooks, **hooks_tail;
};

struct loop *loop_new(void)
{
    struct loop *l = NEW(struct loop);

    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (l->epoll_fd < 0) {
        log_error(NULL, "cannot create an event loop: out of descriptors", LOG_INT("errno", errno));
        abort();
    }
    (void)signal(SIGPIPE, SIG_IGN); /* a write to a peer that is gone is an error like any other, in libraries too */
    l->heap_cap = TIMERS_MIN;
    l->heap = mem_new(l->heap_cap, sizeof(struct loop_timer *));
    l->hooks_tail = &l->hooks;
    l->now_ms = clock_mono_ms();
    return l;
}

void loop_free(struct loop *l)
{
    if (l == NULL)
        return;
    close(l->epoll_fd);
    free(l->heap);
    free(l);
}

void loop_stop(struct loop *l)
{
    l->is_stopping = true;
}

int64_t loop_now_ms(const struct loop *l)
{
    return l->now_ms;
}

static void tell_kernel(struct loop *l, struct loop_io *io, int op)
{
    struct epoll_event ev = { .data.ptr = io };
    int rc;

    ev.events = (io->wanted & LOOP_READ ? EPOLLIN : 0U) | (io->wanted & LOOP_WRITE ? EPOLLOUT : 0U);
    rc = epoll_ctl(l->epoll_fd, op, io->fd, &ev);
    /* A descriptor that epoll does not take (a file, a closed one) is a bug of the caller. */
    assert(rc == 0 || op == EPOLL_CTL_DEL || errno == ENOMEM || errno == ENOSPC);
    if (rc != 0 && op != EPOLL_CTL_DEL) {
        log_error(NULL, "cannot watch a descriptor: raise fs.epoll.max_user_watches", LOG_INT("errno", errno));
        abort();
    }
}

void loop_watch(struct loop *l, struct loop_io *io, int fd, unsigned wanted)
{
    unsigned before = io->wanted;

    assert(fd >= 0 && (wanted & ~(unsigned)ASKED) == 0);
    assert(!(before & WATCHED) || io->fd == fd);
    if ((before & IN_KERNEL) && (before & ASKED) == wanted)
        return;
    if (!(before & IN_KERNEL) && (before & WATCHED) && wanted == 0)
        return;
    io->fd = fd;
    io->wanted = WATCHED | IN_KERNEL | wanted;
    tell_kernel(l, io, before & IN_KERNEL ? EPOLL_CTL_MOD : EPOLL_CTL_ADD);
}

/* What this round still holds for `io` is struck out: its owner may free it now. */
static void strike_out(struct loop *l, const struct loop_io *io)
{
    for (int i = l->events_at; i < l->events_len; i++)
        if (l->events[i].data.ptr == io)
            l->events[i].data.ptr = NULL;
}

void loop_forget(struct loop *l, struct loop_io *io)
{
    if (!(io->wanted & WATCHED))
        return;
    strike_out(l, io);
    io->wanted = 0;
    io->fd = -1;
}

void loop_unwatch(struct loop *l, struct loop_io *io)
{
    if (io->wanted & IN_KERNEL)
        tell_kernel(l, io, EPOLL_CTL_DEL);
    loop_forget(l, io);
}

static void dispatch_one(struct loop *l, const struct epoll_event *ev)
{
    struct loop_io *io = ev->data.ptr;
    bool is_hangup = (ev->events & (EPOLLHUP | EPOLLERR)) != 0;
    unsigned events = 0;

    if (io == NULL)
        return;
    /* After an error both directions are ready: the next read or write tells what it was. */
    if (is_hangup)
        events = LOOP_HANGUP | (io->wanted & ASKED);
    if (ev->events & EPOLLIN)
        events |= io->wanted & LOOP_READ;
    if (ev->events & EPOLLOUT)
        events |= io->wanted & LOOP_WRITE;
    if (events == 0)
        return;
    /* The kernel cannot be told not to report hangups; an owner that waits for something else would make us spin. */
    if (is_hangup && (io->wanted & ASKED) == 0) {
        tell_kernel(l, io, EPOLL_CTL_DEL);
        io->wanted &= ~(unsigned)IN_KERNEL;
    }
    io->ready(io, events);
}

static void dispatch(struct loop *l)
{
    for (l->events_at = 0; l->events_at < l->events_len;) {
        const struct epoll_event *ev = &l->events[l->events_at++];

        dispatch_one(l, ev);
    }
    l->events_len = 0;
}

static void heap_place(struct loop *l, size_t slot, struct loop_timer *t)
{
    l->heap[slot] = t;
    t->slot = slot;
}

static void sift_up(struct loop *l, size_t slot, struct loop_timer *t)
{
    for (; slot > 1 && l->heap[slot / 2]->at_ms > t->at_ms; slot /= 2)
        heap_place(l, slot, l->heap[slot / 2]);
    heap_place(l, slot, t);
}

static void sift_down(struct loop *l, size_t slot, struct loop_timer *t)
{
    for (size_t child = slot * 2; child <= l->heap_len; child = slot * 2) {
        if (child < l->heap_len && l->heap[child + 1]->at_ms < l->heap[child]->at_ms)
            child++;
        if (l->heap[child]->at_ms >= t->at_ms)
            break;
        heap_place(l, slot, l->heap[child]);
        slot = child;
    }
    heap_place(l, slot, t);
}

static void sift(struct loop *l, size_t slot, struct loop_timer *t)
{
    if (slot > 1 && l->heap[slot / 2]->at_ms > t->at_ms)
        sift_up(l, slot, t);
    else
        sift_down(l, slot, t);
}

void loop_timer_set(struct loop *l, struct loop_timer *t, int64_t in_ms)
{
    t->at_ms = l->now_ms + (in_ms > 0 ? in_ms : 0);
    if (t->slot != 0) {
        sift(l, t->slot, t);
        return;
    }
    if (l->heap_len + 1 == l->heap_cap) {
        l->heap_cap *= 2;
        l->heap = mem_resize(l->heap, l->heap_cap, sizeof(struct loop_timer *));
    }
    sift_up(l, ++l->heap_len, t);
}

void loop_timer_clear(struct loop *l, struct loop_timer *t)
{
    struct loop_timer *last;
    size_t slot = t->slot;

    if (slot == 0)
        return;
    t->slot = 0;
    last = l->heap[l->heap_len--];
    if (last != t)
        sift(l, slot, last);
}

bool loop_timer_is_set(const struct loop_timer *t)
{
    return t->slot != 0;
}

/* A timer set to "now" by one that fires waits for the next round, or the loop would never look at its descriptors. */
static void fire_timers(struct loop *l)
{
    for (size_t left = l->heap_len; left > 0 && l->heap_len > 0 && l->heap[1]->at_ms <= l->now_ms; left--) {
        struct loop_timer *t = l->heap[1];

        loop_timer_clear(l, t);
        t->fire(t);
    }
}

void loop_hook_add(struct loop *l, struct loop_hook *hook)
{
    hook->next = NULL;
    *l->hooks_tail = hook;
    l->hooks_tail = &hook->next;
}

static int until_next_timer(const struct loop *l, int at_most)
{
    int64_t left;

    if (l->heap_len == 0)
        return at_most;
    left = l->heap[1]->at_ms - clock_mono_ms();
    if (left < 0)
        left = 0;
    return at_most < 0 || left < at_most ? (int)(left < INT32_MAX ? left : INT32_MAX) : at_most;
}

static void turn(struct loop *l, int wait_ms)
{
    int n;

    for (struct loop_hook *h = l->hooks; h != NULL; h = h->next)
        h->run(h);
    log_flush();
    n = epoll_wait(l->epoll_fd, l->events, EVENTS_MAX, l->is_stopping ? 0 : until_next_timer(l, wait_ms));
    l->events_len = n < 0 ? 0 : n; /* a signal: an empty round */
    l->now_ms = clock_mono_ms();
    dispatch(l);
    fire_timers(l);
}

void loop_turn(struct loop *l, int wait_ms)
{
    turn(l, wait_ms);
}

void loop_run(struct loop *l)
{
    while (!l->is_stopping)
        turn(l, -1);
    l->is_stopping = false;
}
