#include "alerts/alert_mail.h"

#include "base/test.h"

static const struct slice admins[] = { { "postmaster@ours.example", 23 }, { "jo@ours.example", 15 } };

static struct alert_section section(enum alert_news news)
{
    return (struct alert_section){ .news = news,
                                   .severity = ALERT_WARNING,
                                   .cause = SLICE_LIT("tls-failures"),
                                   .subject = SLICE_LIT("rule bank"),
                                   .text = SLICE_LIT("12 of 40 attempts failed for a reason of TLS."),
                                   .remedy = SLICE_LIT("Look at the traces."),
                                   .end_text = SLICE_LIT("Nothing has failed for an hour."),
                                   .since_s = 1764048600,
                                   .ended_s = 1764052200 };
}

static struct alert_mail mail_of(const struct alert_section *sections, size_t len)
{
    return (struct alert_mail){ .hostname = SLICE_LIT("mx.ours.example"),
                                .to = admins,
                                .to_len = 2,
                                .sections = sections,
                                .sections_len = len,
                                .open = 1,
                                .now_s = 1764048605,
                                .random = { 1, 2 } };
}

static void write_to(struct buf *out, const struct alert_mail *m)
{
    buf_init(out, STORE_INLINE_MAX);
    CHECK_INT(alert_mail_write(m, out), OK);
}

TEST(one_alert)
{
    const struct alert_section s = section(ALERT_OPENED);
    struct alert_mail m = mail_of(&s, 1);
    struct buf out;

    write_to(&out, &m);
    CHECK_STR(buf_slice(&out), "Date: Tue, 25 Nov 2025 05:30:05 +0000\r\n"
                               "From: sternpost <postmaster@mx.ours.example>\r\n"
                               "To: <postmaster@ours.example>, <jo@ours.example>\r\n"
                               "Subject: Alert: tls-failures, rule bank on mx.ours.example\r\n"
                               "Message-ID: <0000000000000001.0000000000000002@mx.ours.example>\r\n"
                               "Auto-Submitted: auto-generated\r\n"
                               "TLS-Required: No\r\n"
                               "MIME-Version: 1.0\r\n"
                               "Content-Type: text/plain; charset=us-ascii\r\n"
                               "\r\n"
                               "1. WARNING: tls-failures, rule bank\r\n"
                               "   Since 2025-11-25T05:30:00Z.\r\n"
                               "\r\n"
                               "   12 of 40 attempts failed for a reason of TLS.\r\n"
                               "\r\n"
                               "   What to do: Look at the traces.\r\n"
                               "\r\n"
                               "Open now: 1. All that is open, and what was lately, is shown by\r\n"
                               "\r\n"
                               "   sternpost alerts\r\n"
                               "\r\n"
                               "on mx.ours.example. Who gets this mail is the setting alert-to of the gateway.\r\n");
    buf_release(&out);
}

static const struct {
    const char *name;
    enum alert_news news[2];
    size_t len;
    const char *says[2];
} cases[] = {
    { "over", { ALERT_OVER }, 1, { "Subject: Over: tls-failures, rule bank on", "It was: 12 of 40" } },
    { "over, times",
      { ALERT_OVER },
      1,
      { "1. OVER: tls-failures", "From 2025-11-25T05:30:00Z to 2025-11-25T06:30:00Z." } },
    { "over, what now", { ALERT_OVER }, 1, { "   Nothing has failed for an hour.\r\n", NULL } },
    { "grew", { ALERT_GREW }, 1, { "Subject: Alert:", "; it is worse now than what was told." } },
    { "seen once", { ALERT_SEEN }, 1, { "   Seen at 2025-11-25T05:30:00Z.\r\n", "What to do:" } },
    { "two", { ALERT_OPENED, ALERT_OVER }, 2, { "Subject: 2 alerts on mx.ours.example\r\n", "\r\n2. OVER:" } },
    { "two over", { ALERT_OVER, ALERT_OVER }, 2, { "Subject: 2 alerts are over on mx", "\r\n2. OVER:" } },
};

TEST(what_is_said)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct alert_section s[2] = { section(cases[i].news[0]), section(cases[i].news[1]) };
        struct alert_mail m = mail_of(s, cases[i].len);
        struct buf out;

        write_to(&out, &m);
        for (size_t k = 0; k < 2 && cases[i].says[k] != NULL; k++)
            CHECK_CASE(cases[i].name, memmem(buf_slice(&out).ptr, buf_slice(&out).len, cases[i].says[k],
                                             strlen(cases[i].says[k])) != NULL);
        buf_release(&out);
    }
}

TEST(what_did_not_fit_is_counted)
{
    struct alert_section all[ALERT_SECTIONS_MOST];
    struct alert_mail m = mail_of(all, COUNT_OF(all));
    char long_text[ALERT_TEXT_MAX];
    struct buf out;

    memset(long_text, 'x', sizeof long_text);
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        all[i] = section(ALERT_OPENED);
        all[i].cause = all[i].subject = all[i].text = all[i].remedy = slice_of(long_text, sizeof long_text);
    }
    m.unsaid = 975;
    m.was_held_back = true;
    write_to(&out, &m);
    CHECK(memmem(buf_slice(&out).ptr, buf_slice(&out).len, "Subject: 1000 alerts on", 23) != NULL);
    CHECK(memmem(buf_slice(&out).ptr, buf_slice(&out).len, "And 975 more", 12) != NULL);
    CHECK(memmem(buf_slice(&out).ptr, buf_slice(&out).len, "held back", 9) != NULL);
    buf_release(&out);
}

/* SRV-16: foreign text makes no header field and no line of its own. */
TEST(foreign_text_is_harmless)
{
    struct alert_section s = section(ALERT_OPENED);
    struct alert_mail m = mail_of(&s, 1);
    struct buf out;

    s.subject = SLICE_LIT("x\r\nBcc: everyone@example.org\r\n\r\n\x1b[31m");
    s.text = SLICE_LIT("a\r\n.\r\nb \xc3\xa4");
    write_to(&out, &m);
    CHECK(memmem(buf_slice(&out).ptr, buf_slice(&out).len, "\nBcc:", 5) == NULL);
    CHECK(memmem(buf_slice(&out).ptr, buf_slice(&out).len, "\n.\r\n", 4) == NULL);
    for (size_t i = 0; i < buf_slice(&out).len; i++)
        CHECK((unsigned char)buf_slice(&out).ptr[i] < 0x7f && buf_slice(&out).ptr[i] != 0x1b);
    buf_release(&out);
}

RUN_TESTS(T(one_alert), T(what_is_said), T(what_did_not_fit_is_counted), T(foreign_text_is_harmless))
