#include "alerts/alert_round.h"

#include "store/store_test.h"

static const struct slice one = { "one", 3 }, two = { "two", 3 };

static void raise(struct alert_book *book, struct slice cause, const char *subject)
{
    const struct alert a = {
        .cause = cause, .subject = slice_str(subject), .text = SLICE_LIT("bad"), .severity = ALERT_WARNING
    };

    alert_book_raise(book, &a);
}

/* What is not met any more is over; what is met, of another cause, or perhaps was only not looked at, stays. */
TEST(unseen_is_over)
{
    struct test_store store = test_store_new();
    struct loop *loop = loop_new();
    struct snapshot *settings;
    struct alert_book *book;
    struct alert_round r;
    struct fault why;

    CHECK(snapshot_new(NULL, 0, 1, &settings, &why) == OK);
    book = alert_book_new(loop, store.store, SLICE_LIT("mx.own.example"), settings);
    alert_round_init(&r);
    raise(book, one, "met");
    raise(book, one, "odd \x1b");
    raise(book, one, "unmet");
    raise(book, two, "of another cause");
    alert_round_see(&r, one, SLICE_LIT("met"));
    alert_round_see(&r, one, SLICE_LIT("odd \x1b"));
    alert_round_see(&r, two, SLICE_LIT("unmet"));
    alert_round_miss(&r);
    alert_round_end(&r, book, &one, 1, SLICE_LIT("gone"));
    CHECK(alert_book_is_open(book, one, SLICE_LIT("unmet")));
    alert_round_see(&r, one, SLICE_LIT("met"));
    alert_round_see(&r, one, SLICE_LIT("odd \x1b"));
    alert_round_end(&r, book, &one, 1, SLICE_LIT("gone"));
    CHECK(alert_book_is_open(book, one, SLICE_LIT("met")) && alert_book_is_open(book, one, SLICE_LIT("odd \x1b")));
    CHECK(!alert_book_is_open(book, one, SLICE_LIT("unmet")));
    CHECK(alert_book_is_open(book, two, SLICE_LIT("of another cause")));
    alert_round_end(&r, book, &one, 1, SLICE_LIT("gone")); /* each round begins with nothing */
    CHECK(!alert_book_is_open(book, one, SLICE_LIT("met")));
    alert_round_release(&r);
    alert_book_stop(book);
    test_store_end(&store);
    alert_book_free(book);
    loop_free(loop);
}

RUN_TESTS(T(unseen_is_over))
