/* The MTA-STS service over its life: restarts, many askers, slow hosts, floods, a clock that jumps. */
#include "discovery/sts_fixture.h"

#include <pthread.h>

enum { MINUTE = 60, HOUR = 3600, DAY = 86400 };

static const int64_t YEAR = 365 * DAY;

static struct store_request load(void)
{
    struct store_request r = { .verb = STORE_STS_LOAD };

    turn_until(is_calm);
    CHECK_INT(store_call(w.store.store, &r), OK);
    return r;
}

static size_t stored(void)
{
    struct store_request r = load();

    arena_release(&r.arena);
    return r.sts_len;
}

TEST(survives_a_restart)
{
    begin_world();
    CHECK_ASK("a.example", "enforce 1");
    CHECK_ASK("b.example", "enforce 1");
    RECORDS(TXT("b.example", "2"));
    set_policy("version: STSv1\nmode: testing\nmx: *.b.example\nmx: b.example\nmax_age: 864000\nother: x\n");
    now_s += MINUTE;
    CHECK_ASK("b.example", "testing 2");
    restart_service();
    DNS_DEAD();
    host_fails();
    now_s += DAY;
    CHECK_ASK("a.example", "enforce 1");
    CHECK_ASK("b.example", "testing 2");
    CHECK_INT(w.site->requests, 3);
    restart_service();
    now_s = START_S + 864000;
    CHECK_ASK("a.example", "unknown");
    end_world();
}

/* What is written behind is written at the end as well. */
TEST(stopped_at_once)
{
    begin_world();
    CHECK_ASK("a.example", "enforce 1");
    sts_keep_changed(&w.sts->keep, SLICE_LIT("a.example"));
    restart_service();
    CHECK_INT(stored(), 1);
    CHECK_INT(command(STS_FORGET, "a.example"), OK);
    restart_service();
    CHECK_INT(command(STS_SHOW, "a.example"), ERR_NOT_FOUND);
    CHECK_INT(stored(), 0);
    end_world();
}

TEST(forgotten_in_the_store)
{
    begin_world();
    RECORDS(TXT("a.example", "1"), TXT("b.example", "1"), TXT("c.example", "1"));
    CHECK_ASK("a.example", "enforce 1");
    CHECK_ASK("b.example", "enforce 1");
    CHECK_ASK("c.example", "enforce 1");
    CHECK_INT(stored(), 3);
    CHECK_INT(command(STS_FORGET, "b.example"), OK);
    CHECK_INT(stored(), 2);
    CHECK_INT(command(STS_FORGET, ""), OK);
    CHECK_INT(stored(), 0);
    CHECK_ASK("c.example", "enforce 1");
    CHECK_INT(stored(), 1);
    end_world();
}

/* A use is written at most once an hour. */
TEST(uses_are_written_hourly)
{
    struct store_request r;

    begin_world();
    CHECK_ASK("a.example", "enforce 1");
    for (int i = 1; i <= 3; i++) {
        now_s += HOUR / 3;
        CHECK_ASK("a.example", "enforce 1");
        r = load();
        CHECK_INT(r.sts_len, 1);
        CHECK_INT(r.sts[0].used_s, i < 3 ? START_S : START_S + HOUR);
        CHECK_INT(r.sts[0].fetched_s, START_S);
        arena_release(&r.arena);
    }
    end_world();
}

TEST(unused_is_dropped)
{
    begin_world();
    set_policy(POLICY("enforce", "31557600"));
    CHECK_ASK("a.example", "enforce 1");
    CHECK_ASK("b.example", "enforce 1");
    let_time_pass(100 * DAY);
    CHECK_ASK("a.example", "enforce 1");
    let_time_pass(81 * DAY);
    CHECK_INT(command(STS_SHOW, "b.example"), ERR_NOT_FOUND);
    CHECK_INT(command(STS_SHOW, "a.example"), OK);
    CHECK_INT(stored(), 1);
    end_world();
}

/* There is room for two: whom nobody used for longest goes, from the store as well, and at the start too. */
TEST(pruned_by_last_use)
{
    w.entries_most = 2;
    begin_world();
    RECORDS(TXT("a.example", "1"), TXT("b.example", "1"), TXT("c.example", "1"));
    CHECK_ASK("a.example", "enforce 1");
    now_s += 2 * HOUR;
    CHECK_ASK("b.example", "enforce 1");
    now_s += 2 * HOUR;
    CHECK_ASK("a.example", "enforce 1");
    CHECK_ASK("c.example", "enforce 1");
    CHECK_INT(command(STS_SHOW, "b.example"), ERR_NOT_FOUND);
    CHECK_INT(stored(), 2);
    now_s += 2 * HOUR;
    CHECK_ASK("c.example", "enforce 1");
    turn_until(is_calm);
    w.entries_most = 1;
    restart_service();
    CHECK_INT(command(STS_SHOW, "c.example"), OK);
    CHECK_INT(command(STS_SHOW, "a.example"), ERR_NOT_FOUND);
    CHECK_INT(stored(), 1);
    end_world();
}

static void put_row(const char *domain, const char *id, const char *text, int64_t fetched_s, int64_t expires_s)
{
    const struct sts_row row = { .domain = slice_str(domain),
                                 .id = slice_str(id),
                                 .text = slice_str(text),
                                 .fetched_s = fetched_s,
                                 .expires_s = expires_s,
                                 .used_s = fetched_s };
    struct store_request r = { .verb = STORE_STS_SAVE, .sts_in = &row, .sts_in_len = 1 };

    CHECK_INT(store_call(w.store.store, &r), OK);
}

/* STS-28: what the store says is held against what a policy can say. */
TEST(stored_rows_are_checked)
{
    begin_world();
    put_row("a.example", "1", POLICY("enforce", "86400"), START_S, START_S + 30 * YEAR);
    put_row("b.example", "1", POLICY("enforce", "86400"), START_S + 10 * YEAR, START_S + 10 * YEAR + DAY);
    put_row("c.example", "1", "damaged", START_S, START_S + DAY);
    put_row("d.example", "", POLICY("enforce", "86400"), START_S, START_S + DAY);
    put_row("..", "1", POLICY("enforce", "86400"), START_S, START_S + DAY);
    restart_service();
    DNS_DEAD();
    CHECK_ASK("a.example", "enforce 1");
    CHECK_ASK("b.example", "enforce 1");
    CHECK_ASK("c.example", "unknown");
    CHECK_ASK("d.example", "unknown");
    CHECK_INT(stored(), 2);
    now_s += DAY;
    CHECK_ASK("a.example", "unknown");
    CHECK_ASK("b.example", "unknown");
    end_world();
}

/* CLK-01: by a wrong clock a policy is neither lost nor eternal. */
TEST(clock_jumps)
{
    begin_world();
    CHECK_ASK("a.example", "enforce 1");
    DNS_DEAD();
    host_fails();
    now_s = START_S - 10 * YEAR;
    CHECK_ASK("a.example", "enforce 1");
    now_s = START_S + 10 * YEAR;
    CHECK_ASK("a.example", "unknown");
    now_s = START_S + DAY;
    CHECK_ASK("a.example", "enforce 1");
    now_s = 0;
    restart_service();
    DNS_DEAD();
    CHECK_ASK("a.example", "enforce 1");
    end_world();
}

/* -- many askers ----------------------------------------------------------------------------------------------- */

enum { THREADS = 4, EACH = 25 };

static atomic_int answered, wrong;

static void *ask_often(void *arg)
{
    struct handoff *replies = handoff_new();
    struct sts_request q[EACH];
    int back = 0;

    for (int i = 0; i < EACH; i++) {
        q[i] = (struct sts_request){ .verb = STS_ASK, .domain = SLICE_LIT("a.example"), .reply_to = replies };
        sts_send(arg, &q[i]);
    }
    while (back < EACH) {
        if (!handoff_wait(replies, PATIENT_MS))
            return NULL;
        for (struct handoff_item *i = handoff_take(replies); i != NULL; i = i->next)
            back++;
    }
    for (int i = 0; i < EACH; i++) {
        atomic_fetch_add(&wrong, q[i].facts->finding != STS_FOUND);
        sts_request_release(&q[i]);
    }
    handoff_free(replies);
    atomic_fetch_add(&answered, EACH);
    return NULL;
}

static bool all_are_answered(void)
{
    return atomic_load(&answered) == THREADS * EACH;
}

TEST(a_hundred_askers_make_one_fetch)
{
    pthread_t threads[THREADS];
    struct sts_counts counts;

    begin_world();
    atomic_store(&answered, 0);
    atomic_store(&wrong, 0);
    for (size_t i = 0; i < THREADS; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, ask_often, w.sts), 0);
    turn_until(all_are_answered);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    CHECK_INT(atomic_load(&wrong), 0);
    CHECK_INT(w.site->requests, 1);
    sts_counts(w.sts, &counts);
    CHECK(counts.asked == THREADS * EACH && counts.fetched == 1 && counts.entries == 1);
    end_world();
}

/* -- slow hosts ------------------------------------------------------------------------------------------------ */

static struct sts_request slow[4];

static bool host_was_asked(void)
{
    return w.site->requests > 0 && !TAILQ_EMPTY(&w.sts->looks);
}

/* As if the look had begun so long ago. */
static void wait_long(int64_t ms)
{
    struct sts_look *l = TAILQ_FIRST(&w.sts->looks);

    CHECK(l != NULL);
    l->began_ms -= ms;
    loop_timer_set(w.loop, &l->patience, 0);
}

static void ask_slow_host(size_t i)
{
    w.site->manner = WEB_STALLS;
    slow[i] = request_for(STS_ASK, "a.example");
    sts_send(w.sts, &slow[i]);
    turn_until(host_was_asked);
}

static size_t answers(void)
{
    size_t n = 0;

    for (int i = 0; i < 5; i++)
        loop_turn(w.loop, 10);
    for (struct handoff_item *i = handoff_take(w.replies); i != NULL; i = i->next)
        n++;
    return n;
}

/* STS-06: where something is kept, a slow host holds nobody up for long; what it says in the end is taken. */
TEST(patience_with_a_kept_policy)
{
    begin_world();
    CHECK_ASK("a.example", "enforce 1");
    w.site->requests = 0;
    RECORDS(TXT("a.example", "2"));
    now_s += MINUTE;
    ask_slow_host(0);
    CHECK_INT(answers(), 0);
    wait_long(STS_PATIENCE_KEPT_MS);
    CHECK_INT(answers(), 1);
    CHECK_STR(slow[0].facts->id, "1");
    sts_request_release(&slow[0]);
    CHECK_ASK("a.example", "enforce 1");
    CHECK_INT(w.site->requests, 1);
    CHECK(!TAILQ_EMPTY(&w.sts->looks));
    end_world();
}

/* And where nothing is kept, for a minute. Then it is as if there were none, and so for who comes later. */
TEST(patience_without_one)
{
    begin_world();
    ask_slow_host(0);
    wait_long(STS_PATIENCE_KEPT_MS);
    CHECK_INT(answers(), 0);
    wait_long(STS_PATIENCE_MS);
    CHECK_INT(answers(), 1);
    CHECK_INT(slow[0].facts->finding, STS_UNKNOWN);
    sts_request_release(&slow[0]);
    CHECK_ASK("a.example", "unknown");
    CHECK_INT(w.site->requests, 1);
    end_world();
}

/* A refresh that somebody told us to make is waited for. */
TEST(patience_of_a_refresh)
{
    begin_world();
    CHECK_ASK("a.example", "enforce 1");
    w.site->requests = 0;
    w.site->manner = WEB_STALLS;
    slow[0] = request_for(STS_REFRESH, "a.example");
    sts_send(w.sts, &slow[0]);
    turn_until(host_was_asked);
    wait_long(STS_PATIENCE_KEPT_MS);
    CHECK_INT(answers(), 0);
    CHECK_ASK("a.example", "enforce 1"); /* the id is the same: nobody else waits */
    wait_long(STS_PATIENCE_MS);
    CHECK_INT(answers(), 1);
    CHECK_STR(slow[0].facts->id, "1");
    sts_request_release(&slow[0]);
    end_world();
}

TEST(stopping_answers_who_waits)
{
    begin_world();
    CHECK_ASK("b.example", "enforce 1");
    w.site->requests = 0;
    ask_slow_host(0);
    slow[1] = request_for(STS_ASK, "a.example");
    sts_send(w.sts, &slow[1]);
    CHECK_INT(answers(), 0);
    sts_stop(w.sts);
    CHECK_INT(answers(), 2);
    CHECK_INT(slow[0].facts->finding, STS_UNKNOWN);
    sts_request_release(&slow[0]);
    sts_request_release(&slow[1]);
    now_s += HOUR;
    CHECK_ASK("b.example", "enforce 1");
    CHECK_ASK("a.example", "unknown");
    CHECK(TAILQ_EMPTY(&w.sts->looks));
    end_world();
}

static void pass_nobody(struct sts_ticket *t)
{
    (void)t;
    fail();
}

/* STS-25: hosts are asked so many at a time; who has no place waits, and goes without a policy when too many wait. */
TEST(fetches_are_bounded)
{
    struct sts_ticket *tickets = mem_new(STS_GATE_WAITING_MOST, sizeof *tickets);

    w.fetches_most = 1;
    begin_world();
    RECORDS(TXT("a.example", "1"), TXT("b.example", "1"), TXT("c.example", "1"));
    ask_slow_host(0);
    slow[1] = request_for(STS_ASK, "b.example");
    sts_send(w.sts, &slow[1]);
    CHECK_INT(answers(), 0);
    CHECK_INT(w.site->requests, 1);
    for (size_t i = 0; i < STS_GATE_WAITING_MOST - 1; i++) {
        tickets[i].pass = pass_nobody;
        CHECK(sts_gate_enter(&w.sts->gate, &tickets[i]));
    }
    CHECK_ASK("c.example", "trouble sts-policy-fetch-error");
    CHECK_INT(w.site->requests, 1);
    for (size_t i = 0; i < STS_GATE_WAITING_MOST - 1; i++)
        sts_gate_leave(&w.sts->gate, &tickets[i]);
    sts_stop(w.sts);
    CHECK_INT(answers(), 2);
    sts_request_release(&slow[0]);
    sts_request_release(&slow[1]);
    restart_service();
    RECORDS(TXT("c.example", "1"));
    set_policy(POLICY("enforce", "864000"));
    CHECK_ASK("c.example", "enforce 1");
    end_world();
    free(tickets);
}

RUN_TESTS(T(survives_a_restart), T(stopped_at_once), T(forgotten_in_the_store), T(uses_are_written_hourly),
          T(unused_is_dropped), T(pruned_by_last_use), T(stored_rows_are_checked), T(clock_jumps),
          T(a_hundred_askers_make_one_fetch), T(patience_with_a_kept_policy), T(patience_without_one),
          T(patience_of_a_refresh), T(stopping_answers_who_waits), T(fetches_are_bounded))
