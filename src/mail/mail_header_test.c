#include "mail/header.h"

#include "base/memory.h"
#include "base/test.h"

#include <stdlib.h>

enum { RECEIVED, MESSAGE_ID, TLS_REQUIRED, FIELDS };

static const struct mail_field wanted[FIELDS] = {
    [RECEIVED] = { .name = "Received", .is_counted = true },
    [MESSAGE_ID] = { .name = "Message-ID" },
    [TLS_REQUIRED] = { .name = "TLS-Required" },
};

static const struct {
    const char *name, *in;
    size_t received;
    const char *message_id, *tls_required;
    size_t bytes; /* 0: all */
    bool is_over, has_8bit, is_malformed;
} cases[] = {
    { "plain", "Received: a\r\nMessage-ID: <1@a>\r\nreceived: b\r\nTLS-Required: No\r\n\r\nReceived: in the body\r\n", 2,
      "<1@a>", "No", 65, true, false, false },
    { "folded", "Message-ID:\r\n <1@a>\r\n\t(x)\r\nX: y\r\n\r\n", 0, "<1@a>\t(x)", "", 0, true, false, false },
    { "first counts", "TLS-Required: a\r\nTLS-Required: b\r\n\r\n", 0, "", "a", 0, true, false, false },
    { "first counts, empty too", "TLS-Required:\r\nTLS-Required: b\r\n\r\n", 0, "", "", 0, true, false, false },
    { "blank before the colon", "Received : a\r\nMESSAGE-id\t:b\r\n\r\n", 1, "b", "", 0, true, false, false },
    { "similar names", "Received-SPF: a\r\nX-Received: a\r\nReceive: x\r\n\r\n", 0, "", "", 0, true, false, false },
    { "no header at all", "\r\nReceived: a\r\n", 0, "", "", 2, true, false, false },
    { "ends without an empty line", "Received: a\r\nMessage-ID: x\r", 1, "x", "", 0, false, false, false },
    { "ends within a name", "Received: a\r\nRecei", 1, "", "", 0, false, false, false },
    { "bare LF", "Received: a\nMessage-ID: x\n\nReceived: b\n", 1, "x", "", 27, true, false, false },
    { "8-bit in a field", "Subject: \xc3\xa9\r\n\r\n", 0, "", "", 0, true, true, false },
    { "8-bit in a name", "S\xc3\xa9: x\r\n\r\n", 0, "", "", 0, true, true, false },
    { "8-bit in the body", "Subject: e\r\n\r\n\xc3\xa9\r\n", 0, "", "", 14, true, false, false },
    { "a line without colon", "Received: a\r\nwhat is this\r\nReceived: b\r\n\r\n", 2, "", "", 0, true, false, true },
    { "a CR that ends nothing", "Received: a\r\n\rReceived: b\r\nReceived: c\r\n\r\n", 2, "", "", 0, true, false, true },
    { "continuation in front", " Received: a\r\nReceived: b\r\n\r\n", 1, "", "", 0, true, false, false },
    { "continuation of blanks", "Message-ID: a\r\n \r\n b\r\n\r\n", 0, "a  b", "", 0, true, false, false },
    { "colons in the value", "Message-ID: a:b: c\r\n\r\n", 0, "a:b: c", "", 0, true, false, false },
    { "empty", "", 0, "", "", 0, false, false, false },
};

TEST(reads_in_any_cut)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        for (size_t step = 1; step < 30; step++) {
            struct arena arena = { 0 };
            struct mail_field fields[FIELDS];
            struct mail_header h;
            const char *name = cases[i].name;

            memcpy(fields, wanted, sizeof fields);
            mail_header_begin(&h, &arena, fields, FIELDS);
            for (struct slice in = slice_str(cases[i].in); in.len > 0; in = slice_from(in, step))
                CHECK_CASE(name, mail_header_feed(&h, slice_first(in, step)) == OK);
            mail_header_end(&h);
            CHECK_CASE(name, fields[RECEIVED].count == cases[i].received && fields[RECEIVED].first.len == 0);
            CHECK_STR(fields[MESSAGE_ID].first, cases[i].message_id);
            CHECK_STR(fields[TLS_REQUIRED].first, cases[i].tls_required);
            CHECK_CASE(name, h.bytes == (cases[i].bytes > 0 ? cases[i].bytes : strlen(cases[i].in)));
            CHECK_CASE(name, h.is_over == cases[i].is_over && h.has_8bit == cases[i].has_8bit);
            CHECK_CASE(name, h.is_malformed == cases[i].is_malformed);
            arena_release(&arena);
        }
}

/* SRV-14: as many as a loop makes. SRV-24: not more than the limit. */
TEST(limits)
{
    struct arena arena = { 0 };
    struct mail_field fields[] = { { .name = "Received", .is_counted = true }, { .name = "X-Long" } };
    struct mail_header h;
    struct slice line = SLICE_LIT("Received: a\r\n");
    enum status st = OK;
    size_t lines = 0;
    char *value = mem_new(5000, 1);

    memset(value, 'x', 5000);
    mail_header_begin(&h, &arena, fields, COUNT_OF(fields));
    CHECK(mail_header_feed(&h, SLICE_LIT("X-Long: ")) == OK && mail_header_feed(&h, slice_of(value, 5000)) == OK);
    CHECK(mail_header_feed(&h, SLICE_LIT("\r\n")) == OK);
    while (st == OK && lines < 100000) {
        st = mail_header_feed(&h, line);
        lines++;
    }
    CHECK(st == ERR_LIMIT);
    CHECK_INT(h.bytes, MAIL_HEADER_BYTES_MAX);
    CHECK(fields[0].count == lines || fields[0].count == lines - 1);
    mail_header_end(&h);
    CHECK_INT(fields[1].first.len, MAIL_FIELD_VALUE_MAX);
    free(value);
    arena_release(&arena);
}

RUN_TESTS(T(reads_in_any_cut), T(limits))
