/* STARTTLS and AUTH: what is forgotten, what is refused, and when. */
#include "smtp/server_check.h"

#define TLS_CODES "250 220/2.0.0 250 "
#define LOGGED_IN IN_TLS "AUTH PLAIN AHUAcA==\r\n" FLIGHT

/* clang-format off */
static const struct dialogue cases[] = {
    { "upgrade", IN_TLS DATA "x\r\n.\r\n", TLS_CODES "250/2.0.0 250/2.0.0 354 250/2.0.0", "HSHMRBE", "x\r\n$" },
    /* TLS-01 */
    { "a command behind STARTTLS", EHLO "STARTTLS\r\nRSET\r\n" FLIGHT EHLO, "250 554/5.5.0", "HQ", "" },
    { "one byte behind STARTTLS", EHLO "STARTTLS\r\n\x16", "250 554/5.5.0", "HQ", "" },
    { "a message behind STARTTLS", EHLO "STARTTLS\r\n" MAIL RCPT, "250 554/5.5.0", "HQ", "" },
    { "refused STARTTLS, and more", "STARTTLS\r\nNOOP\r\n", "503/5.5.1 554/5.5.0", "Q", "" },
    { "part of a line before STARTTLS", EHLO "NOOP\r\nSTARTTLS\r\n" FLIGHT "NOOP\r\n", "250 250/2.0.0 220/2.0.0 250/2.0.0", "HS", "" },
    /* TLS-05, TLS-11 */
    { "MAIL needs a new EHLO", EHLO "STARTTLS\r\n" FLIGHT MAIL, "250 220/2.0.0 503/5.5.1", "HS", "" },
    { "HELO before does not count", "HELO c\r\n" FLIGHT "STARTTLS\r\n" FLIGHT MAIL, "250 220/2.0.0 503/5.5.1", "HS", "" },
    { "AUTH needs a new EHLO", EHLO "STARTTLS\r\n" FLIGHT "AUTH PLAIN\r\n", "250 220/2.0.0 503/5.5.1", "HS", "" },
    { "second STARTTLS", IN_TLS "STARTTLS\r\n", TLS_CODES "503/5.5.1", "HSH", "" },
    { "STARTTLS before EHLO", "STARTTLS\r\n", "503/5.5.1", "", "" },
    { "STARTTLS in a transaction", EHLO MAIL "STARTTLS\r\n" FLIGHT RCPT "STARTTLS\r\n", "250 250/2.0.0 503/5.5.1 250/2.0.0 503/5.5.1", "HMR", "" },
    { "STARTTLS with an argument", EHLO "STARTTLS now\r\n", "250 501/5.5.4", "H", "" },
    { "a transaction before, dropped by RSET", EHLO MAIL RCPT "RSET\r\nSTARTTLS\r\n" FLIGHT EHLO "DATA\r\n",
      "250 250/2.0.0 250/2.0.0 250/2.0.0 220/2.0.0 250 503/5.5.1", "HMRXSH", "" },
    /* TLS-09 */
    { "AUTH in clear", EHLO "AUTH PLAIN AHUAcA==\r\n", "250 538/5.7.11", "H", "" },
    { "AUTH", LOGGED_IN DATA "x\r\n.\r\n", TLS_CODES "235/2.7.0 250/2.0.0 250/2.0.0 354 250/2.0.0", "HSHAMRBE", "x\r\n$" },
    { "AUTH, refused, then good", IN_TLS "AUTH plain AHUAcQ==\r\n" FLIGHT "AUTH PLAIN AHUAcA==\r\n", TLS_CODES "535/5.7.8 235/2.7.0", "HSHAA", "" },
    { "AUTH in two steps", IN_TLS "AUTH LOGIN\r\n" FLIGHT "AHUAcA==\r\n", TLS_CODES "334 235/2.7.0", "HSHAa", "" },
    { "an empty initial response", IN_TLS "AUTH LOGIN =\r\n", TLS_CODES "535/5.7.8", "HSHA", "" },
    { "an empty response", IN_TLS "AUTH LOGIN\r\n" FLIGHT "\r\n", TLS_CODES "334 535/5.7.8", "HSHAa", "" },
    { "AUTH given up", IN_TLS "AUTH LOGIN\r\n" FLIGHT "*\r\n" FLIGHT "NOOP\r\n", TLS_CODES "334 501/5.7.0 250/2.0.0", "HSHAc", "" },
    { "a command is no response", IN_TLS "AUTH LOGIN\r\n" FLIGHT "QUIT \r\n" FLIGHT "NOOP\r\n", TLS_CODES "334 501/5.5.2 250/2.0.0", "HSHAc", "" },
    { "second AUTH", LOGGED_IN "AUTH PLAIN AHUAcA==\r\n", TLS_CODES "235/2.7.0 503/5.5.1", "HSHA", "" },
    { "second AUTH after EHLO", LOGGED_IN EHLO "AUTH PLAIN AHUAcA==\r\n", TLS_CODES "235/2.7.0 250 503/5.5.1", "HSHAH", "" },
    { "AUTH in a transaction", IN_TLS MAIL "AUTH PLAIN AHUAcA==\r\n" FLIGHT RCPT, TLS_CODES "250/2.0.0 503/5.5.1 250/2.0.0", "HSHMR", "" },
    { "AUTH after HELO", IN_TLS "HELO c\r\n" FLIGHT "AUTH PLAIN AHUAcA==\r\n", TLS_CODES "250 503/5.5.1", "HSHH", "" },
    { "AUTH without a mechanism", IN_TLS "AUTH\r\n", TLS_CODES "501/5.5.4", "HSH", "" },
    { "AUTH, other mechanism", IN_TLS "AUTH CRAM-MD5\r\n" FLIGHT "AUTH PLAI\r\n" FLIGHT "AUTH PLAINX\r\n", TLS_CODES "504/5.5.4 504/5.5.4 504/5.5.4", "HSH", "" },
    /* AUT-04 */
    { "bad base64", IN_TLS "AUTH PLAIN AHUAc\r\n" FLIGHT "AUTH PLAIN A=UA\r\n" FLIGHT "AUTH PLAIN AHU===\r\n" FLIGHT "AUTH PLAIN AHU_\r\n"
      FLIGHT "AUTH PLAIN ====\r\n" FLIGHT "AUTH PLAIN AHUA cA==\r\n",
      TLS_CODES "501/5.5.2 501/5.5.2 501/5.5.2 501/5.5.2 501/5.5.2 501/5.5.2", "HSH", "" },
    { "bad base64 in a response", IN_TLS "AUTH LOGIN\r\n" FLIGHT "AHU\r\n" FLIGHT "NOOP\r\n", TLS_CODES "334 501/5.5.2 250/2.0.0", "HSHAc", "" },
    { "bare LF in a response", IN_TLS "AUTH LOGIN\r\n" FLIGHT "AHUA\nNOOP\r\n" FLIGHT "NOOP\r\n", TLS_CODES "334 500/5.5.2 250/2.0.0", "HSHAc", "" },
    { "a response that did not wait", IN_TLS "AUTH LOGIN\r\nAHUAcA==\r\n", TLS_CODES "334 554/5.5.0", "HSHAQ", "" },
    { "a command behind AUTH", IN_TLS "AUTH PLAIN AHUAcA==\r\n" MAIL, TLS_CODES "235/2.7.0 554/5.5.0", "HSHAQ", "" },
};
/* clang-format on */

TEST(dialogues)
{
    check_dialogues(&drive_config, cases, COUNT_OF(cases));
}

/* clang-format off */
static const struct dialogue strict_cases[] = {
    { "MAIL in clear", EHLO MAIL, "250 530/5.7.0", "H", "" },
    { "MAIL without AUTH", IN_TLS MAIL, TLS_CODES "530/5.7.0", "HSH", "" },
    { "MAIL with both", LOGGED_IN MAIL, TLS_CODES "235/2.7.0 250/2.0.0", "HSHAM", "" },
    { "bad MAIL in clear", EHLO "MAIL FROM:x\r\n", "250 530/5.7.0", "H", "" },
    { "null sender in clear", EHLO "MAIL FROM:<>\r\n", "250 530/5.7.0", "H", "" },
};
static const struct dialogue plain_cases[] = {
    { "STARTTLS not offered", EHLO "STARTTLS\r\n", "250 502/5.5.1", "H", "" },
    { "AUTH not offered (REL-01..35)", EHLO "AUTH PLAIN AHUAcA==\r\n", "250 502/5.5.1", "H", "" },
    { "REQUIRETLS not offered", EHLO "MAIL FROM:<a@b> REQUIRETLS\r\n", "250 555/5.5.4", "H", "" },
};
static const struct dialogue implicit_cases[] = {
    { "implicit TLS", EHLO "AUTH PLAIN AHUAcA==\r\n", "250 235/2.7.0", "HA", "" },
    { "STARTTLS in it", EHLO "STARTTLS\r\n", "250 503/5.5.1", "H", "" },
};
/* clang-format on */

TEST(demands)
{
    struct smtp_server_config config = drive_config;

    config.mail_needs_tls = config.mail_needs_auth = true;
    check_dialogues(&config, strict_cases, COUNT_OF(strict_cases));
}

TEST(nothing_offered)
{
    struct smtp_server_config config = drive_config;

    config.offers_starttls = config.offers_requiretls = false;
    config.auth_mechanisms = NULL;
    check_dialogues(&config, plain_cases, COUNT_OF(plain_cases));
}

TEST(implicit_tls)
{
    struct smtp_server_config config = drive_config;

    config.starts_in_tls = true;
    check_dialogues(&config, implicit_cases, COUNT_OF(implicit_cases));
}

static struct smtp_server *greeted(void)
{
    struct smtp_server *s = smtp_server_new(&drive_config);
    struct smtp_server_event ev;

    smtp_server_greet(s, NULL);
    smtp_server_output_consume(s, smtp_server_output(s).len);
    CHECK_INT(smtp_server_feed(s, SLICE_LIT("EHLO c\r\n")), 8);
    CHECK(smtp_server_next(s, &ev) && ev.kind == SMTP_SV_HELO);
    smtp_server_output_consume(s, smtp_server_output(s).len);
    return s;
}

/* TLS-01, TLS-03: later bytes too, whether the 220 was written or not. */
static void check_injection(size_t written, const char *output)
{
    struct smtp_server *s = greeted();
    struct smtp_server_event ev;

    CHECK_INT(smtp_server_feed(s, SLICE_LIT("STARTTLS\r\n")), 10);
    CHECK(smtp_server_next(s, &ev) && ev.kind == SMTP_SV_STARTTLS && !smtp_server_next(s, &ev));
    smtp_server_output_consume(s, written == SIZE_MAX ? smtp_server_output(s).len : written);
    CHECK_INT(smtp_server_feed(s, SLICE_LIT("x")), 1);
    CHECK(smtp_server_next(s, &ev) && ev.kind == SMTP_SV_CLOSE && !smtp_server_next(s, &ev));
    CHECK(slice_starts(smtp_server_output(s), slice_str(output)));
    CHECK(!smtp_server_is_tls(s));
    smtp_server_free(s);
}

TEST(bytes_before_the_handshake)
{
    check_injection(0, "554 ");
    check_injection(4, "2.0.0 Ready to start TLS\r\n554 ");
    check_injection(SIZE_MAX, "554 ");
}

TEST(what_is_known_of_the_session)
{
    struct smtp_server *s = greeted();
    struct smtp_server_event ev;
    struct smtp_reply good;

    CHECK(!smtp_server_is_tls(s) && !smtp_server_is_authenticated(s));
    CHECK_INT(smtp_server_feed(s, SLICE_LIT("STARTTLS\r\n")), 10);
    CHECK(smtp_server_next(s, &ev) && !smtp_server_is_tls(s));
    smtp_server_output_consume(s, smtp_server_output(s).len);
    smtp_server_tls_started(s);
    CHECK(smtp_server_is_tls(s));
    CHECK_INT(smtp_server_feed(s, SLICE_LIT("EHLO c\r\n")), 8);
    CHECK(smtp_server_next(s, &ev));
    smtp_server_output_consume(s, smtp_server_output(s).len);
    CHECK_INT(smtp_server_feed(s, SLICE_LIT("auth login eA==\r\n")), 17);
    CHECK(smtp_server_next(s, &ev) && ev.kind == SMTP_SV_AUTH && ev.has_data && smtp_server_is_waiting(s));
    CHECK_STR(ev.text, "LOGIN");
    CHECK_STR(ev.data, "eA==");
    smtp_server_auth_challenge(s, SLICE_LIT("eQ=="));
    CHECK_STR(smtp_server_output(s), "334 eQ==\r\n");
    smtp_server_output_consume(s, smtp_server_output(s).len);
    CHECK_INT(smtp_server_feed(s, SLICE_LIT("eg==\r\n")), 6);
    CHECK(smtp_server_next(s, &ev) && ev.kind == SMTP_SV_AUTH_RESPONSE);
    CHECK_STR(ev.data, "eg==");
    smtp_reply_set(&good, 235, "2.7.0", "welcome");
    smtp_server_auth_done(s, &good);
    CHECK(smtp_server_is_authenticated(s) && !smtp_server_is_waiting(s));
    smtp_server_free(s);
}

RUN_TESTS(T(dialogues), T(demands), T(nothing_offered), T(implicit_tls), T(bytes_before_the_handshake),
          T(what_is_known_of_the_session))
