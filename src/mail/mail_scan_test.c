#include "mail/scan.h"

#include "base/test.h"
#include "mail/header.h"

static const struct { const char *name, *in; size_t received; const char *message_id; bool says_no; } cases[] = {
    { "SRV-14: hops", "Received: a\r\nReceived: b\r\nMessage-Id: <1@a>\r\n\r\nReceived: c\r\n", 2, "<1@a>", false },
    { "TLS-Required: No", "TLS-Required: No\r\n\r\n", 0, "", true },
    { "in lower case, last line of all", "tls-required:no", 0, "", true },
    { "not No", "TLS-Required: None\r\n\r\n", 0, "", false },
    { "twice", "TLS-Required: No\r\nTLS-Required: No\r\n\r\n", 0, "", false },
    { "in the body", "\r\nTLS-Required: No\r\n", 0, "", false },
};

TEST(scan)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct mail_scan *s = mail_scan_new();

        mail_scan_feed(s, slice_str(cases[i].in));
        mail_scan_end(s);
        CHECK_CASE(cases[i].name, mail_scan_received(s) == cases[i].received);
        CHECK_STR(mail_scan_message_id(s), cases[i].message_id);
        CHECK_CASE(cases[i].name, mail_scan_tls_required_no(s) == cases[i].says_no);
        CHECK_CASE(cases[i].name, !mail_scan_is_too_long(s) && !mail_scan_has_8bit(s));
        mail_scan_free(s);
    }
}

TEST(too_long)
{
    struct mail_scan *s = mail_scan_new();

    for (size_t i = 0; i < MAIL_HEADER_BYTES_MAX / 10; i++)
        mail_scan_feed(s, SLICE_LIT("Received: \xc3\xa9\r\n"));
    CHECK(mail_scan_is_too_long(s) && mail_scan_has_8bit(s));
    CHECK_INT(mail_scan_header_bytes(s), MAIL_HEADER_BYTES_MAX);
    mail_scan_free(s);
}

RUN_TESTS(T(scan), T(too_long))
