#include "reports/record.h"

#include "base/log.h"
#include "store/store_test.h"

enum { NOON_S = 1764072000, DAY_S = 86400 }; /* 2025-11-25 */

struct world {
    struct test_store store;
    struct loop *loop;
    struct recorder *recorder;
};

static void begin(struct world *w)
{
    w->store = test_store_new();
    w->loop = loop_new();
    w->recorder = recorder_new(w->loop, w->store.store);
}

static void end(struct world *w)
{
    recorder_free(w->recorder);
    loop_free(w->loop);
    test_store_end(&w->store);
}

static uint64_t counted(struct world *w, const char *day, const char *domain, size_t *rows)
{
    struct store_request r = { .verb = STORE_REPORT_COUNTS, .since_day = slice_str(day), .name = slice_str(domain) };
    uint64_t sum = 0;

    CHECK_INT(call(&w->store, &r), OK);
    *rows = r.report_counts_len;
    for (size_t i = 0; i < r.report_counts_len; i++)
        sum += r.report_counts[i].count;
    arena_release(&r.arena);
    return sum;
}

static void check_counted(struct world *w, const char *day, const char *domain, uint64_t sum, size_t rows)
{
    size_t got_rows;
    uint64_t got = counted(w, day, domain, &got_rows);

    if (got != sum || got_rows != rows)
        fail_msg("'%s' of %s: %llu in %zu rows, want %llu in %zu", domain, day, (unsigned long long)got, got_rows,
                 (unsigned long long)sum, rows);
}

static void add(struct world *w, const char *domain, enum tlsrpt_policy_type type, const char *of, bool is_failed,
                int64_t at_s)
{
    const struct tlsrpt_policy policy = { .type = type, .domain = slice_str(of), .is_failed = is_failed };
    const struct tlsrpt_session session = { .domain = slice_str(domain), .policies = &policy, .policies_len = 1 };

    recorder_add_at(w->recorder, &session, at_s);
}

TEST(recorder_adds_up)
{
    struct world w;

    begin(&w);
    for (int i = 0; i < 300; i++)
        add(&w, "example.org", TLSRPT_STS, "example.org", i % 3 == 0, NOON_S);
    add(&w, "example.org", TLSRPT_NO_POLICY, "example.org", false, NOON_S);
    add(&w, "example.org", TLSRPT_STS, "example.org", false, NOON_S + DAY_S);
    recorder_flush(w.recorder);
    check_counted(&w, "2025-11-25", "example.org", 301, 3);
    check_counted(&w, "2025-11-26", "example.org", 1, 1);
    CHECK_INT(recorder_dropped(w.recorder), 0);
    end(&w);
}

/* RFC 8460 section 1.1 */
TEST(recorder_counts_for_hosts_elsewhere)
{
    struct world w;

    begin(&w);
    add(&w, "example.org", TLSRPT_TLSA, "mx.example.net", true, NOON_S);
    add(&w, "example.org", TLSRPT_TLSA, "mx.example.org", true, NOON_S);
    add(&w, "example.org", TLSRPT_TLSA, "mx.badexample.org", true, NOON_S);
    recorder_flush(w.recorder);
    check_counted(&w, "2025-11-25", "example.org", 3, 3);
    check_counted(&w, "2025-11-25", "mx.example.net/example.org", 1, 1);
    check_counted(&w, "2025-11-25", "mx.badexample.org/example.org", 1, 1);
    check_counted(&w, "2025-11-25", "mx.example.org/example.org", 0, 0);
    end(&w);
}

TEST(recorder_stores_within_a_second_or_so)
{
    struct world w;
    size_t rows = 0;

    begin(&w);
    add(&w, "example.org", TLSRPT_STS, "example.org", false, NOON_S);
    for (int i = 0; i < 100 && rows == 0; i++) {
        loop_turn(w.loop, 50);
        (void)counted(&w, "2025-11-25", "example.org", &rows);
    }
    CHECK_INT(rows, 1);
    end(&w);
}

/* Names come from strangers: what waits for the store is bounded. */
TEST(recorder_is_bounded)
{
    struct world w;
    char name[64];
    size_t rows;
    uint64_t kept = 0;

    begin(&w);
    for (int i = 0; i < RECORD_ROWS_MOST + 500; i++) { /* no turn of the loop: nothing comes back from the store */
        (void)snprintf(name, sizeof name, "d%d.example", i);
        add(&w, name, TLSRPT_NO_POLICY, name, false, NOON_S);
    }
    CHECK_INT(recorder_dropped(w.recorder), 500);
    add(&w, "d1.example", TLSRPT_NO_POLICY, "d1.example", false, NOON_S); /* in a batch on its way: dropped as well */
    CHECK_INT(recorder_dropped(w.recorder), 501);
    recorder_flush(w.recorder);
    for (int i = 0; i < RECORD_ROWS_MOST + 500; i += 50) {
        (void)snprintf(name, sizeof name, "d%d.example", i);
        kept += counted(&w, "2025-11-25", name, &rows);
    }
    CHECK_INT(kept, RECORD_ROWS_MOST / 50);
    add(&w, "d1.example", TLSRPT_NO_POLICY, "d1.example", false, NOON_S); /* there is room again */
    CHECK_INT(recorder_dropped(w.recorder), 501);
    end(&w);
}

static void no_log(struct slice line)
{
    (void)line;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(recorder_adds_up),
        T(recorder_counts_for_hosts_elsewhere),
        T(recorder_stores_within_a_second_or_so),
        T(recorder_is_bounded),
    };

    log_capture(no_log);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
