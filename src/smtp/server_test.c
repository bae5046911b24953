/* The session as a whole: greeting, EHLO, envelope and the small verbs. */
#include "smtp/server.h"

#include "base/test.h"
#include "smtp/server_check.h"

/* clang-format off */
static const struct dialogue dialogues[] = {
    { "a message", EHLO DATA "Subject: x\r\n\r\n..dot\r\n.\r\n" FLIGHT "QUIT\r\n",
      "250 250/2.0.0 250/2.0.0 354 250/2.0.0 221/2.0.0", "HMRBEQ", "Subject: x\r\n\r\n.dot\r\n$" },
    { "two messages", EHLO DATA "a\r\n.\r\n" FLIGHT DATA "b\r\n.\r\n",
      "250 250/2.0.0 250/2.0.0 354 250/2.0.0 250/2.0.0 250/2.0.0 354 250/2.0.0", "HMRBEMRBE", "a\r\n$b\r\n$" },
    { "the next message in one flight", EHLO DATA "a\r\n.\r\n" MAIL RCPT "RSET\r\nQUIT\r\n",
      "250 250/2.0.0 250/2.0.0 354 250/2.0.0 250/2.0.0 250/2.0.0 250/2.0.0 221/2.0.0", "HMRBEMRXQ", "a\r\n$" },
    { "HELO", "HELO c\r\n" FLIGHT DATA ".\r\n", "250 250/2.0.0 250/2.0.0 354 250/2.0.0", "HMRBE", "$" },
    { "null sender, postmaster", EHLO "MAIL FROM:<>\r\nRCPT TO:<postmaster>\r\n", "250 250/2.0.0 250/2.0.0", "HMR", "" },
    { "lower case, blanks at the end", EHLO "mail from:<a@b>  \r\nrcpt to:<c@d> \r\nnoop \r\n",
      "250 250/2.0.0 250/2.0.0 250/2.0.0", "HMR", "" },
    { "sender refused", EHLO "MAIL FROM:<550@b>\r\n" RCPT "DATA\r\n", "250 550/5.0.0 503/5.5.1 503/5.5.1", "HM", "" },
    { "recipients refused, some", EHLO MAIL "RCPT TO:<550@d>\r\n" RCPT "RCPT TO:<450@d>\r\nDATA\r\n" FLIGHT ".\r\n",
      "250 250/2.0.0 550/5.0.0 250/2.0.0 450/4.0.0 354 250/2.0.0", "HMRRRBE", "$" },
    { "recipients refused, all", EHLO MAIL "RCPT TO:<550@d>\r\nDATA\r\n" FLIGHT "RSET\r\n",
      "250 250/2.0.0 550/5.0.0 554/5.5.1 250/2.0.0", "HMRX", "" },
    { "421 from the driver closes", EHLO MAIL "RCPT TO:<421@d>\r\n" RCPT, "250 250/2.0.0 421/4.0.0", "HMRXQ", "" },
    { "EHLO in a transaction drops it", EHLO MAIL RCPT EHLO "DATA\r\n",
      "250 250/2.0.0 250/2.0.0 250 503/5.5.1", "HMRXH", "" },
    { "RSET without a transaction", EHLO "RSET\r\n", "250 250/2.0.0", "H", "" },
    /* SRV-21: no oracle. */
    { "small verbs", EHLO "VRFY a\r\nVRFY nobody\r\nEXPN l\r\nETRN d\r\nHELP\r\nNOOP x\r\nTURN\r\n",
      "250 252/2.5.2 252/2.5.2 502/5.5.1 502/5.5.1 214/2.0.0 250/2.0.0 502/5.5.1", "H", "" },
    { "small verbs before EHLO", "NOOP\r\nRSET\r\nVRFY x\r\nHELP\r\nQUIT\r\n",
      "250/2.0.0 250/2.0.0 252/2.5.2 214/2.0.0 221/2.0.0", "Q", "" },
    { "arguments that may not be", EHLO MAIL RCPT "RSET x\r\nQUIT x\r\nDATA x\r\n",
      "250 250/2.0.0 250/2.0.0 501/5.5.4 501/5.5.4 501/5.5.4", "HMR", "" },
    { "unknown verbs", "FOO\r\nEHLOX c\r\n \r\n\r\nMAIL\tFROM:<>\r\n",
      "500/5.5.2 500/5.5.2 500/5.5.2 500/5.5.2 500/5.5.2", "", "" },
    { "no name", "EHLO\r\n" FLIGHT "HELO \r\n" FLIGHT "EHLO a b\r\n" FLIGHT "EHLO \xc3\xb6\r\n" FLIGHT MAIL,
      "501/5.5.4 501/5.5.4 501/5.5.4 501/5.5.4 503/5.5.1", "", "" },
    { "after QUIT", "QUIT\r\nNOOP\r\n", "221/2.0.0", "Q", "" },
    /* TLS-15 */
    { "GET", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "554/5.5.0", "Q", "" },
    { "POST with bare LF", "POST / HTTP/1.0\n", "554/5.5.0", "Q", "" },
    { "CONNECT", EHLO "CONNECT mx:25\r\nQUIT\r\n", "250 554/5.5.0", "HQ", "" },
    { "Host: alone", "host: x\r\n", "554/5.5.0", "Q", "" },
    { "ClientHello in clear", "\x16\x03\x01\x02", "554/5.5.0", "Q", "" },
    /* EOD-14 */
    { "bare LF", EHLO "RSET\nQUIT\r\nNOOP\r\n", "250 500/5.5.2 250/2.0.0", "H", "" },
    { "bare CR", EHLO "RSET\rQUIT\r\nNOOP\r\n", "250 500/5.5.2 250/2.0.0", "H", "" },
    { "doubled CR", EHLO "RSET\r\r\nNOOP\r\n", "250 500/5.5.2 250/2.0.0", "H", "" },
    { "LF CR", EHLO "RSET\n\rNOOP\r\nNOOP\r\n", "250 500/5.5.2 250/2.0.0", "H", "" },
    /* EOD-16 */
    { "EHLO not last", "EHLO c\r\n" MAIL, "250 554/5.5.0", "HQ", "" },
    { "HELO not last", "HELO c\r\nQUIT\r\n", "250 554/5.5.0", "HQ", "" },
    { "EHLO refused and not last", "EHLO\r\nQUIT\r\n", "501/5.5.4 554/5.5.0", "Q", "" },
    { "DATA not last", EHLO MAIL RCPT "DATA\r\nx\r\n.\r\n", "250 250/2.0.0 250/2.0.0 354 554/5.5.0", "HMRBXQ", "" },
    { "DATA refused and not last", EHLO MAIL "DATA\r\nx\r\n.\r\n", "250 250/2.0.0 554/5.5.1 554/5.5.0", "HMXQ", "" },
};

static const struct dialogue params[] = {
    { "all of MAIL", IN_TLS "MAIL FROM:<a@b> SIZE=10 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=q+2Bx AUTH=<> REQUIRETLS\r\n",
      "250 220/2.0.0 250 250/2.0.0", "HSHM", "" },
    { "lower case, many blanks", EHLO "MAIL FROM:<a@b>  size=10   body=7bit ret=full\r\n", "250 250/2.0.0", "HM", "" },
    { "all of RCPT", EHLO MAIL "RCPT TO:<b@c> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;b+2Bx@c\r\n",
      "250 250/2.0.0 250/2.0.0", "HMR", "" },
    { "NOTIFY=NEVER", EHLO MAIL "RCPT TO:<b@c> NOTIFY=never\r\n", "250 250/2.0.0 250/2.0.0", "HMR", "" },
    { "NEVER with another", EHLO MAIL "RCPT TO:<b@c> NOTIFY=NEVER,DELAY\r\n", "250 250/2.0.0 501/5.5.4", "HM", "" },
    { "NOTIFY twice the same", EHLO MAIL "RCPT TO:<b@c> NOTIFY=DELAY,DELAY\r\n", "250 250/2.0.0 501/5.5.4", "HM", "" },
    { "NOTIFY ends in a comma", EHLO MAIL "RCPT TO:<b@c> NOTIFY=DELAY,\r\n", "250 250/2.0.0 501/5.5.4", "HM", "" },
    { "NOTIFY unknown", EHLO MAIL "RCPT TO:<b@c> NOTIFY=ALWAYS\r\n", "250 250/2.0.0 501/5.5.4", "HM", "" },
    { "NOTIFY empty", EHLO MAIL "RCPT TO:<b@c> NOTIFY=\r\n", "250 250/2.0.0 501/5.5.4", "HM", "" },
    { "unknown of MAIL", EHLO "MAIL FROM:<a@b> FOO=1\r\n", "250 555/5.5.4", "H", "" },
    { "unknown of RCPT", EHLO MAIL "RCPT TO:<b@c> SIZE=1\r\n", "250 250/2.0.0 555/5.5.4", "HM", "" },
    { "parameters after HELO", "HELO c\r\n" FLIGHT "MAIL FROM:<a@b> SIZE=1\r\n", "250 555/5.5.4", "H", "" },
    { "twice", EHLO "MAIL FROM:<a@b> SIZE=1 SIZE=1\r\n", "250 501/5.5.4", "H", "" },
    { "no blank", EHLO "MAIL FROM:<a@b>SIZE=1\r\n", "250 501/5.1.7", "H", "" },
    { "tab", EHLO "MAIL FROM:<a@b>\tSIZE=1\r\n", "250 501/5.1.7", "H", "" },
    /* SRV-09 */
    { "SIZE at the limit", EHLO "MAIL FROM:<a@b> SIZE=1000\r\n", "250 250/2.0.0", "HM", "" },
    { "SIZE over the limit", EHLO "MAIL FROM:<a@b> SIZE=1001\r\n", "250 552/5.3.4", "H", "" },
    { "SIZE, largest", EHLO "MAIL FROM:<a@b> SIZE=18446744073709551615\r\n", "250 552/5.3.4", "H", "" },
    { "SIZE overflows", EHLO "MAIL FROM:<a@b> SIZE=18446744073709551616\r\n", "250 501/5.5.4", "H", "" },
    { "SIZE negative", EHLO "MAIL FROM:<a@b> SIZE=-1\r\n", "250 501/5.5.4", "H", "" },
    { "SIZE hexadecimal", EHLO "MAIL FROM:<a@b> SIZE=0x1\r\n", "250 501/5.5.4", "H", "" },
    { "SIZE without a value", EHLO "MAIL FROM:<a@b> SIZE\r\n", "250 501/5.5.4", "H", "" },
    { "BODY unknown", EHLO "MAIL FROM:<a@b> BODY=BINARYMIME\r\n", "250 501/5.5.4", "H", "" },
    { "RET unknown", EHLO "MAIL FROM:<a@b> RET=ALL\r\n", "250 501/5.5.4", "H", "" },
    { "SMTPUTF8 with a value", EHLO "MAIL FROM:<a@b> SMTPUTF8=1\r\n", "250 501/5.5.4", "H", "" },
    /* SRV-17 */
    { "ENVID hides CR LF", EHLO "MAIL FROM:<a@b> ENVID=x+0D+0A\r\n", "250 501/5.5.4", "H", "" },
    { "ENVID hides NUL", EHLO "MAIL FROM:<a@b> ENVID=x+00\r\n", "250 501/5.5.4", "H", "" },
    { "ENVID is no xtext", EHLO "MAIL FROM:<a@b> ENVID=x+2b\r\n", "250 501/5.5.4", "H", "" },
    { "ENVID with =", EHLO "MAIL FROM:<a@b> ENVID=x=y\r\n", "250 501/5.5.4", "H", "" },
    { "ORCPT hides LF", EHLO MAIL "RCPT TO:<b@c> ORCPT=rfc822;b+0A@c\r\n", "250 250/2.0.0 501/5.5.4", "HM", "" },
    { "ORCPT without a type", EHLO MAIL "RCPT TO:<b@c> ORCPT=b@c\r\n", "250 250/2.0.0 501/5.5.4", "HM", "" },
    { "ORCPT with an odd type", EHLO MAIL "RCPT TO:<b@c> ORCPT=rfc(822;b@c\r\n", "250 250/2.0.0 501/5.5.4", "HM", "" },
    { "ORCPT utf-8, encoded", EHLO MAIL "RCPT TO:<b@c> ORCPT=utf-8;j\\x{F6}rg@c\r\n", "250 250/2.0.0 250/2.0.0", "HMR", "" },
    { "ORCPT utf-8, encoded LF", EHLO MAIL "RCPT TO:<b@c> ORCPT=utf-8;\\x{A}@c\r\n", "250 250/2.0.0 501/5.5.4", "HM", "" },
    { "ORCPT utf-8, encoded surrogate", EHLO MAIL "RCPT TO:<b@c> ORCPT=utf-8;\\x{D800}@c\r\n", "250 250/2.0.0 501/5.5.4", "HM", "" },
    { "ORCPT utf-8, raw and unasked", EHLO MAIL "RCPT TO:<b@c> ORCPT=utf-8;j\xc3\xb6rg@c\r\n", "250 250/2.0.0 501/5.5.4", "HM", "" },
    { "ORCPT utf-8, raw", EHLO "MAIL FROM:<a@b> SMTPUTF8\r\nRCPT TO:<b@c> ORCPT=utf-8;j\xc3\xb6rg@c\r\n",
      "250 250/2.0.0 250/2.0.0", "HMR", "" },
    { "AUTH= in clear", EHLO "MAIL FROM:<a@b> AUTH=<>\r\n", "250 555/5.5.4", "H", "" },
    { "AUTH= hides LF", IN_TLS "MAIL FROM:<a@b> AUTH=x+0A\r\n", "250 220/2.0.0 250 501/5.5.4", "HSH", "" },
    { "REQUIRETLS in clear (RTL-01)", EHLO "MAIL FROM:<a@b> REQUIRETLS\r\n", "250 530/5.7.0", "H", "" },
    { "REQUIRETLS with a value", IN_TLS "MAIL FROM:<a@b> REQUIRETLS=1\r\n", "250 220/2.0.0 250 501/5.5.4", "HSH", "" },
    /* SRV-20 */
    { "UTF-8 unasked", EHLO "MAIL FROM:<\xc3\xb6@b>\r\n" MAIL "RCPT TO:<\xc3\xb6@c>\r\n",
      "250 553/5.6.7 250/2.0.0 553/5.6.7", "HM", "" },
    { "UTF-8", EHLO "MAIL FROM:<\xc3\xb6@b> SMTPUTF8\r\nRCPT TO:<\xc3\xbc@\xc3\xb6.example>\r\n",
      "250 250/2.0.0 250/2.0.0", "HMR", "" },
    { "UTF-8, overlong", EHLO "MAIL FROM:<\xc0\xaf@b> SMTPUTF8\r\n", "250 553/5.6.7", "H", "" },
    { "UTF-8, surrogate", EHLO "MAIL FROM:<a@b> SMTPUTF8\r\nRCPT TO:<\xed\xa0\x80@c>\r\n", "250 250/2.0.0 553/5.6.7", "HM", "" },
    { "UTF-8 ends with its transaction", EHLO "MAIL FROM:<a@b> SMTPUTF8\r\nRSET\r\n" MAIL "RCPT TO:<\xc3\xbc@c>\r\n",
      "250 250/2.0.0 250/2.0.0 250/2.0.0 553/5.6.7", "HMXM", "" },
    { "a blank behind the colon", EHLO "MAIL FROM: <a@b>\r\nRCPT TO: <c@d>\r\nRCPT TO:  <c@d>\r\n",
      "250 250/2.0.0 250/2.0.0 501/5.1.3", "HMR", "" },
    { "bad syntax", EHLO "MAIL FROM <a@b>\r\nMAIL FROM:\t<a@b>\r\nMAIL TO:<a@b>\r\nMAIL\r\n" MAIL "RCPT TO:c@d\r\nRCPT TO:<>\r\n",
      "250 501/5.5.4 501/5.1.7 501/5.5.4 501/5.5.4 250/2.0.0 501/5.1.3 501/5.1.3", "HM", "" },
};
/* clang-format on */

TEST(dialogues)
{
    check_dialogues(&drive_config, dialogues, COUNT_OF(dialogues));
}

TEST(parameters)
{
    check_dialogues(&drive_config, params, COUNT_OF(params));
}

/* NUL cannot stand in a table of strings. */
TEST(nul_in_a_command)
{
    static const char script[] = EHLO "NOOP\0\r\nNOO\0P\r\n\0\r\nMAIL FROM:<a@b\0c>\r\nNOOP\r\n";
    const struct dialogue want = { "NUL", NULL, "250 500/5.5.2 500/5.5.2 500/5.5.2 500/5.5.2 250/2.0.0", "H", "" };

    check_script(&drive_config, SLICE_LIT(script), &want);
}

/* Feeds everything and returns the first event of a kind; slices live until d is used again. */
static struct smtp_server_event event_of(struct smtp_server *s, struct slice in, enum smtp_server_event_kind kind)
{
    struct smtp_server_event ev;
    struct smtp_reply ok;

    smtp_reply_set(&ok, 250, "2.0.0", "OK");
    for (;;) {
        in = slice_from(in, smtp_server_feed(s, in));
        CHECK(smtp_server_next(s, &ev));
        if (ev.kind == kind)
            return ev;
        if (smtp_server_is_waiting(s))
            smtp_server_answer(s, &ok);
        smtp_server_output_consume(s, smtp_server_output(s).len);
    }
}

static struct smtp_server *greeted(const struct smtp_server_config *config)
{
    struct smtp_server *s = smtp_server_new(config);

    smtp_server_greet(s, NULL);
    smtp_server_output_consume(s, smtp_server_output(s).len);
    return s;
}

TEST(mail_and_rcpt_as_data)
{
    struct smtp_server_config config = drive_config;
    struct smtp_server_event ev;
    struct smtp_server *s;

    config.starts_in_tls = true;
    s = greeted(&config);
    ev = event_of(s, SLICE_LIT("EHLO client.example\r\n"), SMTP_SV_HELO);
    CHECK_STR(ev.text, "client.example");
    CHECK(ev.is_esmtp);
    smtp_server_output_consume(s, smtp_server_output(s).len);
    ev = event_of(s,
                  SLICE_LIT("MAIL FROM:<@x:\xc3\xb6@b.example> SIZE=77 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=q+2B "
                            "AUTH=a@b REQUIRETLS\r\n"),
                  SMTP_SV_MAIL);
    CHECK_STR(ev.mail.address, "\xc3\xb6@b.example");
    CHECK(ev.mail.size == 77 && ev.mail.body == SMTP_BODY_8BITMIME && ev.mail.ret == SMTP_RET_HDRS);
    CHECK_STR(ev.mail.envid, "q+2B");
    CHECK_STR(ev.mail.auth, "a@b");
    CHECK(ev.mail.is_utf8 && ev.mail.requires_tls);
    smtp_server_answer(s, &(struct smtp_reply){ .code = 250 });
    ev = event_of(s, SLICE_LIT("RCPT TO:<\"b c\"@[192.0.2.1]> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b@c\r\n"),
                  SMTP_SV_RCPT);
    CHECK_STR(ev.rcpt.address, "\"b c\"@[192.0.2.1]");
    CHECK_INT(ev.rcpt.notify, SMTP_NOTIFY_SUCCESS | SMTP_NOTIFY_DELAY);
    CHECK_STR(ev.rcpt.orcpt, "rfc822;b@c");
    smtp_server_free(s);
}

static void check_announced(const struct smtp_server_config *config, const char *want)
{
    struct smtp_server *s = greeted(config);

    (void)event_of(s, SLICE_LIT("EHLO c\r\n"), SMTP_SV_HELO);
    CHECK_STR(smtp_server_output(s), want);
    smtp_server_free(s);
}

#define ALWAYS                                                                                                        \
    "250-mx.ours.example\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n"                      \
    "250-ENHANCEDSTATUSCODES\r\n250-CHUNKING\r\n"

TEST(what_is_announced)
{
    struct smtp_server_config config = drive_config;

    check_announced(&config, ALWAYS "250-DSN\r\n250 STARTTLS\r\n");
    config.offers_starttls = false;
    check_announced(&config, ALWAYS "250 DSN\r\n");
    config.starts_in_tls = config.offers_starttls = true;
    check_announced(&config, ALWAYS "250-DSN\r\n250-REQUIRETLS\r\n250 AUTH PLAIN LOGIN\r\n");
    config.auth_mechanisms = NULL;
    config.offers_requiretls = false;
    check_announced(&config, ALWAYS "250 DSN\r\n");
}

TEST(greetings)
{
    struct smtp_server *s = smtp_server_new(&drive_config);
    struct smtp_server_event ev;
    struct smtp_reply busy;

    smtp_server_greet(s, NULL);
    CHECK_STR(smtp_server_output(s), "220 mx.ours.example ESMTP\r\n");
    CHECK(!smtp_server_next(s, &ev));
    smtp_server_free(s);

    s = smtp_server_new(&drive_config);
    smtp_reply_set(&busy, 421, "4.3.2", "Busy");
    smtp_server_greet(s, &busy);
    CHECK_STR(smtp_server_output(s), "421 4.3.2 Busy\r\n");
    CHECK(smtp_server_next(s, &ev) && ev.kind == SMTP_SV_CLOSE && !smtp_server_next(s, &ev));
    smtp_server_free(s);
}

/* EOD-16 */
TEST(a_client_that_speaks_first)
{
    struct smtp_server *s = smtp_server_new(&drive_config);
    struct smtp_server_event ev;

    CHECK_INT(smtp_server_feed(s, SLICE_LIT("EHLO c\r\n")), 8);
    CHECK(!smtp_server_next(s, &ev));
    smtp_server_greet(s, NULL);
    CHECK(slice_starts(smtp_server_output(s), SLICE_LIT("554 5.5.0 ")));
    CHECK(smtp_server_next(s, &ev) && ev.kind == SMTP_SV_CLOSE);
    smtp_server_free(s);

    s = smtp_server_new(&drive_config);
    smtp_server_greet(s, NULL);
    CHECK_INT(smtp_server_feed(s, SLICE_LIT("EHLO c\r\n")), 8); /* the 220 was not written yet */
    CHECK(smtp_server_next(s, &ev) && ev.kind == SMTP_SV_CLOSE);
    smtp_server_free(s);
}

TEST(nothing_is_taken_while_an_answer_is_out)
{
    struct smtp_server *s = greeted(&drive_config);
    struct slice rest = SLICE_LIT(RCPT);
    struct smtp_server_event ev;

    (void)event_of(s, SLICE_LIT("EHLO c\r\n"), SMTP_SV_HELO);
    smtp_server_output_consume(s, smtp_server_output(s).len);
    (void)event_of(s, SLICE_LIT(MAIL), SMTP_SV_MAIL);
    CHECK(smtp_server_is_waiting(s));
    CHECK_INT(smtp_server_feed(s, rest), 0);
    CHECK(!smtp_server_next(s, &ev));
    smtp_server_answer(s, &(struct smtp_reply){ .code = 250 });
    CHECK_INT(smtp_server_feed(s, rest), rest.len);
    CHECK(smtp_server_next(s, &ev) && ev.kind == SMTP_SV_RCPT);
    smtp_server_free(s);
}

/* EOD-16: what counts is the order of answering, feeding and consuming. */
TEST(bytes_held_back_behind_data_are_early)
{
    struct smtp_server *s = greeted(&drive_config);
    struct smtp_server_event ev;

    (void)event_of(s, SLICE_LIT("EHLO c\r\n"), SMTP_SV_HELO);
    smtp_server_output_consume(s, smtp_server_output(s).len);
    (void)event_of(s, SLICE_LIT(MAIL RCPT "DATA\r\n"), SMTP_SV_BODY_BEGIN);
    smtp_server_output_consume(s, smtp_server_output(s).len);
    CHECK_INT(smtp_server_feed(s, SLICE_LIT("x\r\n")), 0);
    smtp_server_answer(s, &(struct smtp_reply){ .code = 250 });
    CHECK(smtp_server_in_body(s));
    CHECK_INT(smtp_server_feed(s, SLICE_LIT("x\r\n")), 3);
    CHECK(smtp_server_next(s, &ev) && ev.kind == SMTP_SV_RESET);
    CHECK(smtp_server_next(s, &ev) && ev.kind == SMTP_SV_CLOSE);
    smtp_server_free(s);
}

TEST(the_driver_ends_a_session)
{
    struct smtp_server *s = greeted(&drive_config);
    struct smtp_server_event ev;
    struct smtp_reply r;

    smtp_reply_set(&r, 421, "4.4.2", "Timeout");
    (void)event_of(s, SLICE_LIT("EHLO c\r\n"), SMTP_SV_HELO);
    smtp_server_output_consume(s, smtp_server_output(s).len);
    (void)event_of(s, SLICE_LIT(MAIL RCPT), SMTP_SV_RCPT);
    smtp_server_output_consume(s, smtp_server_output(s).len);
    smtp_server_end(s, &r);
    CHECK_STR(smtp_server_output(s), "421 4.4.2 Timeout\r\n");
    CHECK(!smtp_server_is_waiting(s));
    CHECK(smtp_server_next(s, &ev) && ev.kind == SMTP_SV_RESET);
    CHECK(smtp_server_next(s, &ev) && ev.kind == SMTP_SV_CLOSE);
    smtp_server_end(s, &r);
    CHECK(!smtp_server_next(s, &ev));
    CHECK_INT(smtp_server_feed(s, SLICE_LIT("NOOP\r\n")), 6);
    smtp_server_free(s);
}

TEST(a_long_reply_is_broken_at_blanks)
{
    struct smtp_server *s = greeted(&drive_config);
    struct slice line, out;
    struct smtp_reply r;
    char text[512];
    size_t lines = 0;

    for (size_t i = 0; i < sizeof text - 1; i++)
        text[i] = i % 10 == 9 ? ' ' : 'w';
    text[sizeof text - 1] = '\0';
    smtp_reply_set(&r, 554, "5.7.1", "%s", text);
    smtp_server_end(s, &r);
    for (out = smtp_server_output(s); out.len > 0; lines++) {
        line = slice_cut(out, '\n', &out);
        CHECK(line.len < 512 && line.ptr[line.len - 1] == '\r');
        CHECK(slice_starts(line, out.len > 0 ? SLICE_LIT("554-5.7.1 w") : SLICE_LIT("554 5.7.1 w")));
    }
    CHECK_INT(lines, 2);
    smtp_server_free(s);
}

/* Whoever fills in a reply, it stays one (EOD-12, SRV-23). */
TEST(a_reply_cannot_break_out)
{
    struct smtp_server *s = greeted(&drive_config);
    struct smtp_reply r = { .code = 554, .enhanced = "5.7.1", .text = "a\r\n250 b" };

    smtp_server_end(s, &r);
    CHECK_STR(smtp_server_output(s), "554 5.7.1 a??250 b\r\n");
    smtp_server_free(s);
}

RUN_TESTS(T(dialogues), T(parameters), T(nul_in_a_command), T(mail_and_rcpt_as_data), T(what_is_announced),
          T(greetings), T(a_client_that_speaks_first), T(nothing_is_taken_while_an_answer_is_out),
          T(bytes_held_back_behind_data_are_early), T(the_driver_ends_a_session), T(a_long_reply_is_broken_at_blanks),
          T(a_reply_cannot_break_out))
