#include "mail/report_mail.h"

#include "base/test.h"

#define LITERAL(s)                                                                                                    \
    {                                                                                                                 \
        (s), sizeof(s) - 1                                                                                            \
    }

static const struct slice to[] = { LITERAL("reports@partner.example"), LITERAL("r@third.example") };
#define TEXT "12 sessions.\n\n  - mx\x1b[1m said\r  --x: \xff and so on, in words that take more than one line to say them\n"

static struct report_mail sample(void)
{
    return (struct report_mail){ .from = SLICE_LIT("tlsrpt@sender.example"),
                                 .to = to,
                                 .to_len = 1,
                                 .domain = SLICE_LIT("partner.example"),
                                 .submitter = SLICE_LIT("sender.example"),
                                 .report_id = SLICE_LIT("20260921.abc@sender.example"),
                                 .text = SLICE_LIT(TEXT),
                                 .file_name = SLICE_LIT("sender.example!partner.example!1!2!abc.json.gz"),
                                 .gzip = SLICE_LIT(
                                     "\x1f\x8b\x08 and sixty bytes more, so that base64 needs a second line"),
                                 .now_s = 1790000070,
                                 .random = { 0x0123456789abcdef, 0xfedcba9876543210 } };
}

static const char whole[] = "Date: Mon, 21 Sep 2026 14:14:30 +0000\r\n"
                            "From: TLS reports <tlsrpt@sender.example>\r\n"
                            "To: <reports@partner.example>\r\n"
                            "Subject: Report Domain: partner.example Submitter: sender.example Report-ID:\r\n"
                            "\t<20260921.abc@sender.example>\r\n"
                            "Message-ID: <0123456789abcdef.fedcba9876543210@sender.example>\r\n"
                            "Auto-Submitted: auto-generated\r\n"
                            "TLS-Required: No\r\n"
                            "TLS-Report-Domain: partner.example\r\n"
                            "TLS-Report-Submitter: sender.example\r\n"
                            "MIME-Version: 1.0\r\n"
                            "Content-Type: multipart/report; report-type=tlsrpt;\r\n"
                            "\tboundary=\"=_fedcba987654321089abcdef\"\r\n"
                            "\r\n"
                            "This is an aggregate TLS report in MIME format (RFC 8460).\r\n"
                            "\r\n"
                            "--=_fedcba987654321089abcdef\r\n"
                            "Content-Type: text/plain; charset=us-ascii\r\n"
                            "\r\n"
                            "12 sessions.\r\n"
                            "\r\n"
                            "  - mx?[1m said --x: ? and so on, in words that take more than one line to say\r\n"
                           "  them\r\n"
                            "\r\n"
                            "--=_fedcba987654321089abcdef\r\n"
                            "Content-Type: application/tlsrpt+gzip\r\n"
                            "Content-Transfer-Encoding: base64\r\n"
                            "Content-Disposition: attachment;\r\n"
                            "\tfilename=\"sender.example!partner.example!1!2!abc.json.gz\"\r\n"
                            "\r\n"
                            "H4sIIGFuZCBzaXh0eSBieXRlcyBtb3JlLCBzbyB0aGF0IGJhc2U2NCBuZWVkcyBhIHNlY29uZCBs\r\n"
                            "aW5l\r\n"
                            "\r\n"
                            "--=_fedcba987654321089abcdef--\r\n";

TEST(whole)
{
    struct report_mail r = sample();
    struct buf out;

    buf_init(&out, 1 << 16);
    CHECK(report_mail_write(&r, &out) == OK);
    CHECK_STR(buf_slice(&out), whole);
    buf_release(&out);
}

TEST(several_recipients)
{
    struct report_mail r = sample();
    struct buf out;

    r.to_len = COUNT_OF(to);
    buf_init(&out, 1 << 16);
    CHECK(report_mail_write(&r, &out) == OK);
    CHECK(memmem(buf_slice(&out).ptr, buf_slice(&out).len, "\r\nTo: <reports@partner.example>, <r@third.example>\r\n",
                 strlen("\r\nTo: <reports@partner.example>, <r@third.example>\r\n")) != NULL);
    buf_release(&out);
}

/* RPT-09, RPT-10: nothing that a record or a report brought makes a header field. */
static const struct { const char *name, *from, *rcpt, *domain, *id, *file; enum status want; } refuse_cases[] = {
    { "all is well", "a@b.example", "c@d.example", "d.example", "1@b.example", "x!y!1!2.json.gz", OK },
    { "null sender", "", "c@d.example", "d.example", "1@b.example", "f", ERR_SYNTAX },
    { "CR LF in an address", "a@b.example", "c@d.example\r\nBcc: x@y.example", "d.example", "1@b.example", "f",
      ERR_SYNTAX },
    { "no address", "a@b.example", "d.example", "d.example", "1@b.example", "f", ERR_SYNTAX },
    { "CR LF in the domain", "a@b.example", "c@d.example", "d.example\r\nX: y", "1@b.example", "f", ERR_SYNTAX },
    { "no domain", "a@b.example", "c@d.example", "", "1@b.example", "f", ERR_SYNTAX },
    { "id without its domain", "a@b.example", "c@d.example", "d.example", "1", "f", ERR_SYNTAX },
    { "id with nothing before", "a@b.example", "c@d.example", "d.example", "@b.example", "f", ERR_SYNTAX },
    { "id that closes its bracket", "a@b.example", "c@d.example", "d.example", "1>x@b.example", "f", ERR_SYNTAX },
    { "quote in the file name", "a@b.example", "c@d.example", "d.example", "1@b.example", "f\"; x", ERR_SYNTAX },
    { "no file name", "a@b.example", "c@d.example", "d.example", "1@b.example", "", ERR_SYNTAX },
};

TEST(refuses)
{
    for (size_t i = 0; i < COUNT_OF(refuse_cases); i++) {
        struct report_mail r = sample();
        struct slice rcpt = slice_str(refuse_cases[i].rcpt);
        struct buf out;

        r.from = slice_str(refuse_cases[i].from);
        r.to = &rcpt;
        r.domain = slice_str(refuse_cases[i].domain);
        r.report_id = slice_str(refuse_cases[i].id);
        r.file_name = slice_str(refuse_cases[i].file);
        buf_init(&out, 1 << 16);
        CHECK_CASE(refuse_cases[i].name, report_mail_write(&r, &out) == refuse_cases[i].want);
        buf_release(&out);
    }
}

TEST(does_not_fit)
{
    struct report_mail r = sample();

    for (size_t max = 0; max < sizeof whole - 1; max += 97) {
        struct buf out;

        buf_init(&out, max);
        CHECK(report_mail_write(&r, &out) == ERR_LIMIT);
        buf_release(&out);
    }
}

RUN_TESTS(T(whole), T(several_recipients), T(refuses), T(does_not_fit))
