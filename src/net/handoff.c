#include "net/handoff.h"

#include "base/log.h"
#include "base/memory.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Senders push onto a stack; the receiver takes the whole stack at once and turns it round. Who pushes onto an
 * empty stack rings. The receiver silences the bell before it takes, so a push that finds the stack empty always
 * comes after a taking that did not see it, and rings anew. */
struct handoff {
    _Atomic(struct handoff_item *) top;
    int fd;
};

struct handoff *handoff_new(void)
{
    struct handoff *h = NEW(struct handoff);

    atomic_init(&h->top, NULL);
    h->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (h->fd < 0) {
        log_error(NULL, "cannot create a queue between threads: out of descriptors", LOG_INT("errno", errno));
        abort();
    }
    return h;
}

void handoff_free(struct handoff *h)
{
    if (h == NULL)
        return;
    assert(atomic_load(&h->top) == NULL);
    close(h->fd);
    free(h);
}

int handoff_fd(const struct handoff *h)
{
    return h->fd;
}

void handoff_put(struct handoff *h, struct handoff_item *item)
{
    struct handoff_item *below = atomic_load_explicit(&h->top, memory_order_relaxed);
    const uint64_t one = 1;

    do
        item->next = below;
    while (!atomic_compare_exchange_weak(&h->top, &below, item));
    /* The item belongs to the receiver from here on. A full counter (EAGAIN) rings as well. */
    if (below == NULL)
        (void)!write(h->fd, &one, sizeof one);
}

struct handoff_item *handoff_take(struct handoff *h)
{
    struct handoff_item *newest, *oldest = NULL;
    uint64_t rings;

    (void)!read(h->fd, &rings, sizeof rings);
    newest = atomic_exchange(&h->top, NULL);
    while (newest != NULL) {
        struct handoff_item *older = newest->next;

        newest->next = oldest;
        oldest = newest;
        newest = older;
    }
    return oldest;
}

bool handoff_wait(struct handoff *h, int timeout_ms)
{
    struct pollfd p = { .fd = h->fd, .events = POLLIN };

    return poll(&p, 1, timeout_ms) > 0;
}
