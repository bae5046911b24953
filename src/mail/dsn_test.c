#include "mail/dsn.h"

#include "base/test.h"

static const struct slice why[] = { { "MTA-STS of example.com demands TLS, and no mail server of it offers any.", 72 } };

#define MESSAGE "From: s@example.org\r\nSubject: hi\r\n\r\nbody\r\n"
enum { HEADER = 36 };

static struct mail_dsn_rcpt failed_rcpt(void)
{
    return (struct mail_dsn_rcpt){ .address = SLICE_LIT("a@example.com"),
                                   .orcpt = SLICE_LIT("rfc822;A+2Bx@example.com"),
                                   .action = MAIL_DSN_FAILED,
                                   .status = SLICE_LIT("5.1.1"),
                                   .remote_mta = SLICE_LIT("mx.example.com"),
                                   .diagnostic = SLICE_LIT("550 5.1.1 no such user"),
                                   .last_attempt_s = 1790000060,
                                   .will_retry_until_s = 1790000100,
                                   .explanation = why,
                                   .explanation_len = 1 };
}

static struct mail_dsn dsn_for(const struct mail_dsn_rcpt *rcpts, size_t len)
{
    return (struct mail_dsn){ .to = SLICE_LIT("s@example.org"),
                              .hostname = SLICE_LIT("mx.example.net"),
                              .id = SLICE_LIT("4XyZ"),
                              .envid = SLICE_LIT("e+2B1"),
                              .arrival_s = 1790000000,
                              .now_s = 1790000070,
                              .rcpts = rcpts,
                              .rcpts_len = len,
                              .content = SLICE_LIT(MESSAGE),
                              .header_bytes = HEADER,
                              .full_max_bytes = 1000,
                              .random = { 0x0123456789abcdef, 0xfedcba9876543210 } };
}

static bool contains(struct slice all, const char *part)
{
    return memmem(all.ptr, all.len, part, strlen(part)) != NULL;
}

static const char whole[] =
    "Date: Mon, 21 Sep 2026 14:14:30 +0000\r\n"
    "From: Mail delivery <MAILER-DAEMON@mx.example.net>\r\n"
    "To: <s@example.org>\r\n"
    "Subject: Your message could not be delivered\r\n"
    "Message-ID: <0123456789abcdef.fedcba9876543210@mx.example.net>\r\n"
    "Auto-Submitted: auto-replied\r\n"
    "MIME-Version: 1.0\r\n"
    "Content-Type: multipart/report; report-type=delivery-status;\r\n"
    "\tboundary=\"=_0123456789abcdef76543210\"\r\n"
    "Content-Transfer-Encoding: 7bit\r\n"
    "\r\n"
    "This is a delivery status notification in MIME format (RFC 3464).\r\n"
    "\r\n"
    "--=_0123456789abcdef76543210\r\n"
    "Content-Type: text/plain; charset=us-ascii\r\n"
    "\r\n"
    "This is the mail system at mx.example.net. It received your message on Mon, 21\r\n"
    "Sep 2026 14:13:20 +0000.\r\n"
    "\r\n"
    "Your message could not be delivered to the following. It will not be tried\r\n"
    "again.\r\n"
    "\r\n"
    "  <a@example.com>\r\n"
    "    - MTA-STS of example.com demands TLS, and no mail server of it offers any.\r\n"
    "    - The server mx.example.com answered: 550 5.1.1 no such user\r\n"
    "\r\n"
    "If this does not help, ask postmaster@mx.example.net and quote the number 4XyZ\r\n"
    "of your message.\r\n"
    "\r\n"
    "--=_0123456789abcdef76543210\r\n"
    "Content-Type: message/delivery-status\r\n"
    "\r\n"
    "Original-Envelope-Id: e+1\r\n"
    "Reporting-MTA: dns; mx.example.net\r\n"
    "X-Sternpost-Id: 4XyZ\r\n"
    "Arrival-Date: Mon, 21 Sep 2026 14:13:20 +0000\r\n"
    "\r\n"
    "Original-Recipient: rfc822; A+x@example.com\r\n"
    "Final-Recipient: rfc822; a@example.com\r\n"
    "Action: failed\r\n"
    "Status: 5.1.1\r\n"
    "Remote-MTA: dns; mx.example.com\r\n"
    "Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n"
    "Last-Attempt-Date: Mon, 21 Sep 2026 14:14:20 +0000\r\n"
    "\r\n"
    "--=_0123456789abcdef76543210\r\n"
    "Content-Type: message/rfc822\r\n"
    "\r\n" MESSAGE "\r\n"
    "--=_0123456789abcdef76543210--\r\n";

TEST(whole)
{
    struct mail_dsn_rcpt rcpt = failed_rcpt();
    struct mail_dsn d = dsn_for(&rcpt, 1);
    struct buf out;
    bool is_8bit;

    buf_init(&out, 1 << 16);
    CHECK(mail_dsn_write(&d, &out, &is_8bit) == OK && !is_8bit);
    CHECK_STR(buf_slice(&out), whole);
    buf_release(&out);
}

static const struct { const char *name; enum mail_dsn_action action; enum smtp_ret ret; size_t max; bool is_utf8; const char *type; bool full; }
    return_cases[] = {
        { "failed, RET not given", MAIL_DSN_FAILED, SMTP_RET_DEFAULT, 1000, false, "message/rfc822", true },
        { "failed, RET=FULL", MAIL_DSN_FAILED, SMTP_RET_FULL, 1000, false, "message/rfc822", true },
        { "failed, RET=HDRS", MAIL_DSN_FAILED, SMTP_RET_HDRS, 1000, false, "text/rfc822-headers", false },
        { "failed, too big", MAIL_DSN_FAILED, SMTP_RET_FULL, 10, false, "text/rfc822-headers", false },
        { "delayed", MAIL_DSN_DELAYED, SMTP_RET_FULL, 1000, false, "text/rfc822-headers", false },
        { "delivered", MAIL_DSN_DELIVERED, SMTP_RET_FULL, 1000, false, "text/rfc822-headers", false },
        { "SMTPUTF8", MAIL_DSN_FAILED, SMTP_RET_FULL, 1000, true, "message/global", true },
        { "SMTPUTF8, headers", MAIL_DSN_RELAYED, SMTP_RET_FULL, 1000, true, "message/global-headers", false },
    };

/* RFC 3461 section 4.3, RFC 6533. */
TEST(what_is_returned)
{
    for (size_t i = 0; i < COUNT_OF(return_cases); i++) {
        struct mail_dsn_rcpt rcpt = { .address = SLICE_LIT("a@example.com"), .action = return_cases[i].action };
        struct mail_dsn d = dsn_for(&rcpt, 1);
        struct buf out;
        bool is_8bit;
        char type[80];

        d.ret = return_cases[i].ret;
        d.full_max_bytes = return_cases[i].max;
        d.is_utf8 = return_cases[i].is_utf8;
        buf_init(&out, 1 << 16);
        (void)snprintf(type, sizeof type, "\r\nContent-Type: %s\r\n", return_cases[i].type);
        CHECK_CASE(return_cases[i].name, mail_dsn_write(&d, &out, &is_8bit) == OK && is_8bit == d.is_utf8);
        CHECK_CASE(return_cases[i].name, contains(buf_slice(&out), type));
        CHECK_CASE(return_cases[i].name, contains(buf_slice(&out), "\r\nbody\r\n") == return_cases[i].full);
        CHECK_CASE(return_cases[i].name,
                   contains(buf_slice(&out), "message/global-delivery-status") == return_cases[i].is_utf8);
        buf_release(&out);
    }
}

static const struct { enum mail_dsn_action action; const char *given, *shown; } status_cases[] = {
    { MAIL_DSN_FAILED, "5.7.30", "5.7.30" },    { MAIL_DSN_FAILED, "4.4.1", "5.0.0" },
    { MAIL_DSN_FAILED, "", "5.0.0" },           { MAIL_DSN_FAILED, "5.1", "5.0.0" },
    { MAIL_DSN_FAILED, "5.1.1\r\nX: y", "5.0.0" }, { MAIL_DSN_FAILED, "5.1.1.1", "5.0.0" },
    { MAIL_DSN_FAILED, "55.1.1", "5.0.0" },     { MAIL_DSN_FAILED, "5.1.1234", "5.0.0" },
    { MAIL_DSN_DELAYED, "4.999.999", "4.999.999" }, { MAIL_DSN_DELIVERED, "", "2.0.0" },
};

TEST(status)
{
    for (size_t i = 0; i < COUNT_OF(status_cases); i++) {
        struct mail_dsn_rcpt rcpt = { .address = SLICE_LIT("a@example.com"),
                                      .action = status_cases[i].action,
                                      .status = slice_str(status_cases[i].given) };
        struct mail_dsn d = dsn_for(&rcpt, 1);
        struct buf out;
        bool is_8bit;
        char want[64];

        buf_init(&out, 1 << 16);
        CHECK(mail_dsn_write(&d, &out, &is_8bit) == OK);
        (void)snprintf(want, sizeof want, "\r\nStatus: %s\r\n", status_cases[i].shown);
        CHECK_CASE(status_cases[i].given, contains(buf_slice(&out), want));
        buf_release(&out);
    }
}

TEST(several_actions)
{
    struct mail_dsn_rcpt rcpts[] = {
        { .address = SLICE_LIT("ok@example.com"), .action = MAIL_DSN_DELIVERED },
        { .address = SLICE_LIT("late@example.com"), .action = MAIL_DSN_DELAYED, .will_retry_until_s = 1790000100 },
        { .address = SLICE_LIT("later@example.com"), .action = MAIL_DSN_DELAYED },
    };
    struct mail_dsn d = dsn_for(rcpts, COUNT_OF(rcpts));
    struct buf out;
    bool is_8bit;

    buf_init(&out, 1 << 16);
    CHECK(mail_dsn_write(&d, &out, &is_8bit) == OK);
    CHECK(contains(buf_slice(&out), "\r\nSubject: Your message is delayed; delivery goes on\r\n"));
    CHECK(contains(buf_slice(&out), "\r\nAction: delivered\r\n") && contains(buf_slice(&out), "\r\nAction: delayed\r\n"));
    CHECK(contains(buf_slice(&out), "\r\nWill-Retry-Until: Mon, 21 Sep 2026 14:15:00 +0000\r\n"));
    CHECK(contains(buf_slice(&out), "Delivery is tried until Mon, 21 Sep 2026 14:15:00 +0000.\r\n"));
    buf_release(&out);
}

static const struct { const char *name; bool is_utf8; const char *address, *orcpt, *want; } address_cases[] = {
    { "SMTPUTF8", true, "\xc3\xa9@example.com", "utf-8;\xc3\xa9@example.com",
      "\r\nOriginal-Recipient: utf-8; \xc3\xa9@example.com\r\nFinal-Recipient: utf-8; \xc3\xa9@example.com\r\n" },
    { "in ASCII", false, "\xe4\xb8\xad@example.com", "utf-8;\xe4\xb8\xad@example.com",
      "\r\nOriginal-Recipient: utf-8; \\x{4E2D}@example.com\r\nFinal-Recipient: utf-8; \\x{4E2D}@example.com\r\n" },
    { "embedded by the sender", false, "a@example.com", "utf-8;\\x{E9}@example.com",
      "\r\nOriginal-Recipient: utf-8; \\x{E9}@example.com\r\nFinal-Recipient: rfc822; a@example.com\r\n" },
    { "SRV-17: CR LF in xtext", false, "a@example.com", "rfc822;a+0D+0AX@example.com",
      "\r\n\r\nFinal-Recipient: rfc822; a@example.com\r\n" },
    { "no type", false, "a@example.com", ";a@example.com", "\r\n\r\nFinal-Recipient: rfc822; a@example.com\r\n" },
};

TEST(addresses)
{
    for (size_t i = 0; i < COUNT_OF(address_cases); i++) {
        struct mail_dsn_rcpt rcpt = { .address = slice_str(address_cases[i].address),
                                      .orcpt = slice_str(address_cases[i].orcpt) };
        struct mail_dsn d = dsn_for(&rcpt, 1);
        struct buf out;
        bool is_8bit;

        d.is_utf8 = address_cases[i].is_utf8;
        buf_init(&out, 1 << 16);
        CHECK(mail_dsn_write(&d, &out, &is_8bit) == OK);
        CHECK_CASE(address_cases[i].name, contains(buf_slice(&out), address_cases[i].want));
        buf_release(&out);
    }
}

/* EOD-12, EOD-15: neither a server's words nor the old message put a line end of theirs on the wire. */
TEST(hostile_bytes)
{
    struct slice sentence = SLICE_LIT("a\nb\rc\r\n\r\n--x");
    struct mail_dsn_rcpt rcpt = { .address = SLICE_LIT("a@b\r\nBcc: x"),
                                  .remote_mta = SLICE_LIT("mx\r\nX: y"),
                                  .diagnostic = SLICE_LIT("550 \x1b[1m\xff\r\n\r\nboo"),
                                  .explanation = &sentence,
                                  .explanation_len = 1 };
    struct mail_dsn d = dsn_for(&rcpt, 1);
    struct buf out;
    bool is_8bit;

    d.content = SLICE_LIT("A: b\nC: d\r\r\n\n.\n--=_0123456789abcdef76543210\r\n\xff");
    d.header_bytes = 14;
    buf_init(&out, 1 << 16);
    CHECK(mail_dsn_write(&d, &out, &is_8bit) == OK && is_8bit);
    CHECK(contains(buf_slice(&out), "Remote-MTA: dns; mx X: y\r\n"));
    CHECK(contains(buf_slice(&out), "Diagnostic-Code: smtp; 550 ?[1m? boo\r\n"));
    CHECK(contains(buf_slice(&out), "    - a b c --x\r\n"));
    CHECK(contains(buf_slice(&out), "\r\n\r\nA: b\r\nC: d\r\n\r\n\r\n.\r\n--=_0123456789abcdef76543210\r\n\xff\r\n"));
    CHECK(contains(buf_slice(&out), "\r\n--=_0123456789abcdf076543210--\r\n"));
    buf_release(&out);
}

TEST(refuses)
{
    struct mail_dsn_rcpt rcpt = { .address = SLICE_LIT("a@b.example") };
    struct mail_dsn d = dsn_for(&rcpt, 1);
    struct buf out;
    bool is_8bit;

    buf_init(&out, 1000);
    CHECK(mail_dsn_write(&d, &out, &is_8bit) == ERR_LIMIT);
    d.to = SLICE_LIT("");
    CHECK(mail_dsn_write(&d, &out, &is_8bit) == ERR_SYNTAX);
    d = dsn_for(&rcpt, 1);
    d.hostname = SLICE_LIT("a b");
    CHECK(mail_dsn_write(&d, &out, &is_8bit) == ERR_SYNTAX);
    buf_release(&out);
}

RUN_TESTS(T(whole), T(what_is_returned), T(status), T(several_actions), T(addresses), T(hostile_bytes), T(refuses))
