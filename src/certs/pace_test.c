#include "certs/pace.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/test.h"

enum { TICKETS = 6 };

struct asker {
    struct pace_ticket ticket; /* first */
    int64_t went_ms;           /* 0: not yet */
};

static struct loop *loop;

static void on_go(struct pace_ticket *t)
{
    CONTAINER_OF(t, struct asker, ticket)->went_ms = clock_mono_ms();
}

static void ask(struct pace *p, struct asker *a, const char *address)
{
    struct net_address at;

    CHECK(net_address_parse(slice_str(address), 25, &at) == OK);
    *a = (struct asker){ .ticket.go = on_go };
    pace_ask(p, &a->ticket, &at);
    CHECK(a->went_ms == 0);
}

static void turn(void)
{
    for (int i = 0; i < 3; i++)
        loop_turn(loop, 0);
}

TEST(a_few_at_a_time)
{
    const struct pace_limits limits = { .per_address = 1, .per_network = 2 };
    static const char *const addresses[TICKETS] = { "192.0.2.1", "192.0.2.1",    "192.0.2.2",
                                                    "192.0.2.3", "198.51.100.1", "2001:db8::1" };
    static const bool goes[TICKETS] = { true, false, true, false, true, true };
    struct pace *p;
    struct asker a[TICKETS];

    loop = loop_new();
    p = pace_new(loop, &limits);
    for (size_t i = 0; i < TICKETS; i++)
        ask(p, &a[i], addresses[i]);
    turn();
    for (size_t i = 0; i < TICKETS; i++)
        CHECK_CASE(addresses[i], (a[i].went_ms > 0) == goes[i]);
    CHECK_INT(pace_waiting(p), 2);
    pace_leave(&a[2].ticket); /* the network has room: who waited for it first */
    turn();
    CHECK(a[3].went_ms > 0 && a[1].went_ms == 0);
    pace_leave(&a[0].ticket); /* its address is free now, and its network */
    turn();
    CHECK(a[1].went_ms > 0);
    CHECK_INT(pace_waiting(p), 0);
    for (size_t i = 0; i < TICKETS; i++)
        pace_leave(&a[i].ticket);
    pace_free(p);
    loop_free(loop);
}

TEST(a_pause_between_two)
{
    enum { GAP_MS = 60 };
    const struct pace_limits limits = { .address_gap_ms = GAP_MS };
    struct pace *p;
    struct asker a[3];
    int64_t started_ms;

    loop = loop_new();
    p = pace_new(loop, &limits);
    started_ms = loop_now_ms(loop);
    for (size_t i = 0; i < COUNT_OF(a); i++)
        ask(p, &a[i], "192.0.2.1");
    while (a[2].went_ms == 0)
        loop_turn(loop, GAP_MS);
    CHECK(a[1].went_ms - started_ms >= GAP_MS && a[2].went_ms - started_ms >= 2 * GAP_MS);
    for (size_t i = 0; i < COUNT_OF(a); i++)
        pace_leave(&a[i].ticket);
    /* The pause outlives who asked. */
    ask(p, &a[0], "192.0.2.1");
    turn();
    CHECK(a[0].went_ms == 0);
    while (a[0].went_ms == 0)
        loop_turn(loop, GAP_MS);
    pace_leave(&a[0].ticket);
    pace_free(p);
    loop_free(loop);
}

TEST(who_leaves_while_waiting)
{
    const struct pace_limits limits = { .per_address = 1, .per_network = 1 };
    struct pace *p;
    struct asker a[4];

    loop = loop_new();
    p = pace_new(loop, &limits);
    for (size_t i = 0; i < COUNT_OF(a); i++)
        ask(p, &a[i], "192.0.2.1");
    pace_leave(&a[1].ticket); /* in the middle */
    pace_leave(&a[3].ticket); /* at the end */
    pace_leave(&a[0].ticket); /* let go, but not told yet */
    turn();
    CHECK(a[0].went_ms == 0 && a[1].went_ms == 0 && a[2].went_ms > 0 && a[3].went_ms == 0);
    CHECK_INT(pace_waiting(p), 0);
    pace_leave(&a[2].ticket);
    pace_leave(&a[2].ticket);
    pace_free(p);
    loop_free(loop);
}

/* Who waits for an address needs its network only later, which may have been forgotten meanwhile. */
TEST(a_network_comes_and_goes)
{
    const struct pace_limits limits = { .per_address = 1, .per_network = 1, .address_gap_ms = 30 };
    struct pace *p;
    struct asker a[2];

    loop = loop_new();
    p = pace_new(loop, &limits);
    for (size_t i = 0; i < COUNT_OF(a); i++)
        ask(p, &a[i], "192.0.2.1");
    turn();
    pace_leave(&a[0].ticket); /* the network is empty; the address has its pause */
    turn();
    CHECK(a[1].went_ms == 0);
    while (a[1].went_ms == 0)
        loop_turn(loop, 30);
    pace_leave(&a[1].ticket);
    pace_free(p);
    loop_free(loop);
}

RUN_TESTS(T(a_network_comes_and_goes), T(a_few_at_a_time), T(a_pause_between_two), T(who_leaves_while_waiting))
