#include "relay/hasher.h"

#include "base/memory.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { MOST_WAITING = 64 };

struct hasher {
    struct handoff    *inbox;
    pthread_t          thread;
    atomic_uint        waiting;
    atomic_bool        is_ending;
    struct hasher_task last_word; /* wakes the thread to end */
};

static void run_all(struct hasher *h, struct handoff_item *list)
{
    while (list != NULL) {
        struct hasher_task *t = CONTAINER_OF(list, struct hasher_task, item);

        list = list->next;
        if (t == &h->last_word)
            continue;
        atomic_fetch_sub(&h->waiting, 1);
        t->run(t);
    }
}

static void *hasher_main(void *arg)
{
    struct hasher *h = arg;

    while (!atomic_load(&h->is_ending)) {
        (void)handoff_wait(h->inbox, -1);
        run_all(h, handoff_take(h->inbox));
    }
    run_all(h, handoff_take(h->inbox));
    return NULL;
}

struct hasher *hasher_new(struct fault *why)
{
    struct hasher *h = NEW(struct hasher);

    h->inbox = handoff_new();
    if (pthread_create(&h->thread, NULL, hasher_main, h) != 0) {
        (void)fault_errno(why, "cannot start the password thread");
        handoff_free(h->inbox);
        free(h);
        return NULL;
    }
    return h;
}

void hasher_free(struct hasher *h)
{
    if (h == NULL)
        return;
    atomic_store(&h->is_ending, true);
    handoff_put(h->inbox, &h->last_word.item);
    pthread_join(h->thread, NULL);
    handoff_free(h->inbox);
    free(h);
}

bool hasher_ask(struct hasher *h, struct hasher_task *t)
{
    if (atomic_fetch_add(&h->waiting, 1) >= MOST_WAITING) {
        atomic_fetch_sub(&h->waiting, 1);
        return false;
    }
    handoff_put(h->inbox, &t->item);
    return true;
}
