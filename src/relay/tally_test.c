#include "relay/tally.h"

#include "store/store_test.h"

#include <stdlib.h>

enum { WAIT_MS = 10000, KEYS_MOST = 4096 };

/* A worker as far as a tally looks at it. */
static struct worker *worker_new_for(struct store *s)
{
    struct worker *w = calloc(1, sizeof *w);

    w->loop = loop_new();
    w->replies = handoff_new();
    w->store = s;
    return w;
}

static void worker_end(struct worker *w)
{
    handoff_free(w->replies);
    loop_free(w->loop);
    free(w);
}

static void take_answer(struct worker *w)
{
    struct store_request *r;

    CHECK(handoff_wait(w->replies, WAIT_MS));
    r = (struct store_request *)handoff_take(w->replies);
    CHECK(r != NULL && r->status == OK);
    r->done(r);
}

static uint64_t total(struct test_store *t, const char *name, const char *key)
{
    struct store_request r = { .verb = STORE_COUNTERS, .name = slice_str(name) };
    uint64_t sum = 0;

    CHECK_INT(call(t, &r), OK);
    for (size_t i = 0; i < r.counters_len; i++)
        if (key == NULL || slice_eq(r.counters[i].key, slice_str(key)))
            sum += r.counters[i].value;
    arena_release(&r.arena);
    return sum;
}

TEST(tally_adds_up)
{
    struct test_store t = test_store_new();
    struct worker *w = worker_new_for(t.store);
    struct tally *tally = tally_new(w);
    char longer[300];

    memset(longer, 'k', sizeof longer);
    tally_flush(tally); /* nothing to send */
    for (int i = 0; i < 3; i++)
        tally_add(tally, "inbound-refused", SLICE_LIT("bank"));
    tally_add(tally, "inbound-refused", SLICE_LIT("other"));
    tally_add(tally, "sent-in-clear", SLICE_LIT(""));
    tally_add(tally, "sent-in-clear", slice_of(longer, sizeof longer));
    tally_flush(tally);
    take_answer(w);
    CHECK_INT(total(&t, "inbound-refused", "bank"), 3);
    CHECK_INT(total(&t, "inbound-refused", NULL), 4);
    CHECK_INT(total(&t, "sent-in-clear", ""), 1);
    CHECK_INT(total(&t, "sent-in-clear", NULL), 2);
    tally_add(tally, "inbound-refused", SLICE_LIT("bank")); /* on top of what is there, by the timer */
    for (int i = 0; i < 100 && !handoff_wait(w->replies, 0); i++)
        loop_turn(w->loop, 50);
    take_answer(w);
    CHECK_INT(total(&t, "inbound-refused", "bank"), 4);
    tally_free(tally);
    worker_end(w);
    test_store_end(&t);
}

TEST(tally_is_bounded)
{
    struct test_store t = test_store_new();
    struct worker *w = worker_new_for(t.store);
    struct tally *tally = tally_new(w);
    char key[20];

    for (int i = 0; i < KEYS_MOST + 100; i++) {
        (void)snprintf(key, sizeof key, "%d.example", i);
        tally_add(tally, "sent-in-clear", slice_str(key));
    }
    tally_add(tally, "sent-in-clear", SLICE_LIT("0.example")); /* what is there goes on counting */
    tally_flush(tally);
    take_answer(w);
    CHECK_INT(total(&t, "sent-in-clear", NULL), KEYS_MOST + 1);
    tally_free(tally);
    worker_end(w);
    test_store_end(&t);
}

RUN_TESTS(T(tally_adds_up), T(tally_is_bounded))
