#include "queue/window.h"

#include "base/test.h"

static struct slice same_key(void *state, struct slice domain)
{
    (void)state;
    return domain;
}

static struct message *message_to(const char *const *domains, size_t len)
{
    struct message *m = message_new();
    struct stored_rcpt *rcpts = ARENA_ARRAY(&m->arena, struct stored_rcpt, len);

    for (size_t i = 0; i < len; i++) {
        rcpts[i].index = (uint32_t)i;
        rcpts[i].domain = slice_str(domains[i]);
    }
    m->stored.rcpts = rcpts;
    m->stored.rcpts_len = len;
    return m;
}

static void add(struct window *w, const char *const *domains, size_t len)
{
    struct message *m = message_to(domains, len);

    window_add_message(w, m, same_key, NULL);
    message_release(m);
}

TEST(jobs_by_domain)
{
    static const char *const domains[] = { "b.test", "a.test", "b.test" };
    struct window *w = window_new(4);
    struct job *a, *b;

    add(w, domains, COUNT_OF(domains));
    CHECK_INT(window_deliveries(w), 3);
    a = window_next(w);
    b = window_next(w);
    CHECK(a != NULL && b != NULL && window_next(w) == NULL);
    CHECK_STR(a->rcpts[0].domain, "a.test");
    CHECK_INT(b->rcpts_len, 2);
    CHECK_INT(b->rcpts[0].index, 0);
    CHECK_INT(b->rcpts[1].index, 2);
    window_finished(w, a, JOB_SERVED);
    window_finished(w, b, JOB_SERVED);
    CHECK_INT(window_deliveries(w), 0);
    window_free(w);
}

/* RES-06: a long queue for one domain does not hold up another. */
TEST(destinations_take_turns)
{
    static const char *const big[] = { "big.test" }, *const small[] = { "small.test" };
    struct window *w = window_new(2);
    struct job *first, *second;

    for (int i = 0; i < 50; i++)
        add(w, big, 1);
    add(w, small, 1);
    first = window_next(w);
    second = window_next(w);
    CHECK_STR(first->rcpts[0].domain, "big.test");
    CHECK_STR(second->rcpts[0].domain, "small.test");
    window_finished(w, first, JOB_SERVED);
    window_finished(w, second, JOB_SERVED);
    window_free(w);
}

TEST(limit_adapts)
{
    static const char *const one[] = { "x.test" };
    struct window *w = window_new(6);
    struct job *running[6];
    size_t n = 0;

    for (int i = 0; i < 40; i++)
        add(w, one, 1);
    while ((running[n] = window_next(w)) != NULL)
        n++;
    CHECK_INT(n, 4);
    for (size_t i = 0; i < n; i++) {
        struct destination *d = running[i]->destination;

        window_finished(w, running[i], JOB_SERVED);
        running[i] = window_next_of(w, d);
        CHECK(running[i] != NULL);
    }
    CHECK_INT(destination_limit(running[0]->destination), 5);
    window_finished(w, running[0], JOB_TROUBLE);
    CHECK_INT(destination_limit(running[1]->destination), 2);
    for (size_t i = 1; i < n; i++)
        window_finished(w, running[i], JOB_SERVED);
    window_free(w);
}

TEST(split_goes_first)
{
    static const char *const three[] = { "x.test", "x.test", "x.test" };
    struct window *w = window_new(6);
    struct job *j, *rest;

    add(w, three, 3);
    j = window_next(w);
    window_add_split(w, j, j->rcpts + 1, 2);
    j->rcpts_len = 1;
    rest = window_next(w);
    CHECK_INT(rest->rcpts_len, 2);
    CHECK_INT(rest->rcpts[1].index, 2);
    CHECK_INT(window_deliveries(w), 3);
    window_finished(w, j, JOB_SERVED);
    window_finished(w, rest, JOB_SERVED);
    CHECK_INT(window_deliveries(w), 0);
    window_free(w);
}

TEST(waiting_can_be_taken)
{
    static const char *const one[] = { "dead.test" };
    struct window *w = window_new(1);
    struct job *running, *j, *next;
    size_t n = 0;

    for (int i = 0; i < 5; i++)
        add(w, one, 1);
    running = window_next(w);
    for (j = window_take_waiting(w, running->destination); j != NULL; j = next, n++) {
        next = TAILQ_NEXT(j, link);
        window_finished(w, j, JOB_SKIPPED);
    }
    CHECK_INT(n, 4);
    window_finished(w, running, JOB_TROUBLE);
    CHECK_INT(window_deliveries(w), 0);
    window_free(w);
}

RUN_TESTS(T(jobs_by_domain), T(destinations_take_turns), T(limit_adapts), T(split_goes_first), T(waiting_can_be_taken))
