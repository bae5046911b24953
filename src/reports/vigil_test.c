/* What the sums of a month come to, against a book in a store of its own. */
#include "reports/vigil.h"

#include "store/store_test.h"

enum { NOW_S = 1795600000 }; /* 2026-11-25 */

#define S(text)                                                                                                       \
    {                                                                                                                 \
        (text), sizeof(text) - 1                                                                                      \
    }
#define DAY(day, ok, bad)                                                                                             \
    {                                                                                                                 \
        .kind = RECEIVED_SUM_DAY, .is_verified = true, .by = S(day), .by2 = S("sts"), .success = (ok),                \
        .failure = (bad), .reports = 1                                                                                \
    }
#define FAILURE(what, mx, day)                                                                                        \
    {                                                                                                                 \
        .kind = RECEIVED_SUM_FAILURE, .is_verified = true, .by = S(what), .by2 = S(mx), .first_day = S(day),          \
        .last_day = S(day), .failure = 1                                                                              \
    }
#define REPORTER_OF(what, who, n, day)                                                                                \
    {                                                                                                                 \
        .kind = RECEIVED_SUM_REPORTER, .is_verified = true, .by = S(who), .by2 = S(what), .reports = (n),             \
        .last_day = S(day)                                                                                            \
    }
#define REPORTER(who, n, day)                                                                                         \
    {                                                                                                                 \
        .kind = RECEIVED_SUM_REPORTER, .is_verified = true, .by = S(who), .reports = (n), .last_day = S(day)          \
    }

static const struct vigil_row {
    const char *name;
    struct received_sum sums[4];
    size_t len;
    unsigned percent;
    const char *cause, *subject; /* NULL: nothing is told */
} rows[] = {
    { "all is well", { DAY("2026-11-24", 100, 0) }, 1, 10, NULL, NULL },
    { "too many fail", { DAY("2026-11-24", 90, 10) }, 1, 10, "reports-failures", "domain own.example" },
    { "just below", { DAY("2026-11-24", 91, 9) }, 1, 10, NULL, NULL },
    { "never, it is set", { DAY("2026-11-24", 0, 100) }, 1, 0, NULL, NULL },
    { "1 of 2 is no share", { DAY("2026-11-24", 1, 1) }, 1, 10, NULL, NULL },
    { "the newest day counts", { DAY("2026-11-23", 0, 100), DAY("2026-11-24", 100, 0) }, 2, 10, NULL, NULL },
    { "in any order", { DAY("2026-11-24", 100, 0), DAY("2026-11-23", 0, 100) }, 2, 10, NULL, NULL },
    { "strangers do not count",
      { { .kind = RECEIVED_SUM_DAY, .by = S("2026-11-24"), .failure = 100 } },
      1,
      10,
      NULL,
      NULL },
    { "a failure that is new",
      { DAY("2026-11-20", 9, 0), FAILURE("certificate-expired", "mx.own.example", "2026-11-24") },
      2,
      10,
      "reports-new-failure",
      "domain own.example, certificate-expired at mx.own.example" },
    { "with the first report nothing is new",
      { DAY("2026-11-24", 9, 1), FAILURE("certificate-expired", "mx", "2026-11-24") },
      2,
      0,
      NULL,
      NULL },
    { "an old failure",
      { DAY("2026-11-01", 9, 1), FAILURE("certificate-expired", "mx", "2026-11-02") },
      2,
      0,
      NULL,
      NULL },
    { "a reporter falls silent",
      { REPORTER("sender.example", 5, "2026-11-20") },
      1,
      10,
      "reports-silent",
      "domain own.example, reporter sender.example" },
    { "its report is on its way", { REPORTER("sender.example", 5, "2026-11-22") }, 1, 10, NULL, NULL },
    { "one that writes seldom", { REPORTER("sender.example", 4, "2026-11-20") }, 1, 10, NULL, NULL },
    { "one that has left", { REPORTER("sender.example", 20, "2026-11-08") }, 1, 10, NULL, NULL },
    { "it tells of another kind of policy since",
      { REPORTER_OF("sts", "sender.example", 9, "2026-11-24"), REPORTER_OF("no-policy-found", "sender.example", 20, "2026-11-18") },
      2,
      10,
      NULL,
      NULL },
    { "silent of every kind",
      { REPORTER_OF("sts", "sender.example", 9, "2026-11-19"), REPORTER_OF("no-policy-found", "sender.example", 2, "2026-11-08") },
      2,
      10,
      "reports-silent",
      "domain own.example, reporter sender.example" },
    { "an old failure for a new reason",
      { DAY("2026-11-01", 9, 1), FAILURE("validation-failure", "mx", "2026-11-02"),
        FAILURE("validation-failure", "mx", "2026-11-24") },
      3,
      0,
      NULL,
      NULL },
    { "the same, the other way round",
      { DAY("2026-11-01", 9, 1), FAILURE("validation-failure", "mx", "2026-11-24"),
        FAILURE("validation-failure", "mx", "2026-11-02") },
      3,
      0,
      NULL,
      NULL },
    { "no day at all", { FAILURE("x", "", ""), REPORTER("y", 9, "yesterday") }, 2, 10, NULL, NULL },
};

struct scene {
    struct test_store store;
    struct loop *loop;
    struct snapshot *settings;
    struct alert_book *book;
};

static struct scene scene_new(void)
{
    struct scene s = { .store = test_store_new(), .loop = loop_new() };
    struct fault why;

    CHECK(snapshot_new(NULL, 0, 1, &s.settings, &why) == OK);
    s.book = alert_book_new(s.loop, s.store.store, SLICE_LIT("mx.own.example"), s.settings);
    return s;
}

static void scene_end(struct scene *s)
{
    alert_book_stop(s->book);
    test_store_end(&s->store);
    alert_book_free(s->book);
    loop_free(s->loop);
}

static const struct slice causes[] = { S("reports-failures"), S("reports-new-failure"), S("reports-silent") };

static void judge(struct scene *s, const struct vigil_row *row, int64_t now_s)
{
    struct vigil_case c = {
        .domain = SLICE_LIT("own.example"), .sums = row->sums, .len = row->len, .now_s = now_s, .percent = row->percent
    };

    struct alert_round round;

    alert_round_init(&round);
    vigil_judge(&c, s->book, &round);
    alert_round_end(&round, s->book, causes, COUNT_OF(causes), SLICE_LIT("gone"));
    alert_round_release(&round);
}

TEST(each_case)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct scene s = scene_new();
        struct arena arena = { 0 };
        const struct slice *open;
        size_t found = 0;

        judge(&s, &rows[i], NOW_S);
        for (size_t k = 0; k < COUNT_OF(causes); k++) {
            size_t len = alert_book_subjects(s.book, causes[k], &arena, &open);

            found += len;
            if (len > 0)
                CHECK_CASE(rows[i].name, rows[i].cause != NULL && slice_eq(causes[k], slice_str(rows[i].cause)) &&
                                             slice_eq(open[0], slice_str(rows[i].subject)));
        }
        CHECK_CASE(rows[i].name, found == (rows[i].cause != NULL ? 1 : 0));
        arena_release(&arena);
        scene_end(&s);
    }
}

TEST(each_end)
{
    static const struct vigil_row good = { "", { DAY("2026-11-25", 100, 0) }, 1, 10, NULL, NULL };
    struct scene s = scene_new();

    judge(&s, &rows[1], NOW_S);
    CHECK(alert_book_is_open(s.book, SLICE_LIT("reports-failures"), SLICE_LIT("domain own.example")));
    judge(&s, &good, NOW_S);
    CHECK(!alert_book_is_open(s.book, SLICE_LIT("reports-failures"), SLICE_LIT("domain own.example")));
    judge(&s, &rows[8], NOW_S);
    CHECK(alert_book_is_open(s.book, SLICE_LIT("reports-new-failure"), slice_str(rows[8].subject)));
    judge(&s, &rows[8], NOW_S + (int64_t)9 * 86400); /* no longer new */
    CHECK(!alert_book_is_open(s.book, SLICE_LIT("reports-new-failure"), slice_str(rows[8].subject)));
    judge(&s, &rows[11], NOW_S);
    CHECK(alert_book_is_open(s.book, SLICE_LIT("reports-silent"), slice_str(rows[11].subject)));
    judge(&s, &rows[11], NOW_S + (int64_t)12 * 86400); /* gone for good */
    CHECK(!alert_book_is_open(s.book, SLICE_LIT("reports-silent"), slice_str(rows[11].subject)));
    judge(&s, &rows[8], NOW_S);
    judge(&s, &good, NOW_S); /* no report tells of it any more */
    CHECK(!alert_book_is_open(s.book, SLICE_LIT("reports-new-failure"), slice_str(rows[8].subject)));
    scene_end(&s);
}

RUN_TESTS(T(each_case), T(each_end))
