/* Alerts in the store, with the mail that tells of them. */
#include "store/store_test.h"

static struct alert_row row(uint64_t id, const char *subject, int64_t ended_s)
{
    return (struct alert_row){ .id = id,
                               .since_s = 5,
                               .ended_s = ended_s,
                               .severity = 1,
                               .untold = 3,
                               .cause = SLICE_LIT("tls-failures"),
                               .subject = slice_str(subject),
                               .text = SLICE_LIT("half of them"),
                               .remedy = SLICE_LIT("look"),
                               .end_text = SLICE_LIT("") };
}

static enum status save(struct test_store *t, const struct alert_row *rows, size_t len, int64_t before_s)
{
    struct store_request r = {
        .verb = STORE_ALERT_SAVE, .alerts_in = rows, .alerts_in_len = len, .before_s = before_s
    };

    (void)call(t, &r);
    arena_release(&r.arena);
    return r.status;
}

TEST(alerts_survive_open_ones_first)
{
    const struct alert_row rows[] = { row(1, "over, early", 50), row(2, "rule bank", 0), row(3, "over, late", 70) };
    struct store_request r = { .verb = STORE_ALERT_LOAD, .limit = 10 };
    struct test_store t = test_store_new();

    CHECK_INT(save(&t, rows, COUNT_OF(rows), 0), OK);
    test_store_reopen(&t);
    CHECK_INT(call(&t, &r), OK);
    CHECK_INT(r.alerts_len, 3);
    CHECK_STR(r.alerts[0].subject, "rule bank");
    CHECK_STR(r.alerts[0].remedy, "look");
    CHECK_INT(r.alerts[0].untold, 3);
    CHECK_STR(r.alerts[1].subject, "over, late");
    CHECK_STR(r.alerts[2].subject, "over, early");
    arena_release(&r.arena);
    test_store_end(&t);
}

TEST(what_was_over_long_ago_is_forgotten)
{
    struct alert_row rows[] = { row(1, "long over", 50), row(2, "rule bank", 0), row(3, "just over", 70) };
    struct store_request r = { .verb = STORE_ALERT_LOAD, .limit = 10 };
    struct test_store t = test_store_new();

    CHECK_INT(save(&t, rows, COUNT_OF(rows), 0), OK);
    rows[1].text = SLICE_LIT("all of them");
    CHECK_INT(save(&t, &rows[1], 1, 60), OK);
    CHECK_INT(call(&t, &r), OK);
    CHECK_INT(r.alerts_len, 2);
    CHECK_STR(r.alerts[0].text, "all of them");
    CHECK_STR(r.alerts[1].subject, "just over");
    arena_release(&r.arena);
    test_store_end(&t);
}

/* The mail and the note that it was sent are one: also when the request is run twice. */
TEST(mail_goes_with_the_note)
{
    const char *const domains[4] = { "ours.example" };
    const struct alert_row told = row(1, "rule bank", 0);
    struct test_message mail;
    struct store_request r = {
        .verb = STORE_ALERT_SAVE, .alerts_in = &told, .alerts_in_len = 1, .dsns = &mail.m, .dsns_len = 1
    };
    struct test_store t = test_store_new();

    test_message_init(&mail, 77, 5, domains);
    CHECK_INT(call(&t, &r), OK);
    CHECK(is_there(&t, 77));
    CHECK_INT(call(&t, &r), OK);
    CHECK_INT(stats_at(&t, 0).messages, 1);
    arena_release(&r.arena);
    test_store_end(&t);
}

RUN_TESTS(T(alerts_survive_open_ones_first), T(what_was_over_long_ago_is_forgotten), T(mail_goes_with_the_note))
