#include "relay/bounce.h"

#include "base/test.h"

#include <pthread.h>

/* RFC 3461 section 4.1: who is told of what. */
static const struct { const char *name, *sender; unsigned notify; enum mail_dsn_action action; bool is_told; } cases[] = {
    { "failure, nothing asked", "a@b.test", 0, MAIL_DSN_FAILED, true },
    { "delay, nothing asked", "a@b.test", 0, MAIL_DSN_DELAYED, true },
    { "success, nothing asked", "a@b.test", 0, MAIL_DSN_RELAYED, false },
    { "success asked for", "a@b.test", SMTP_NOTIFY_SUCCESS, MAIL_DSN_RELAYED, true },
    { "only success asked for, failure", "a@b.test", SMTP_NOTIFY_SUCCESS, MAIL_DSN_FAILED, false },
    { "only failure asked for, delay", "a@b.test", SMTP_NOTIFY_FAILURE, MAIL_DSN_DELAYED, false },
    { "delay asked for", "a@b.test", SMTP_NOTIFY_DELAY, MAIL_DSN_DELAYED, true },
    { "never", "a@b.test", SMTP_NOTIFY_NEVER, MAIL_DSN_FAILED, false },
    { "SRV-15: null sender", "", 0, MAIL_DSN_FAILED, false },
    { "SRV-15: null sender that asks", "", SMTP_NOTIFY_FAILURE, MAIL_DSN_FAILED, false },
};

TEST(bounce_is_wanted)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct stored_message m = { .mail.address = slice_str(cases[i].sender) };
        struct stored_rcpt rcpt = { .rcpt.notify = cases[i].notify };

        CHECK_CASE(cases[i].name, bounce_is_wanted(&m, &rcpt, cases[i].action) == cases[i].is_told);
    }
}

/* SRV-15: a flood of refused mail does not become a flood of reports. */
TEST(bounces_are_capped_by_domain)
{
    struct bounce_cap *c = bounce_cap_new(3);

    for (int i = 0; i < 3; i++)
        CHECK(bounce_cap_allows(c, SLICE_LIT("victim.test"), 1000));
    CHECK(!bounce_cap_allows(c, SLICE_LIT("victim.test"), 2000));
    CHECK(bounce_cap_allows(c, SLICE_LIT("other.test"), 2000));
    CHECK(bounce_cap_allows(c, SLICE_LIT("victim.test"), 61000));
    bounce_cap_free(c);
}

enum { ASKERS = 4, QUESTIONS = 500, ALLOWED = 700 };

static void *ask_often(void *cap)
{
    size_t allowed = 0;

    for (int i = 0; i < QUESTIONS; i++)
        allowed += bounce_cap_allows(cap, SLICE_LIT("victim.test"), 1000 + i % 7);
    return (void *)allowed;
}

/* One count for the process, however many workers ask. */
TEST(bounces_are_capped_over_all_workers)
{
    struct bounce_cap *c = bounce_cap_new(ALLOWED);
    pthread_t askers[ASKERS];
    size_t sum = 0;

    for (size_t i = 0; i < ASKERS; i++)
        CHECK(pthread_create(&askers[i], NULL, ask_often, c) == 0);
    for (size_t i = 0; i < ASKERS; i++) {
        void *allowed;

        CHECK(pthread_join(askers[i], &allowed) == 0);
        sum += (size_t)allowed;
    }
    CHECK_INT(sum, ALLOWED);
    bounce_cap_free(c);
}

static const char original[] = "Subject: hello\r\n\r\nbody of the original\r\n";

static enum status write_one(struct arena *arena, const char *sender, bool requires_tls, struct stored_message *out)
{
    const struct config config = { .hostname = SLICE_LIT("gw.test") };
    const struct stored_message m = { .id = 77, .received_s = 1790000000, .mail.address = slice_str(sender),
                                     .mail.requires_tls = requires_tls };
    const struct mail_dsn_rcpt rcpt = { .address = SLICE_LIT("r@far.test"), .action = MAIL_DSN_FAILED,
                                        .status = SLICE_LIT("5.7.4") };
    struct fault why;

    return bounce_write(&config, &m, slice_str(original), true, &rcpt, 1, arena, out, &why);
}

TEST(a_bounce_is_a_message)
{
    struct arena arena = { 0 };
    struct stored_message out;

    CHECK_INT(write_one(&arena, "Jo@Home.test", false, &out), OK);
    CHECK_INT(out.origin, ORIGIN_LOCAL);
    CHECK_INT(out.mail.address.len, 0);
    CHECK_INT(out.rcpts_len, 1);
    CHECK_STR(out.rcpts[0].rcpt.address, "Jo@Home.test");
    CHECK_STR(out.rcpts[0].domain, "home.test");
    CHECK_INT(out.rcpts[0].rcpt.notify, SMTP_NOTIFY_NEVER);
    CHECK(memmem(out.body.ptr, out.body.len, "body of the original", 20) != NULL);
    CHECK(memmem(out.body.ptr, out.body.len, "5.7.4", 5) != NULL);
    arena_release(&arena);
}

TEST(a_bounce_of_requiretls_shows_nothing_to_read)
{
    struct arena arena = { 0 };
    struct stored_message out;

    CHECK_INT(write_one(&arena, "jo@home.test", true, &out), OK);
    CHECK(memmem(out.body.ptr, out.body.len, "body of the original", 20) == NULL);
    CHECK(memmem(out.body.ptr, out.body.len, "Subject: hello", 14) == NULL);
    CHECK(memmem(out.body.ptr, out.body.len, "5.7.4", 5) != NULL);
    arena_release(&arena);
}

TEST(a_sender_that_cannot_be_sent_to)
{
    struct arena arena = { 0 };
    struct stored_message out;

    CHECK(write_one(&arena, "no mailbox at all", false, &out) != OK);
    arena_release(&arena);
}

RUN_TESTS(T(bounce_is_wanted), T(bounces_are_capped_by_domain), T(bounces_are_capped_over_all_workers),
          T(a_bounce_is_a_message), T(a_bounce_of_requiretls_shows_nothing_to_read), T(a_sender_that_cannot_be_sent_to))
