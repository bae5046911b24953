#include "alerts/alert_book.h"

#include "base/log.h"
#include "store/store_test.h"

#include <jansson.h>

enum { START_S = 1764048600, TURN_MS = 20, TURNS_MOST = 500 };

#define TO_ADMINS "{\"alert-to\":[\"postmaster@ours.example\"]}"

static int64_t now_s;

static int64_t wall_s(void)
{
    return now_s;
}

static struct world {
    struct test_store store;
    struct loop *loop;
    struct alert_book *book;
} w;

static struct snapshot *compile(const char *settings)
{
    const struct setting_row row = { .kind = SLICE_LIT("gateway"),
                                     .name = SLICE_LIT("gateway"),
                                     .after = slice_str(settings) };
    struct snapshot *out;
    struct fault why = { "" };

    if (snapshot_new(&row, 1, 1, &out, &why) != OK)
        fail_msg("%s", why.text);
    return out;
}

static void open_book(const char *settings)
{
    w.loop = loop_new();
    w.book = alert_book_new(w.loop, w.store.store, SLICE_LIT("mx.ours.example"), compile(settings));
    alert_book_set_clock(w.book, wall_s, 1);
}

static void begin(const char *settings)
{
    now_s = START_S;
    w.store = test_store_new();
    open_book(settings);
}

static void close_book(void)
{
    alert_book_stop(w.book);
    alert_book_free(w.book);
    loop_free(w.loop);
}

static void restart(void)
{
    close_book();
    test_store_reopen(&w.store);
    open_book(TO_ADMINS);
}

static void end(void)
{
    close_book();
    test_store_end(&w.store);
}

static uint64_t mails(void)
{
    return stats_at(&w.store, now_s).messages;
}

/* Turns until there are so many mails; a little longer, so that one too many is seen. */
static void expect_mails(uint64_t want)
{
    for (int i = 0; i < TURNS_MOST && mails() < want; i++)
        loop_turn(w.loop, TURN_MS);
    for (int i = 0; i < 3; i++)
        loop_turn(w.loop, TURN_MS);
    CHECK_INT(mails(), want);
}

static struct alert alert(const char *subject, unsigned level)
{
    return (struct alert){ .cause = SLICE_LIT("tls-failures"),
                           .subject = slice_str(subject),
                           .text = SLICE_LIT("half of them failed"),
                           .remedy = SLICE_LIT("look at the traces"),
                           .severity = ALERT_WARNING,
                           .level = level };
}

static void raise_alert(const char *subject, unsigned level)
{
    struct alert a = alert(subject, level);

    alert_book_raise(w.book, &a);
}

static void end_alert(const char *subject)
{
    alert_book_end(w.book, SLICE_LIT("tls-failures"), slice_str(subject), SLICE_LIT("all is well"));
}

static json_t *report(void)
{
    struct arena arena = { 0 };
    struct slice text = alert_book_report(w.book, &arena);
    json_t *j = json_loadb(text.ptr, text.len, 0, NULL);

    CHECK(j != NULL);
    arena_release(&arena);
    return j;
}

static void expect_counts(size_t open, size_t closed)
{
    json_t *j = report();

    CHECK_INT(json_array_size(json_object_get(j, "open")), open);
    CHECK_INT(json_array_size(json_object_get(j, "closed")), closed);
    json_decref(j);
}

/* The body of the last mail. */
static bool last_mail_says(const char *text)
{
    struct store_request list = { .verb = STORE_LIST, .limit = 100 }, load = { .verb = STORE_LOAD };
    bool is_so;

    CHECK_INT(call(&w.store, &list), OK);
    CHECK(list.messages_len > 0);
    load.id = list.messages[list.messages_len - 1].id;
    CHECK_INT(call(&w.store, &load), OK);
    is_so = memmem(load.bytes.ptr, load.bytes.len, text, strlen(text)) != NULL;
    arena_release(&list.arena);
    arena_release(&load.arena);
    return is_so;
}

/* -- one mail for one cause -------------------------------------------------------------------------------------- */

TEST(told_once_and_when_it_is_over)
{
    begin(TO_ADMINS);
    raise_alert("rule bank", 0);
    expect_mails(1);
    CHECK(last_mail_says("Subject: Alert: tls-failures, rule bank on mx.ours.example"));
    raise_alert("rule bank", 0);
    expect_mails(1);
    CHECK(alert_book_is_open(w.book, SLICE_LIT("tls-failures"), SLICE_LIT("rule bank")));
    now_s += 60;
    end_alert("rule bank");
    expect_mails(2);
    CHECK(last_mail_says("Subject: Over: tls-failures, rule bank"));
    CHECK(last_mail_says("all is well"));
    end_alert("rule bank");
    end_alert("rule never raised");
    expect_mails(2);
    expect_counts(0, 1);
    end();
}

TEST(mail_is_from_nobody_and_asks_for_no_answer)
{
    struct store_request list = { .verb = STORE_LIST, .limit = 1 };

    begin(TO_ADMINS);
    raise_alert("rule bank", 0);
    expect_mails(1);
    CHECK_INT(call(&w.store, &list), OK);
    CHECK_STR(list.messages[0].mail.address, "");
    CHECK_INT(list.messages[0].origin, ORIGIN_LOCAL);
    CHECK(list.messages[0].tls_required_no);
    CHECK_INT(list.messages[0].rcpts_len, 1);
    CHECK_STR(list.messages[0].rcpts[0].rcpt.address, "postmaster@ours.example");
    CHECK_STR(list.messages[0].rcpts[0].domain, "ours.example");
    CHECK_INT(list.messages[0].rcpts[0].rcpt.notify, SMTP_NOTIFY_NEVER);
    arena_release(&list.arena);
    end();
}

TEST(what_comes_together_goes_together)
{
    begin(TO_ADMINS);
    raise_alert("rule a", 0);
    raise_alert("rule b", 0);
    end_alert("rule a");
    expect_mails(1);
    CHECK(last_mail_says("Subject: 2 alerts on"));
    CHECK(last_mail_says("OVER: tls-failures, rule a"));
    CHECK(last_mail_says("WARNING: tls-failures, rule b"));
    end();
}

TEST(told_anew_when_it_grew)
{
    begin(TO_ADMINS);
    raise_alert("cert", 1);
    expect_mails(1);
    raise_alert("cert", 1);
    raise_alert("cert", 0);
    expect_mails(1);
    raise_alert("cert", 2);
    expect_mails(2);
    CHECK(last_mail_says("it is worse now"));
    restart();
    raise_alert("cert", 2);
    expect_mails(2);
    end();
}

TEST(what_is_over_at_once)
{
    const struct alert a = alert("mx.ours.example", 0);

    begin(TO_ADMINS);
    alert_book_tell(w.book, &a);
    expect_mails(1);
    CHECK(last_mail_says("Seen at 2025-11-25T05:30:00Z."));
    expect_counts(0, 1);
    alert_book_tell(w.book, &a);
    expect_mails(2);
    end();
}

TEST(nobody_to_tell)
{
    json_t *j;

    begin("{}");
    raise_alert("rule bank", 0);
    expect_mails(0);
    j = report();
    CHECK_INT(json_integer_value(json_object_get(j, "told")), 1);
    json_decref(j);
    alert_book_adopt(w.book, compile(TO_ADMINS));
    end_alert("rule bank");
    expect_mails(1);
    end();
}

/* -- over a restart ------------------------------------------------------------------------------------------------
 */

TEST(restart_repeats_nothing)
{
    json_t *j;

    begin(TO_ADMINS);
    raise_alert("rule bank", 3);
    expect_mails(1);
    restart();
    expect_mails(1);
    raise_alert("rule bank", 3);
    expect_mails(1);
    j = report();
    CHECK_INT(json_integer_value(json_object_get(json_array_get(json_object_get(j, "open"), 0), "level")), 3);
    json_decref(j);
    end_alert("rule bank");
    expect_mails(2);
    restart();
    expect_counts(0, 1);
    expect_mails(2);
    end();
}

/* Ended before anything was mailed: the stop hands it over, and nothing is lost or told twice. */
TEST(stopped_before_it_was_told)
{
    begin(TO_ADMINS);
    alert_book_set_clock(w.book, wall_s, 60000);
    raise_alert("rule bank", 0);
    CHECK_INT(mails(), 0);
    restart();
    CHECK_INT(mails(), 1);
    expect_mails(1);
    end();
}

/* A crash: the book is never stopped. What was raised is in the store, and the next life tells it. */
TEST(killed_before_it_was_told)
{
    struct alert_book *lost;
    struct loop *loop;

    begin(TO_ADMINS);
    alert_book_set_clock(w.book, wall_s, 60000);
    raise_alert("rule bank", 0);
    lost = w.book;
    loop = w.loop;
    open_book(TO_ADMINS);
    expect_mails(1);
    raise_alert("rule bank", 0);
    expect_mails(1);
    alert_book_free(lost);
    loop_free(loop);
    end();
}

/* -- bounds --------------------------------------------------------------------------------------------------------
 */

TEST(mails_in_an_hour_are_bounded)
{
    char subject[32];

    begin(TO_ADMINS);
    for (unsigned i = 0; i < ALERT_MAILS_PER_HOUR; i++) {
        (void)snprintf(subject, sizeof subject, "rule %u", i);
        raise_alert(subject, 0);
        expect_mails(i + 1);
        now_s += 60;
    }
    raise_alert("rule x", 0);
    raise_alert("rule y", 0);
    expect_mails(ALERT_MAILS_PER_HOUR);
    restart(); /* does not open a way around it */
    expect_mails(ALERT_MAILS_PER_HOUR);
    now_s = START_S + 3600;
    raise_alert("rule z", 0);
    alert_book_set_clock(w.book, wall_s, 1);
    expect_mails(ALERT_MAILS_PER_HOUR + 1);
    CHECK(last_mail_says("Subject: 3 alerts on"));
    end();
}

TEST(open_ones_are_bounded)
{
    char subject[32];

    begin("{}");
    for (unsigned i = 0; i < ALERT_OPEN_MOST + 50; i++) {
        (void)snprintf(subject, sizeof subject, "rule %u", i);
        raise_alert(subject, 0);
    }
    expect_counts(ALERT_OPEN_MOST, 0);
    for (unsigned i = 0; i < ALERT_OPEN_MOST; i++) {
        (void)snprintf(subject, sizeof subject, "rule %u", i);
        end_alert(subject);
    }
    for (int i = 0; i < 10; i++)
        loop_turn(w.loop, TURN_MS);
    end_alert("rule 0");
    raise_alert("rule last", 0);
    end_alert("rule last");
    expect_counts(0, ALERT_CLOSED_MOST);
    end();
}

/* Foreign text: kept printable, cut, and found again by what it was raised with. */
TEST(foreign_text)
{
    char subject[2 * ALERT_TEXT_MAX];
    struct alert a = alert("", 0);
    json_t *j;

    begin(TO_ADMINS);
    memset(subject, 'x', sizeof subject);
    subject[0] = '\n';
    a.subject = slice_of(subject, sizeof subject);
    alert_book_raise(w.book, &a);
    CHECK(alert_book_is_open(w.book, a.cause, a.subject));
    j = report();
    CHECK_INT(json_string_length(json_object_get(json_array_get(json_object_get(j, "open"), 0), "subject")),
              ALERT_TEXT_MAX);
    json_decref(j);
    restart();
    CHECK(alert_book_is_open(w.book, a.cause, a.subject));
    alert_book_end(w.book, a.cause, a.subject, SLICE_LIT(""));
    expect_counts(0, 1);
    end();
}

RUN_TESTS(T(told_once_and_when_it_is_over), T(mail_is_from_nobody_and_asks_for_no_answer),
          T(what_comes_together_goes_together), T(told_anew_when_it_grew), T(what_is_over_at_once), T(nobody_to_tell),
          T(restart_repeats_nothing), T(stopped_before_it_was_told), T(killed_before_it_was_told),
          T(mails_in_an_hour_are_bounded), T(open_ones_are_bounded), T(foreign_text))
