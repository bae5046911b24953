#include "bridge/netstring.h"

#include "base/test.h"

enum { MOST = 20 };

static const struct { const char *name, *in; enum netstring_result result; const char *payload; size_t used; } cases[] = {
    { "whole", "5:hello,", NETSTRING_WHOLE, "hello", 8 },
    { "empty", "0:,", NETSTRING_WHOLE, "", 3 },
    { "more behind it", "5:hello,3:abc,", NETSTRING_WHOLE, "hello", 8 },
    { "comma and colon inside", "4:a,:b,", NETSTRING_WHOLE, "a,:b", 7 },
    { "as long as allowed", "20:01234567890123456789,", NETSTRING_WHOLE, "01234567890123456789", 24 },
    { "nothing", "", NETSTRING_PART, "", 0 },
    { "half a length", "1", NETSTRING_PART, "", 0 },
    { "a zero may go on with a colon", "0", NETSTRING_PART, "", 0 },
    { "no payload yet", "5:", NETSTRING_PART, "", 0 },
    { "half a payload", "5:hel", NETSTRING_PART, "", 0 },
    { "no comma yet", "5:hello", NETSTRING_PART, "", 0 },
    { "no comma", "5:hello;", NETSTRING_MALFORMED, "", 0 },
    { "payload longer than said", "4:hello,", NETSTRING_MALFORMED, "", 0 },
    { "no length", ":hello,", NETSTRING_MALFORMED, "", 0 },
    { "a sign", "+5:hello,", NETSTRING_MALFORMED, "", 0 },
    { "minus", "-1:hello,", NETSTRING_MALFORMED, "", 0 },
    { "a blank", " 5:hello,", NETSTRING_MALFORMED, "", 0 },
    { "a blank behind the length", "5 :hello,", NETSTRING_MALFORMED, "", 0 },
    { "hexadecimal", "0x5:hello,", NETSTRING_MALFORMED, "", 0 },
    { "a leading zero", "05:hello,", NETSTRING_MALFORMED, "", 0 },
    { "two zeros", "00:,", NETSTRING_MALFORMED, "", 0 },
    { "a line of SMTP", "EHLO mail.example.org\r\n", NETSTRING_MALFORMED, "", 0 },
    { "one too long", "21:", NETSTRING_TOO_LONG, "", 0 },
    { "10 MB", "10000000:", NETSTRING_TOO_LONG, "", 0 },
    { "too long before its length ends", "99", NETSTRING_TOO_LONG, "", 0 },
    { "length beyond 64 bits", "184467440737095516165:hello,", NETSTRING_TOO_LONG, "", 0 },
};

TEST(read)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct slice payload = SLICE_LIT("");
        size_t used = 0;
        enum netstring_result result = netstring_read(slice_str(cases[i].in), MOST, &payload, &used);

        CHECK_CASE(cases[i].name, result == cases[i].result && used == cases[i].used);
        CHECK_CASE(cases[i].name, slice_eq(payload, slice_str(cases[i].payload)));
    }
}

TEST(every_part_of_a_whole_one_is_a_part)
{
    const struct slice whole = SLICE_LIT("18:policy example.com,");
    struct slice payload;
    size_t used;

    for (size_t len = 0; len < whole.len; len++)
        CHECK_INT(netstring_read(slice_first(whole, len), MOST, &payload, &used), NETSTRING_PART);
    CHECK_INT(netstring_read(whole, MOST, &payload, &used), NETSTRING_WHOLE);
}

TEST(add)
{
    struct buf b;

    buf_init(&b, 16);
    CHECK_INT(netstring_add(&b, SLICE_LIT("hello")), OK);
    CHECK_INT(netstring_add(&b, SLICE_LIT("")), OK);
    CHECK_INT(netstring_add(&b, SLICE_LIT("ab")), OK);
    CHECK_STR(buf_slice(&b), "5:hello,0:,2:ab,");
    CHECK_INT(netstring_add(&b, SLICE_LIT("")), ERR_LIMIT);
    CHECK_STR(buf_slice(&b), "5:hello,0:,2:ab,");
    buf_consume(&b, 11);
    CHECK_INT(netstring_add(&b, SLICE_LIT("too long now")), ERR_LIMIT);
    CHECK_STR(buf_slice(&b), "2:ab,");
    buf_release(&b);
}

RUN_TESTS(T(read), T(every_part_of_a_whole_one_is_a_part), T(add))
