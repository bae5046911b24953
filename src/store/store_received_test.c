/* TLS reports of others in the store: which are kept, how they add up, what goes first. */
#include "store/store_test.h"

#define TEXT(s)                                                                                                       \
    {                                                                                                                 \
        (s), sizeof(s) - 1                                                                                            \
    }

enum { NOON_S = 1795608000 }; /* 2026-11-25 12:00:00 */

static const struct received_policy two_policies[] = {
    { TEXT("sts"), TEXT("example.org"), 90, 10 },
    { TEXT("tlsa"), TEXT("mx.example.org"), 100, 0 },
};
static const struct received_failure two_failures[] = {
    { 0, 7, TEXT("certificate-expired"), TEXT("mx.example.org"), TEXT("192.0.2.1"), TEXT("198.51.100.1"), TEXT("") },
    { 0, 3, TEXT("starttls-not-supported"), TEXT("mx2.example.org"), TEXT(""), TEXT(""), TEXT("why") },
};

static struct received_row report_of(const char *day, const char *reporter, const char *id)
{
    return (struct received_row){ .received_s = NOON_S,
                                  .start_s = 1,
                                  .end_s = 2,
                                  .channel = RECEIVED_BY_MAIL,
                                  .is_verified = true,
                                  .is_summed = true,
                                  .success = 190,
                                  .failure = 10,
                                  .day = slice_str(day),
                                  .domain = SLICE_LIT("example.org"),
                                  .reporter = slice_str(reporter),
                                  .report_id = slice_str(id),
                                  .organization = SLICE_LIT("Sender Ltd"),
                                  .contact = SLICE_LIT("tls@sender.example"),
                                  .source = slice_str(reporter),
                                  .notes = SLICE_LIT("[]"),
                                  .hash = SLICE_LIT("hash"),
                                  .document = SLICE_LIT("\x1f\x8b"),
                                  .policies = two_policies,
                                  .policies_len = 2,
                                  .failures = two_failures,
                                  .failures_len = 2 };
}

static enum received_outcome put(struct test_store *t, const struct received_row *row,
                                 const struct received_quota *quota)
{
    struct store_request r = { .verb = STORE_RECEIVED_PUT, .received_in = row, .received_in_len = 1, .quota = quota };
    enum received_outcome outcome;

    CHECK_INT(call(t, &r), OK);
    outcome = r.outcomes[0];
    arena_release(&r.arena);
    return outcome;
}

static struct store_request ask(struct test_store *t, enum store_verb verb, const char *since, const char *domain)
{
    struct store_request r = { .verb = verb, .since_day = slice_str(since), .name = slice_str(domain), .limit = 1000 };

    CHECK_INT(call(t, &r), OK);
    return r;
}

static size_t count_of(struct test_store *t, const char *since)
{
    struct store_request r = ask(t, STORE_RECEIVED_LIST, since, "");
    size_t len = r.received_len;

    arena_release(&r.arena);
    return len;
}

static void check_whole(const struct received_row *got)
{
    CHECK_STR(got->reporter, "sender.example");
    CHECK_STR(got->organization, "Sender Ltd");
    CHECK_STR(got->contact, "tls@sender.example");
    CHECK(got->is_verified && got->is_summed && got->channel == RECEIVED_BY_MAIL);
    CHECK_INT(got->start_s, 1);
    CHECK_INT(got->end_s, 2);
    CHECK_INT(got->success, 190);
    CHECK_INT(got->failure, 10);
    CHECK(slice_eq(got->document, SLICE_LIT("\x1f\x8b")));
    CHECK_INT(got->policies_len, 2);
    CHECK_STR(got->policies[1].domain, "mx.example.org");
    CHECK_INT(got->policies[0].success, 90);
    CHECK_INT(got->failures_len, 2);
    CHECK_STR(got->failures[1].reason, "why");
    CHECK_INT(got->failures[1].count, 3);
}

TEST(kept_and_found)
{
    struct test_store t = test_store_new();
    struct received_row row = report_of("2026-11-24", "sender.example", "r1");
    struct store_request list, find = { .verb = STORE_RECEIVED_FIND };

    CHECK_INT(put(&t, &row, NULL), RECEIVED_KEPT);
    test_store_reopen(&t);
    list = ask(&t, STORE_RECEIVED_LIST, "2026-11-24", "example.org");
    CHECK_INT(list.received_len, 1);
    CHECK_INT(list.received[0].document.len, 0);
    find.id = list.received[0].id;
    CHECK_INT(call(&t, &find), OK);
    check_whole(&find.received[0]);
    arena_release(&find.arena);
    arena_release(&list.arena);
    find = (struct store_request){ .verb = STORE_RECEIVED_FIND, .id = 99 };
    CHECK_INT(call(&t, &find), ERR_NOT_FOUND);
    CHECK_INT(count_of(&t, "2026-11-25"), 0);
    test_store_end(&t);
}

/* RPT-06: of one key the first one wins; whoever is not verified takes nothing from who is. */
TEST(first_wins)
{
    struct test_store t = test_store_new();
    struct received_row row = report_of("2026-11-24", "sender.example", "r1"), other = row;

    row.is_verified = false;
    CHECK_INT(put(&t, &row, NULL), RECEIVED_KEPT);
    CHECK_INT(put(&t, &row, NULL), RECEIVED_DUPLICATE);
    row.hash = SLICE_LIT("other");
    CHECK_INT(put(&t, &row, NULL), RECEIVED_DIFFERS);
    CHECK_INT(put(&t, &other, NULL), RECEIVED_KEPT);
    other.end_s = 3; /* one id with two periods is two reports */
    CHECK_INT(put(&t, &other, NULL), RECEIVED_KEPT);
    other.reporter = SLICE_LIT("else.example");
    CHECK_INT(put(&t, &other, NULL), RECEIVED_KEPT);
    other.domain = SLICE_LIT("example.net");
    CHECK_INT(put(&t, &other, NULL), RECEIVED_KEPT);
    CHECK_INT(count_of(&t, ""), 5);
    test_store_end(&t);
}

/* RPT-06: quotas of each source, and the oldest of strangers goes first. */
TEST(quotas)
{
    const struct received_quota quota = { .per_source_day = 3, .strangers = 4 };
    struct test_store t = test_store_new();
    char id[16];

    for (int i = 0; i < 10; i++) {
        struct received_row row = report_of("2026-11-24", i < 5 ? "a.example" : "b.example", id);

        (void)snprintf(id, sizeof id, "r%d", i);
        row.report_id = slice_str(id);
        row.is_verified = false;
        CHECK_INT(put(&t, &row, &quota), i % 5 < 3 ? RECEIVED_KEPT : RECEIVED_OVER_QUOTA);
        row.channel = RECEIVED_BY_IMPORT;
        row.source = SLICE_LIT("");
        row.domain = SLICE_LIT("example.net");
        CHECK_INT(put(&t, &row, &quota), RECEIVED_KEPT);
    }
    CHECK_INT(count_of(&t, ""), 10 + 4);
    {
        struct store_request list = ask(&t, STORE_RECEIVED_LIST, "", "example.org");

        CHECK_INT(list.received_len, 4);
        CHECK_STR(list.received[0].report_id, "r7");
        CHECK_STR(list.received[3].report_id, "r2"); /* r0 and r1 made room */
        arena_release(&list.arena);
    }
    test_store_end(&t);
}

static const struct received_sum *sum_of(const struct store_request *r, enum received_sum_kind kind, bool is_verified,
                                         const char *by)
{
    for (size_t i = 0; i < r->sums_len; i++)
        if (r->sums[i].kind == kind && r->sums[i].is_verified == is_verified && slice_eq(r->sums[i].by, slice_str(by)))
            return &r->sums[i];
    return NULL;
}

static void put_for_sums(struct test_store *t)
{
    struct received_row rows[] = { report_of("2026-11-23", "a.example", "r1"),
                                   report_of("2026-11-24", "a.example", "r2"),
                                   report_of("2026-11-24", "b.example", "r3"),
                                   report_of("2026-11-24", "c.example", "r4") };

    rows[2].is_verified = false;
    rows[3].is_summed = false;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        CHECK_INT(put(t, &rows[i], NULL), RECEIVED_KEPT);
}

TEST(sums)
{
    struct test_store t = test_store_new();
    const struct received_sum *s;
    struct store_request r;

    put_for_sums(&t);
    r = ask(&t, STORE_RECEIVED_SUMS, "2026-11-23", "example.org");
    s = sum_of(&r, RECEIVED_SUM_TYPE, true, "sts");
    CHECK(s != NULL && s->success == 180 && s->failure == 20 && s->reports == 2);
    s = sum_of(&r, RECEIVED_SUM_DAY, true, "2026-11-24");
    CHECK(s != NULL && slice_eq(s->by2, SLICE_LIT("sts")) && s->success == 90 && s->reports == 1);
    s = sum_of(&r, RECEIVED_SUM_REPORTER, false, "b.example");
    CHECK(s != NULL && s->failure == 10);
    CHECK(sum_of(&r, RECEIVED_SUM_REPORTER, true, "b.example") == NULL);
    CHECK(sum_of(&r, RECEIVED_SUM_REPORTER, true, "c.example") == NULL);
    s = sum_of(&r, RECEIVED_SUM_MX, true, "mx2.example.org");
    CHECK(s != NULL && s->failure == 6);
    s = sum_of(&r, RECEIVED_SUM_FAILURE, true, "certificate-expired");
    CHECK(s != NULL && s->failure == 14 && slice_eq(s->by2, SLICE_LIT("mx.example.org")));
    CHECK_STR(s->first_day, "2026-11-23");
    CHECK_STR(s->last_day, "2026-11-24");
    arena_release(&r.arena);
    r = ask(&t, STORE_RECEIVED_SUMS, "2026-11-24", "example.org");
    CHECK_INT(sum_of(&r, RECEIVED_SUM_TYPE, true, "sts")->reports, 1);
    arena_release(&r.arena);
    r = ask(&t, STORE_RECEIVED_SUMS, "", "example.net");
    CHECK_INT(r.sums_len, 0);
    arena_release(&r.arena);
    test_store_end(&t);
}

/* RPT-03 */
TEST(sums_do_not_overflow)
{
    static const struct received_policy huge = { TEXT("sts"), TEXT("example.org"), RECEIVED_COUNT_MAX,
                                                 RECEIVED_COUNT_MAX };
    struct test_store t = test_store_new();
    struct store_request r;
    char id[16];

    for (int i = 0; i < 50; i++) {
        struct received_row row = report_of("2026-11-24", "a.example", id);

        (void)snprintf(id, sizeof id, "r%d", i);
        row.report_id = slice_str(id);
        row.policies = &huge;
        row.policies_len = 1;
        row.failures_len = 0;
        CHECK_INT(put(&t, &row, NULL), RECEIVED_KEPT);
    }
    r = ask(&t, STORE_RECEIVED_SUMS, "", "example.org");
    CHECK(sum_of(&r, RECEIVED_SUM_TYPE, true, "sts")->failure == 50 * RECEIVED_COUNT_MAX);
    arena_release(&r.arena);
    test_store_end(&t);
}

/* Documents go first, numbers later; whoever was let go of may come again. */
TEST(trim)
{
    const struct received_quota quota = { .per_source_day = 1, .strangers = 100 };
    struct test_store t = test_store_new();
    struct received_row old = report_of("2026-11-20", "a.example", "r1"),
                        young = report_of("2026-11-24", "b.example", "r2");
    struct store_request r = { .verb = STORE_RECEIVED_TRIM,
                               .since_day = SLICE_LIT("2026-11-21"),
                               .before_s = NOON_S + 1,
                               .now_s = NOON_S + 3 * 86400 };

    old.received_s = NOON_S - 86400;
    CHECK_INT(put(&t, &old, &quota), RECEIVED_KEPT);
    CHECK_INT(put(&t, &young, &quota), RECEIVED_KEPT);
    CHECK_INT(call(&t, &r), OK);
    CHECK_INT(r.count, 2);
    CHECK_INT(count_of(&t, ""), 1);
    r = (struct store_request){ .verb = STORE_RECEIVED_FIND, .id = 2 };
    CHECK_INT(call(&t, &r), OK);
    CHECK(r.received[0].document.len == 0 && r.received[0].policies_len == 2);
    arena_release(&r.arena);
    CHECK_INT(put(&t, &old, &quota), RECEIVED_KEPT);
    test_store_end(&t);
}

RUN_TESTS(T(kept_and_found), T(first_wins), T(quotas), T(sums), T(sums_do_not_overflow), T(trim))
