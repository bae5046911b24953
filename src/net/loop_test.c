#include "base/test.h"
#include "net/loop.h"

#include <sys/socket.h>
#include <unistd.h>

/* A watched end of a socket pair that counts what it is told. */
struct probe {
    struct loop_io io;
    struct loop *loop;
    struct probe *victim; /* unwatched when this one is ready */
    unsigned events;
    int calls;
    bool reads;
};

static void on_ready(struct loop_io *io, unsigned events)
{
    struct probe *p = (struct probe *)io;
    char c;

    p->events = events;
    p->calls++;
    if (p->victim != NULL)
        loop_unwatch(p->loop, &p->victim->io);
    if (p->reads)
        CHECK(read(io->fd, &c, 1) == 1);
}

static void pair(int fds[2])
{
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
}

TEST(reads_and_writes)
{
    struct loop *l = loop_new();
    struct probe p = { .io.ready = on_ready, .loop = l };
    int fds[2];

    pair(fds);
    loop_watch(l, &p.io, fds[0], LOOP_READ);
    loop_turn(l, 0);
    CHECK_INT(p.calls, 0);
    CHECK(write(fds[1], "x", 1) == 1);
    loop_turn(l, 1000);
    CHECK_INT(p.calls, 1);
    CHECK_INT(p.events, LOOP_READ);
    loop_turn(l, 0); /* level-triggered: the byte is still there */
    CHECK_INT(p.calls, 2);
    loop_watch(l, &p.io, fds[0], LOOP_READ | LOOP_WRITE);
    loop_turn(l, 0);
    CHECK_INT(p.events, LOOP_READ | LOOP_WRITE);
    loop_watch(l, &p.io, fds[0], 0);
    loop_turn(l, 0);
    CHECK_INT(p.calls, 3);
    loop_unwatch(l, &p.io);
    loop_unwatch(l, &p.io);
    loop_turn(l, 0);
    CHECK_INT(p.calls, 3);
    CHECK_INT(p.io.fd, -1);
    close(fds[0]);
    close(fds[1]);
    loop_free(l);
}

TEST(unwatched_in_the_same_round)
{
    struct loop *l = loop_new();
    struct probe a = { .io.ready = on_ready, .loop = l, .reads = true }, b = a;
    int fa[2], fb[2];

    pair(fa);
    pair(fb);
    a.victim = &b;
    b.victim = &a;
    loop_watch(l, &a.io, fa[0], LOOP_READ);
    loop_watch(l, &b.io, fb[0], LOOP_READ);
    CHECK(write(fa[1], "x", 1) == 1);
    CHECK(write(fb[1], "x", 1) == 1);
    loop_turn(l, 1000);
    CHECK_INT(a.calls + b.calls, 1);
    loop_turn(l, 0);
    CHECK_INT(a.calls + b.calls, 1);
    for (int i = 0; i < 2; i++) {
        close(fa[i]);
        close(fb[i]);
    }
    loop_free(l);
}

TEST(hangup_without_wish_comes_once)
{
    struct loop *l = loop_new();
    struct probe p = { .io.ready = on_ready, .loop = l };
    int fds[2];

    pair(fds);
    loop_watch(l, &p.io, fds[0], 0);
    close(fds[1]);
    loop_turn(l, 1000);
    CHECK_INT(p.calls, 1);
    CHECK_INT(p.events, LOOP_HANGUP);
    loop_turn(l, 0);
    CHECK_INT(p.calls, 1);
    loop_watch(l, &p.io, fds[0], LOOP_READ);
    loop_turn(l, 1000);
    CHECK_INT(p.calls, 2);
    CHECK(p.events & LOOP_READ);
    close(fds[0]);
    loop_forget(l, &p.io);
    loop_turn(l, 0);
    CHECK_INT(p.calls, 2);
    loop_free(l);
}

struct beat {
    struct loop_timer timer;
    struct loop *loop;
    struct beat *clears;
    int fired, order;
    bool again;
};

static int fired_so_far;

static void on_fire(struct loop_timer *t)
{
    struct beat *b = (struct beat *)t;

    b->fired++;
    b->order = fired_so_far++;
    if (b->clears != NULL)
        loop_timer_clear(b->loop, &b->clears->timer);
    if (b->again)
        loop_timer_set(b->loop, t, 0);
}

TEST(timers_fire_in_order)
{
    enum { MANY = 500 };
    static struct beat beats[MANY];
    struct loop *l = loop_new();
    int64_t end = loop_now_ms(l) + 5000;

    fired_so_far = 0;
    for (int i = 0; i < MANY; i++) {
        beats[i] = (struct beat){ .timer.fire = on_fire, .loop = l };
        loop_timer_set(l, &beats[i].timer, 1 + (i * 7919) % MANY / 10);
    }
    for (int i = 0; i < MANY; i += 5)
        loop_timer_clear(l, &beats[i].timer);
    for (int i = 1; i < MANY; i += 5) /* moved to the front */
        loop_timer_set(l, &beats[i].timer, -1);
    while (fired_so_far < MANY * 4 / 5 && loop_now_ms(l) < end)
        loop_turn(l, 100);
    CHECK_INT(fired_so_far, MANY * 4 / 5);
    for (int i = 0; i < MANY; i++) {
        CHECK_INT(beats[i].fired, i % 5 != 0);
        CHECK(!loop_timer_is_set(&beats[i].timer));
        if (i % 5 == 1)
            CHECK(beats[i].order < MANY / 5);
    }
    for (int i = 0; i < MANY; i++)
        for (int j = 0; j < MANY; j += 17)
            if (i % 5 > 1 && j % 5 > 1 && beats[i].timer.at_ms < beats[j].timer.at_ms)
                CHECK(beats[i].order < beats[j].order);
    loop_free(l);
}

TEST(timers_cleared_or_set_while_firing)
{
    struct loop *l = loop_new();
    struct beat a = { .timer.fire = on_fire, .loop = l }, b = a, forever = a;

    a.clears = &b;
    b.clears = &a;
    forever.again = true;
    loop_timer_set(l, &a.timer, 0);
    loop_timer_set(l, &b.timer, 0);
    loop_timer_set(l, &forever.timer, 0);
    loop_turn(l, 0);
    CHECK_INT(a.fired + b.fired, 1);
    CHECK(forever.fired >= 1 && forever.fired <= 3); /* and the round ended */
    loop_free(l);
}

struct stopper {
    struct loop_hook hook;
    struct loop_timer timer;
    struct loop *loop;
    int rounds;
};

static void on_round(struct loop_hook *h)
{
    ((struct stopper *)h)->rounds++;
}

static void on_stop(struct loop_timer *t)
{
    struct stopper *s = (struct stopper *)((char *)t - offsetof(struct stopper, timer));

    loop_stop(s->loop);
}

TEST(hooks_run_each_round_and_stop_ends_the_run)
{
    struct loop *l = loop_new();
    struct stopper s = { .hook.run = on_round, .timer.fire = on_stop, .loop = l };

    loop_hook_add(l, &s.hook);
    loop_turn(l, 0);
    loop_turn(l, 0);
    CHECK_INT(s.rounds, 2);
    loop_timer_set(l, &s.timer, 5);
    loop_run(l);
    CHECK(s.rounds >= 3 && s.rounds <= 5);
    loop_timer_set(l, &s.timer, 0);
    loop_run(l); /* may be run again */
    loop_free(l);
}

RUN_TESTS(T(reads_and_writes), T(unwatched_in_the_same_round), T(hangup_without_wish_comes_once),
          T(timers_fire_in_order), T(timers_cleared_or_set_while_firing),
          T(hooks_run_each_round_and_stop_ends_the_run))
