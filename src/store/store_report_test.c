/* TLS reports in the store: what is counted, who sends, what was sent. */
#include "store/store_test.h"

static enum status count_in(struct test_store *t, const char *day, const char *domain, const char *policy,
                            uint64_t value)
{
    const struct report_count_row row = { slice_str(day), slice_str(domain), slice_str(policy), SLICE_LIT("d"),
                                          value };
    struct store_request r = { .verb = STORE_REPORT_COUNT, .report_counts_in = &row, .report_counts_in_len = 1 };

    return call(t, &r);
}

static struct store_request ask(struct test_store *t, enum store_verb verb, const char *day, const char *name)
{
    struct store_request r = { .verb = verb, .since_day = slice_str(day), .name = slice_str(name), .limit = 100 };

    (void)call(t, &r);
    return r;
}

static enum status find(struct test_store *t, const char *id)
{
    struct store_request r = ask(t, STORE_REPORT_FIND, "", id);

    arena_release(&r.arena);
    return r.status;
}

TEST(counts_add_up)
{
    struct test_store t = test_store_new();
    struct store_request r;

    CHECK_INT(count_in(&t, "2026-11-24", "a.example", "p", 2), OK);
    CHECK_INT(count_in(&t, "2026-11-24", "a.example", "q", 5), OK);
    CHECK_INT(count_in(&t, "2026-11-24", "a.example", "p", 3), OK);
    CHECK_INT(count_in(&t, "2026-11-24", "b.example", "p", 9), OK);
    CHECK_INT(count_in(&t, "2026-11-25", "a.example", "p", 9), OK);
    test_store_reopen(&t);
    r = ask(&t, STORE_REPORT_COUNTS, "2026-11-24", "a.example");
    CHECK_INT(r.report_counts_len, 2);
    CHECK_STR(r.report_counts[0].day, "2026-11-24");
    CHECK_STR(r.report_counts[0].domain, "a.example");
    CHECK_STR(r.report_counts[0].policy, "p");
    CHECK_STR(r.report_counts[0].detail, "d");
    CHECK_INT(r.report_counts[0].count, 5);
    CHECK_STR(r.report_counts[1].policy, "q");
    arena_release(&r.arena);
    test_store_end(&t);
}

/* RPT-03 */
TEST(counts_do_not_overflow)
{
    struct test_store t = test_store_new();
    struct store_request r;

    for (int i = 0; i < 3; i++)
        CHECK_INT(count_in(&t, "2026-11-24", "a.example", "p", UINT64_MAX - 1), OK);
    r = ask(&t, STORE_REPORT_COUNTS, "2026-11-24", "a.example");
    CHECK(r.report_counts_len == 1 && r.report_counts[0].count == INT64_MAX);
    arena_release(&r.arena);
    test_store_end(&t);
}

TEST(days_and_domains)
{
    struct test_store t = test_store_new();
    struct store_request r = ask(&t, STORE_REPORT_DAYS, "", "");

    CHECK_INT(r.report_counts_len, 0);
    arena_release(&r.arena);
    for (size_t i = 0; i < 30; i++) {
        char domain[20], policy[4];

        (void)snprintf(domain, sizeof domain, "%c.example", (char)('a' + i / 3));
        (void)snprintf(policy, sizeof policy, "%d", (int)i);
        CHECK_INT(count_in(&t, i % 2 == 0 ? "2026-11-24" : "2026-11-23", domain, policy, 1), OK);
    }
    r = ask(&t, STORE_REPORT_DAYS, "", "");
    CHECK_INT(r.report_counts_len, 2);
    CHECK_STR(r.report_counts[0].day, "2026-11-23");
    CHECK_STR(r.report_counts[1].day, "2026-11-24");
    arena_release(&r.arena);
    r = (struct store_request){
        .verb = STORE_REPORT_DOMAINS, .since_day = SLICE_LIT("2026-11-24"), .after = SLICE_LIT("c.example"), .limit = 4
    };
    CHECK_INT(call(&t, &r), OK);
    CHECK_INT(r.report_counts_len, 4);
    CHECK_STR(r.report_counts[0].domain, "d.example");
    CHECK_STR(r.report_counts[3].domain, "g.example");
    arena_release(&r.arena);
    r.after = slice_str("");
    r.limit = 100;
    CHECK_INT(call(&t, &r), OK);
    CHECK_INT(r.report_counts_len, 10);
    arena_release(&r.arena);
    test_store_end(&t);
}

static enum status claim(struct test_store *t, const char *day, const char *domain)
{
    const struct report_row row = { .day = slice_str(day), .domain = slice_str(domain) };
    struct store_request r = { .verb = STORE_REPORT_CLAIM, .report = &row };

    return call(t, &r);
}

static struct report_row made(const char *day, const char *domain, const char *id, int64_t next_s)
{
    return (struct report_row){ .day = slice_str(day),
                                .domain = slice_str(domain),
                                .report_id = slice_str(id),
                                .document = slice_of("\x1f\x8b\0x", 4),
                                .targets = SLICE_LIT("[{}]"),
                                .made_s = 5000,
                                .next_s = next_s };
}

static enum status save(struct test_store *t, const struct report_row *row, const struct stored_message *mail)
{
    struct store_request r = { .verb = STORE_REPORT_SAVE, .report = row, .dsns = mail, .dsns_len = mail != NULL };

    return call(t, &r);
}

/* A day and a domain have one sender; what it did not make before it ended is the next one's. */
TEST(claim_is_unique)
{
    const struct report_row row = made("2026-11-24", "b.example", "r1", 0);
    struct test_store t = test_store_new();

    CHECK_INT(claim(&t, "2026-11-24", "a.example"), OK);
    CHECK_INT(claim(&t, "2026-11-24", "a.example"), ERR_EXISTS);
    CHECK_INT(claim(&t, "2026-11-25", "a.example"), OK);
    CHECK_INT(claim(&t, "2026-11-24", "b.example"), OK);
    CHECK_INT(save(&t, &row, NULL), OK);
    test_store_reopen(&t);
    CHECK_INT(claim(&t, "2026-11-24", "a.example"), OK);
    CHECK_INT(claim(&t, "2026-11-24", "b.example"), ERR_EXISTS);
    test_store_end(&t);
}

TEST(save_and_find)
{
    const struct report_row row = made("2026-11-24", "a.example", "r1", 6000);
    const struct report_row twin = made("2026-11-24", "b.example", "r1", 6000);
    struct test_store t = test_store_new();
    struct store_request r;

    CHECK_INT(save(&t, &row, NULL), ERR_NOT_FOUND);
    CHECK_INT(claim(&t, "2026-11-24", "a.example"), OK);
    CHECK_INT(find(&t, "r1"), ERR_NOT_FOUND);
    CHECK_INT(find(&t, ""), ERR_NOT_FOUND);
    CHECK_INT(save(&t, &row, NULL), OK);
    CHECK_INT(claim(&t, "2026-11-24", "b.example"), OK);
    CHECK_INT(save(&t, &twin, NULL), ERR_EXISTS);
    test_store_reopen(&t);
    r = ask(&t, STORE_REPORT_FIND, "", "r1");
    CHECK_INT(r.reports_len, 1);
    CHECK_STR(r.reports[0].day, "2026-11-24");
    CHECK_STR(r.reports[0].domain, "a.example");
    CHECK_STR(r.reports[0].report_id, "r1");
    CHECK(slice_eq(r.reports[0].document, row.document));
    CHECK_STR(r.reports[0].targets, "[{}]");
    CHECK_INT(r.reports[0].made_s, 5000);
    CHECK_INT(r.reports[0].next_s, 6000);
    arena_release(&r.arena);
    test_store_end(&t);
}

/* The mail of a report is queued exactly when the report says so. */
TEST(saved_with_its_mail)
{
    static const char *const to[4] = { "example.org" };
    const struct report_row row = made("2026-11-24", "a.example", "r1", 0);
    struct test_store t = test_store_new();
    struct test_message mail;
    struct store_request r = { .verb = STORE_FIND, .id = 9 };

    test_message_init(&mail, 9, 0, to);
    mail.m.origin = ORIGIN_REPORT;
    CHECK_INT(save(&t, &row, &mail.m), ERR_NOT_FOUND);
    CHECK(!is_there(&t, 9));
    CHECK_INT(claim(&t, "2026-11-24", "a.example"), OK);
    CHECK_INT(save(&t, &row, &mail.m), OK);
    CHECK_INT(call(&t, &r), OK);
    CHECK_INT(r.messages_len, 1);
    CHECK_INT(r.messages[0].origin, ORIGIN_REPORT);
    arena_release(&r.arena);
    CHECK_INT(stats_at(&t, 1).due, 1);
    test_store_end(&t);
}

static void save_three(struct test_store *t)
{
    const struct report_row rows[] = { made("2026-11-22", "a.example", "r1", 0),
                                       made("2026-11-23", "b.example", "r2", 7000),
                                       made("2026-11-24", "a.example", "r3", 6000) };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        CHECK_INT(claim(t, rows[i].day.ptr, rows[i].domain.ptr), OK);
        CHECK_INT(save(t, &rows[i], NULL), OK);
    }
}

static const struct {
    const char *name, *since, *domain, *first;
    size_t limit, found;
} lists[] = {
    { "all, the newest first", "", "", "r3", 10, 3 },
    { "a page", "", "", "r3", 2, 2 },
    { "from a day on", "2026-11-23", "", "r3", 10, 2 },
    { "a domain", "", "b.example", "r2", 10, 1 },
    { "a domain from a day on", "2026-11-24", "b.example", "", 10, 0 },
};

TEST(list_and_due)
{
    struct test_store t = test_store_new();
    struct store_request r;

    save_three(&t);
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        r = (struct store_request){ .verb = STORE_REPORT_LIST,
                                    .since_day = slice_str(lists[i].since),
                                    .name = slice_str(lists[i].domain),
                                    .limit = lists[i].limit };
        CHECK_INT(call(&t, &r), OK);
        CHECK_CASE(lists[i].name, r.reports_len == lists[i].found);
        if (r.reports_len > 0) {
            CHECK_STR(r.reports[0].report_id, lists[i].first);
            CHECK_INT(r.reports[0].document.len, 0);
        }
        arena_release(&r.arena);
    }
    for (int64_t now_s = 5999; now_s <= 7000; now_s += 1001) {
        r = (struct store_request){ .verb = STORE_REPORT_DUE, .now_s = now_s, .limit = 10 };
        CHECK_INT(call(&t, &r), OK);
        CHECK_INT(r.reports_len, now_s == 5999 ? 0 : 2);
        CHECK(now_s == 5999 || (slice_eq(r.reports[0].report_id, SLICE_LIT("r3")) && r.reports[0].document.len == 4));
        arena_release(&r.arena);
    }
    test_store_end(&t);
}

enum { OLD = 2400, MANY = 2500 };

static void count_many(struct test_store *t)
{
    static struct report_count_row rows[MANY];
    static char policies[MANY][12];
    struct store_request r = { .verb = STORE_REPORT_COUNT, .report_counts_in = rows, .report_counts_in_len = MANY };

    for (int i = 0; i < MANY; i++) {
        (void)snprintf(policies[i], sizeof policies[i], "%d", i);
        rows[i] = (struct report_count_row){ .day = slice_str(i < OLD ? "2026-11-22" : "2026-11-24"),
                                             .domain = SLICE_LIT("a.example"),
                                             .policy = slice_str(policies[i]),
                                             .count = 1 };
    }
    CHECK_INT(call(t, &r), OK);
}

/* What is still to be sent stays, however old. */
TEST(trim)
{
    struct test_store t = test_store_new();
    struct store_request r;

    save_three(&t);
    count_many(&t);
    r = ask(&t, STORE_REPORT_TRIM, "2026-11-24", "");
    CHECK(r.status == OK && r.count == OLD + 1);
    r = ask(&t, STORE_REPORT_DAYS, "", "");
    CHECK_INT(r.report_counts_len, 1);
    arena_release(&r.arena);
    CHECK_INT(find(&t, "r1"), ERR_NOT_FOUND);
    r = ask(&t, STORE_REPORT_LIST, "", "");
    CHECK_INT(r.reports_len, 2);
    arena_release(&r.arena);
    test_store_end(&t);
}

RUN_TESTS(T(counts_add_up), T(counts_do_not_overflow), T(days_and_domains), T(claim_is_unique), T(save_and_find),
          T(saved_with_its_mail), T(list_and_due), T(trim))
