#include "base/memory.h"
#include "base/test.h"
#include "net/handoff.h"

#include <poll.h>
#include <pthread.h>

enum { SENDERS = 3, EACH = 20000 };

struct parcel {
    struct handoff_item item;
    int sender, number;
};

static struct parcel parcels[SENDERS][EACH];
static struct handoff *line;

static void *send_all(void *arg)
{
    int sender = (int)(intptr_t)arg;

    for (int i = 0; i < EACH; i++) {
        parcels[sender][i] = (struct parcel){ .sender = sender, .number = i };
        handoff_put(line, &parcels[sender][i].item);
    }
    return NULL;
}

TEST(every_item_arrives_once_and_in_order)
{
    pthread_t threads[SENDERS];
    int next[SENDERS] = { 0 }, left = SENDERS * EACH;

    line = handoff_new();
    for (int i = 0; i < SENDERS; i++)
        CHECK(pthread_create(&threads[i], NULL, send_all, (void *)(intptr_t)i) == 0);
    while (left > 0) {
        CHECK(handoff_wait(line, 10000));
        for (struct handoff_item *at = handoff_take(line), *after; at != NULL; at = after) {
            struct parcel *p = CONTAINER_OF(at, struct parcel, item);

            after = at->next;
            CHECK_INT(p->number, next[p->sender]);
            next[p->sender]++;
            left--;
        }
    }
    for (int i = 0; i < SENDERS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(handoff_take(line) == NULL);
    CHECK(!handoff_wait(line, 0));
    handoff_free(line);
}

TEST(rings_until_taken)
{
    struct handoff *h = handoff_new();
    struct handoff_item a, b, *got;
    struct pollfd p = { .fd = handoff_fd(h), .events = POLLIN };

    CHECK(poll(&p, 1, 0) == 0);
    handoff_put(h, &a);
    handoff_put(h, &b);
    CHECK(poll(&p, 1, 0) == 1);
    got = handoff_take(h);
    CHECK(got == &a && got->next == &b && b.next == NULL);
    CHECK(poll(&p, 1, 0) == 0);
    handoff_free(h);
}

RUN_TESTS(T(every_item_arrives_once_and_in_order), T(rings_until_taken))
