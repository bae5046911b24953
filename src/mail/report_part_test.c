#include "mail/report_part.h"

#include "base/buf.h"
#include "base/test.h"

#define B64 "Content-Transfer-Encoding: base64\r\n"
#define MULTI(rest) "Content-Type: multipart/report; boundary=b\r\n\r\npreamble\r\n" rest "--b--\r\n"
#define PART(fields, body) "--b\r\n" fields "\r\n" body "\r\n"
#define GZIP_B64 "H4sIAAAAAAAAA6uuBQBDv6ajAgAAAA=="

/* What of a mail looks like a report, by its bytes alone. */
static const struct {
    const char *name, *mail;
    size_t found;
    const char *first; /* how the first one begins */
} cases[] = {
    { "gzip in base64", MULTI(PART("", "text") PART("Content-Type: application/tlsrpt+gzip\r\n" B64, GZIP_B64)), 1,
      "\x1f\x8b" },
    { "gzip that is JSON", MULTI(PART("Content-Type: application/tlsrpt+gzip\r\n", "{\"a\":1}")), 1, "{\"a\"" },
    { "JSON that is gzip", MULTI(PART("Content-Type: application/tlsrpt+json\r\n" B64, GZIP_B64)), 1, "\x1f\x8b" },
    { "octets", MULTI(PART("Content-Type: application/octet-stream\r\n" B64, GZIP_B64)), 1, "\x1f\x8b" },
    { "zip", MULTI(PART("Content-Type: application/zip\r\n" B64, "UEsDBAo=")), 1, "PK\x03\x04" },
    { "no type", MULTI(PART("", "{}")), 1, "{}" },
    { "a text of people is none", MULTI(PART("Content-Type: text/plain\r\n", "This is a report.")), 0, NULL },
    { "nor is HTML", MULTI(PART("Content-Type: text/html\r\n" B64, "PGh0bWw+")), 0, NULL },
    { "base64 that no field tells of", MULTI(PART("Content-Type: application/tlsrpt+gzip\r\n", GZIP_B64)), 1,
      "\x1f\x8b" },
    { "quoted-printable",
      MULTI(
          PART("Content-Type: application/json\r\nContent-Transfer-Encoding: quoted-printable\r\n", "=7B=22a=22:1}")),
      1, "{\"a\"" },
    { "a byte order mark", MULTI(PART("", "\xef\xbb\xbf\r\n {}")), 1, "\xef\xbb\xbf" },
    { "two of them", MULTI(PART("", "{1") PART(B64, GZIP_B64)), 2, "{1" },
    { "the mail is the report", "Content-Type: application/tlsrpt+gzip\r\n" B64 "\r\n" GZIP_B64 "\r\n", 1,
      "\x1f\x8b" },
    { "the same without MIME", "Subject: x\r\n\r\n{}\r\n", 1, "{}" },
    { "forwarded", "Content-Type: message/rfc822\r\n\r\n" MULTI(PART("", "{}")), 1, "{}" },
    { "RPT-13: returned to us",
      "Content-Type: multipart/report; report-type=\"delivery-status\"; boundary=b\r\n\r\n--b\r\n"
      "Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\n{}\r\n--b--\r\n",
      0, NULL },
    { "no end of parts", "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n{}", 1, "{}" },
    { "empty", "", 0, NULL },
    { "header alone", "Subject: x\r\n", 0, NULL },
};

TEST(found_by_content)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena arena = { 0 };
        struct report_parts parts;
        struct fault why;

        CHECK_CASE(cases[i].name, report_parts_find(slice_str(cases[i].mail), &arena, &parts, &why) == OK);
        CHECK_CASE(cases[i].name, parts.len == cases[i].found && parts.left_out == 0);
        CHECK_CASE(cases[i].name,
                   cases[i].found == 0 || slice_starts(parts.items[0].bytes, slice_str(cases[i].first)));
        arena_release(&arena);
    }
}

TEST(header_and_name)
{
    struct slice mail = SLICE_LIT(
        "From: \"Reports, TLS\" <no-reply@Big.Example>\r\nTLS-Report-Domain: Example.ORG\r\n"
        "TLS-Report-Submitter:\r\n big.example\r\nContent-Type: application/x; name=\"../../x!y\"\r\n\r\n{}");
    struct slice two = SLICE_LIT("From: a@a.example, b@b.example\r\n\r\n{}");
    struct arena arena = { 0 };
    struct report_parts parts;
    struct fault why;

    CHECK_INT(report_parts_find(mail, &arena, &parts, &why), OK);
    CHECK_STR(parts.from_domain, "big.example");
    CHECK_STR(parts.domain, "example.org");
    CHECK_STR(parts.submitter, "big.example");
    CHECK_STR(parts.items[0].name, "../../x!y"); /* only ever shown (RPT-16) */
    CHECK_INT(report_parts_find(two, &arena, &parts, &why), OK);
    CHECK_STR(parts.from_domain, "");
    arena_release(&arena);
}

/* A mail of `count` times the text between two others. */
static void check_many(const char *head, const char *each, size_t count, enum status st, size_t found, size_t left_out)
{
    struct arena arena = { 0 };
    struct report_parts parts;
    struct fault why = { "" };
    struct buf b;

    buf_init(&b, 16 << 20);
    CHECK_INT(buf_add(&b, slice_str(head)), OK);
    for (size_t i = 0; i < count; i++)
        CHECK_INT(buf_addf(&b, each, i, i), OK);
    CHECK_INT(report_parts_find(buf_slice(&b), &arena, &parts, &why), st);
    if (st == OK) {
        CHECK_INT(parts.len, found);
        CHECK_INT(parts.left_out, left_out);
    }
    buf_release(&b);
    arena_release(&arena);
}

/* RPT-16, SRV-24 */
TEST(bounds)
{
    const char *multi = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";

    check_many(multi, "--b\r\n\r\n{}\r\n", 40, OK, REPORT_PARTS_MAX, 8);
    check_many(multi, "--b\r\n\r\n", REPORT_BOUNDARIES_MAX, OK, 0, 0);
    check_many(multi, "--b\r\n\r\n", REPORT_BOUNDARIES_MAX + 1, ERR_LIMIT, 0, 0);
    check_many("", "a:\r\n", REPORT_FIELDS_MAX + 1, ERR_LIMIT, 0, 0);
    check_many("", "Content-Type: multipart/mixed; boundary=b%zu\r\n\r\n--b%zu\r\n", 9, OK, 0, 0);
    check_many("", "Content-Type: multipart/mixed; boundary=b%zu\r\n\r\n--b%zu\r\n", 500, OK, 0, 1);
    check_many("", "Content-Type: message/rfc822\r\n\r\n", 9000, OK, 0, 1);
    check_many("\r\n", "0123456789012345678901234567890123456789\r\n", 200000, ERR_LIMIT, 0, 0);
}

RUN_TESTS(T(found_by_content), T(header_and_name), T(bounds))
