/* What a session puts up with, and what it costs. */
#include "smtp/server_check.h"
#include "smtp/server_private.h"

/* A script of `head`, `count` times `unit`, and `tail`; lives until the next call. */
static struct slice repeated(const char *head, const char *unit, size_t count, const char *tail)
{
    static char script[64 * 1024];
    size_t at = (size_t)snprintf(script, sizeof script, "%s", head);

    for (size_t i = 0; i < count; i++)
        at += (size_t)snprintf(script + at, sizeof script - at, "%s", unit);
    at += (size_t)snprintf(script + at, sizeof script - at, "%s", tail);
    assert(at < sizeof script);
    return slice_of(script, at);
}

/* The same for reply codes. */
static const char *codes_of(const char *head, const char *unit, size_t count, const char *tail)
{
    static char codes[64 * 1024];
    struct slice s = repeated(head, unit, count, tail);

    memcpy(codes, s.ptr, s.len + 1);
    return codes;
}

/* SRV-01: with CR LF, 2048 is allowed. */
static const struct {
    const char *name;
    size_t filler;
    const char *codes;
} line_cases[] = {
    { "longest line", 2048 - 7, "250 250/2.0.0 250/2.0.0" },
    { "one longer", 2048 - 6, "250 500/5.5.2 250/2.0.0" },
    { "much longer", 30000, "250 500/5.5.2 250/2.0.0" },
};

TEST(length_of_lines)
{
    for (size_t i = 0; i < COUNT_OF(line_cases); i++) {
        struct dialogue want = { line_cases[i].name, NULL, line_cases[i].codes, "H", "" };

        check_script(&drive_config, repeated(EHLO "NOOP ", "x", line_cases[i].filler, "\r\nNOOP\r\n"), &want);
    }
}

TEST(a_long_line_is_one_line)
{
    const struct dialogue want = { "bare LF in it", NULL, "250 500/5.5.2 250/2.0.0", "H", "" };

    check_script(&drive_config, repeated(EHLO "NOOP ", "x", 3000, "\nQUIT\r\r\nNOOP\r\n"), &want);
}

/* AUT-04: "AUTH PLAIN " and CR LF are 13. */
static const struct {
    const char *name;
    size_t quads;
    const char *codes;
} auth_cases[] = {
    { "longest response", 3069, "250 220/2.0.0 250 535/5.7.8 250/2.0.0" },
    { "one longer", 3070, "250 220/2.0.0 250 500/5.5.6 250/2.0.0" },
};

TEST(length_of_auth)
{
    for (size_t i = 0; i < COUNT_OF(auth_cases); i++) {
        struct dialogue want = { auth_cases[i].name, NULL, auth_cases[i].codes, NULL, "" };

        check_script(&drive_config,
                     repeated(IN_TLS "AUTH PLAIN ", "AAAA", auth_cases[i].quads, "\r\n" FLIGHT "NOOP\r\n"), &want);
    }
}

TEST(length_of_auth_responses)
{
    const struct dialogue good = { "longest", NULL, "250 220/2.0.0 250 334 535/5.7.8 250/2.0.0", "HSHAa", "" };
    const struct dialogue bad = { "longer", NULL, "250 220/2.0.0 250 334 500/5.5.6 250/2.0.0", "HSHAc", "" };
    const struct dialogue clear = { "in clear", NULL, "250 500/5.5.6 250/2.0.0", "H", "" };

    check_script(&drive_config, repeated(IN_TLS "AUTH LOGIN\r\n" FLIGHT, "AAAA", 3072, "\r\n" FLIGHT "NOOP\r\n"),
                 &good);
    check_script(&drive_config, repeated(IN_TLS "AUTH LOGIN\r\n" FLIGHT, "AAAA", 3073, "\r\n" FLIGHT "NOOP\r\n"),
                 &bad);
    check_script(&drive_config, repeated(EHLO "AUTH PLAIN ", "AAAA", 600, "\r\nNOOP\r\n"), &clear);
}

/* SRV-05 */
TEST(recipients)
{
    struct dialogue want = { "the hundredth", NULL, NULL, NULL, "x\r\n$" };

    want.codes = codes_of("250 250/2.0.0", " 250/2.0.0", 100, " 354 250/2.0.0");
    check_script(&drive_config, repeated(EHLO MAIL, RCPT, 100, "DATA\r\n" FLIGHT "x\r\n.\r\n"), &want);
    want.name = "too many, and the first ones get it";
    want.codes = codes_of(codes_of("250 250/2.0.0", " 250/2.0.0", 100, ""), " 452/4.5.3", 100, " 354 250/2.0.0");
    check_script(&drive_config, repeated(EHLO MAIL, RCPT, 200, "DATA\r\n" FLIGHT "x\r\n.\r\n"), &want);
    want.name = "far too many";
    want.mail = "";
    want.codes = codes_of(codes_of("250 250/2.0.0", " 250/2.0.0", 100, ""), " 452/4.5.3", 101, " 421/4.7.0");
    check_script(&drive_config, repeated(EHLO MAIL, RCPT, 1000, ""), &want);
}

TEST(the_next_message_counts_anew)
{
    const char *head = EHLO MAIL RCPT "DATA\r\n" FLIGHT "x\r\n.\r\n" MAIL;
    struct dialogue want = { "anew", NULL, NULL, NULL, "x\r\n$" };

    want.codes = codes_of("250 250/2.0.0 250/2.0.0 354 250/2.0.0 250/2.0.0", " 250/2.0.0", 100, "");
    check_script(&drive_config, repeated(head, RCPT, 100, ""), &want);
}

/* SRV-06 */
TEST(errors)
{
    struct dialogue want = { "unknown commands", NULL, NULL, "Q", "" };

    want.codes = codes_of("500/5.5.2", " 500/5.5.2", 19, " 421/4.7.0");
    check_script(&drive_config, repeated("", "FOO\r\n", 30, ""), &want);
    want.name = "lines with bare LF";
    check_script(&drive_config, repeated("", "FOO\n\r\n", 30, ""), &want);
    want.name = "refused recipients";
    want.trail = NULL;
    want.codes = codes_of("250 250/2.0.0", " 550/5.0.0", 20, " 421/4.7.0");
    check_script(&drive_config, repeated(EHLO MAIL, "RCPT TO:<550@x>\r\n", 30, ""), &want);
    want.name = "an accepted message forgives";
    want.mail = "x\r\n$";
    want.codes = codes_of("", "500/5.5.2 ", 19, "250 250/2.0.0 250/2.0.0 354 250/2.0.0");
    check_script(&drive_config, repeated("", "FOO\r\n", 19, EHLO DATA "x\r\n.\r\n"), &want);
}

TEST(junk)
{
    struct dialogue want = { "NOOP and RSET", NULL, NULL, "Q", "" };

    want.codes = codes_of("250/2.0.0", " 250/2.0.0", 99, " 421/4.7.0");
    check_script(&drive_config, repeated("", "NOOP\r\nRSET\r\n", 100, ""), &want);
    want.name = "EHLO again and again";
    want.trail = NULL;
    want.codes = codes_of("250", " 250", 100, " 421/4.7.0");
    check_script(&drive_config, repeated("", EHLO, 110, ""), &want);
    want.name = "empty chunks";
    want.codes = codes_of("250 250/2.0.0 250/2.0.0", " 250/2.0.0", 100, " 421/4.7.0");
    check_script(&drive_config, repeated(EHLO MAIL RCPT, "BDAT 0\r\n", 110, ""), &want);
}

/* AUT-01: guessing is an error like any other. */
TEST(failed_logins)
{
    struct dialogue want = { "failed logins", NULL, NULL, NULL, "" };

    want.codes = codes_of("250 220/2.0.0 250", " 535/5.7.8", 20, " 421/4.7.0");
    check_script(&drive_config, repeated(IN_TLS, "AUTH PLAIN AAAA\r\n" FLIGHT, 30, ""), &want);
}

TEST(no_limits)
{
    struct smtp_server_config config = drive_config;
    struct dialogue want = { "no limits", NULL, NULL, "", "" };

    config.max_errors = config.max_junk = 0;
    want.codes = codes_of("500/5.5.2 250/2.0.0", " 500/5.5.2 250/2.0.0", 499, "");
    check_script(&config, repeated("", "FOO\r\nNOOP\r\n", 500, ""), &want);
}

/* A client that never reads. */
TEST(output_is_bounded)
{
    struct smtp_server_config config = drive_config;
    struct smtp_server_event ev;
    struct smtp_server *s;
    struct slice noops = repeated("", "NOOP\r\n", 1000, "");

    config.max_junk = 0;
    s = smtp_server_new(&config);
    smtp_server_greet(s, NULL);
    smtp_server_output_consume(s, smtp_server_output(s).len);
    for (size_t i = 0; i < 200 && !smtp_server_next(s, &ev); i++)
        CHECK_INT(smtp_server_feed(s, noops), noops.len);
    CHECK_INT(ev.kind, SMTP_SV_CLOSE);
    CHECK(smtp_server_output(s).len <= SMTP_OUTPUT_MAX);
    smtp_server_free(s);
}

/* Thousands of idle sessions are held: one is its struct and nothing else. */
TEST(an_idle_session_is_small)
{
    struct drive d;

    drive_init(&d, &drive_config);
    drive_script(
        &d, SLICE_LIT(IN_TLS "AUTH LOGIN\r\n" FLIGHT "AHUAcA==\r\n" FLIGHT DATA "x\r\n.\r\n" FLIGHT "NOOP\r\n"), 1);
    CHECK_STR(buf_slice(&d.mail), "x\r\n$");
    CHECK(d.s->line.mem == NULL && d.s->out.mem == NULL);
    CHECK(sizeof *d.s <= 512);
    drive_release(&d);
}

RUN_TESTS(T(length_of_lines), T(a_long_line_is_one_line), T(length_of_auth), T(length_of_auth_responses),
          T(recipients), T(the_next_message_counts_anew), T(errors), T(junk), T(failed_logins), T(no_limits),
          T(output_is_bounded), T(an_idle_session_is_small))
