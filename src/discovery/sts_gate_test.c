/* STS-25: how many fetches at a time and in a second. */
#include "discovery/sts_gate.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/test.h"

#include <stdlib.h>

enum { MANY = 50 };

static size_t passed;

static void on_pass(struct sts_ticket *t)
{
    (void)t;
    passed++;
}

static void enter(struct sts_gate *g, struct sts_ticket *tickets, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        tickets[i].pass = on_pass;
        CHECK(sts_gate_enter(g, &tickets[i]));
    }
}

static void turn_for(struct loop *loop, int64_t ms)
{
    int64_t until_ms = clock_mono_ms() + ms;

    while (clock_mono_ms() < until_ms)
        loop_turn(loop, 5);
}

TEST(at_a_time)
{
    struct loop *loop = loop_new();
    struct sts_ticket tickets[MANY] = { 0 };
    struct sts_gate g;

    passed = 0;
    sts_gate_init(&g, loop, 3, 1000000);
    enter(&g, tickets, MANY);
    CHECK_INT(passed, 0);
    turn_for(loop, 20);
    CHECK_INT(passed, 3);
    sts_gate_leave(&g, &tickets[1]);
    sts_gate_leave(&g, &tickets[1]);
    turn_for(loop, 20);
    CHECK_INT(passed, 4);
    for (size_t i = 10; i < MANY; i++)
        sts_gate_leave(&g, &tickets[i]); /* they wait no more */
    for (size_t i = 0; i < 10; i++)
        turn_for(loop, 5), sts_gate_leave(&g, &tickets[i]);
    CHECK_INT(passed, 10);
    sts_gate_release(&g);
    loop_free(loop);
}

TEST(in_a_second)
{
    struct loop *loop = loop_new();
    struct sts_ticket tickets[MANY] = { 0 };
    struct sts_gate g;
    int64_t began_ms = clock_mono_ms(), took_ms;

    passed = 0;
    sts_gate_init(&g, loop, MANY, 100);
    g.thousandths = 0;
    enter(&g, tickets, MANY);
    while (passed < MANY && clock_mono_ms() < began_ms + 10000)
        loop_turn(loop, 5);
    took_ms = clock_mono_ms() - began_ms;
    CHECK_INT(passed, MANY);
    CHECK(took_ms >= MANY * 10 - 10);
    for (size_t i = 0; i < MANY; i++)
        sts_gate_leave(&g, &tickets[i]);
    sts_gate_release(&g);
    loop_free(loop);
}

TEST(too_many_wait)
{
    struct loop *loop = loop_new();
    struct sts_ticket *tickets = mem_new(STS_GATE_WAITING_MOST + 1, sizeof *tickets);
    struct sts_gate g;

    sts_gate_init(&g, loop, 1, 1);
    enter(&g, tickets, STS_GATE_WAITING_MOST);
    CHECK(!sts_gate_enter(&g, &tickets[STS_GATE_WAITING_MOST]));
    sts_gate_leave(&g, &tickets[STS_GATE_WAITING_MOST]);
    sts_gate_leave(&g, &tickets[7]);
    CHECK(sts_gate_enter(&g, &tickets[STS_GATE_WAITING_MOST]));
    sts_gate_release(&g);
    loop_free(loop);
    free(tickets);
}

RUN_TESTS(T(at_a_time), T(in_a_second), T(too_many_wait))
