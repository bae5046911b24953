#include "tlsrpt/unpack.h"

#include "base/test.h"
#include "tlsrpt/gzip.h"

/* "{}" as zip files have it: stored, deflated, and deflated with its sizes behind. */
#define ZIP(flags, method, crc, packed, size)                                                                         \
    "PK\x03\x04\x14\x00" flags "\x00" method "\x00\x00\x00\x00\x00" crc packed size "\x01\x00\x00\x00r"
#define CRC_OF "\x43\xbf\xa6\xa3"
#define NONE "\x00\x00\x00\x00"
#define LEN(s) s, sizeof(s) - 1

static const struct {
    const char *name, *bytes;
    size_t len;
    enum status st;
} cases[] = {
    { "plain", LEN("{}"), OK },
    { "gzip", LEN("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\xae\x05\x00\x43\xbf\xa6\xa3\x02\x00\x00\x00"), OK },
    { "zip, stored", LEN(ZIP("\x00", "\x00", CRC_OF, "\x02\x00\x00\x00", "\x02\x00\x00\x00") "{}PK"), OK },
    { "zip, deflated", LEN(ZIP("\x00", "\x08", CRC_OF, "\x04\x00\x00\x00", "\x02\x00\x00\x00") "\xab\xae\x05\x00PK"),
      OK },
    { "zip, sizes behind", LEN(ZIP("\x08", "\x08", NONE, NONE, NONE) "\xab\xae\x05\x00PK\x07\x08" CRC_OF), OK },
    { "zip, sizes behind without a signature", LEN(ZIP("\x08", "\x08", NONE, NONE, NONE) "\xab\xae\x05\x00" CRC_OF),
      OK },
    { "zip, wrong checksum",
      LEN(ZIP("\x00", "\x00", "\x43\xbf\xa6\xa4", "\x02\x00\x00\x00", "\x02\x00\x00\x00") "{}PK"), ERR_SYNTAX },
    { "zip, cut", LEN(ZIP("\x00", "\x08", CRC_OF, "\x04\x00\x00\x00", "\x02\x00\x00\x00") "\xab"), ERR_SYNTAX },
    { "zip, lies about its size", LEN(ZIP("\x00", "\x00", CRC_OF, "\xff\xff\xff\xff", "\x02\x00\x00\x00") "{}"),
      ERR_SYNTAX },
    { "zip, encrypted", LEN(ZIP("\x01", "\x00", CRC_OF, "\x02\x00\x00\x00", "\x02\x00\x00\x00") "{}"), ERR_SYNTAX },
    { "zip, header alone", LEN("PK\x03\x04"), ERR_SYNTAX },
    { "gzip, cut", LEN("\x1f\x8b\x08"), ERR_SYNTAX },
    { "too long", LEN("123456789012345678901234567890123"), ERR_LIMIT },
};

TEST(unpack)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena arena = { 0 };
        struct slice out = SLICE_LIT("untouched");
        struct fault why = { "" };

        CHECK_CASE(cases[i].name,
                   tlsrpt_unpack(slice_of(cases[i].bytes, cases[i].len), 32, &arena, &out, &why) == cases[i].st);
        CHECK_CASE(cases[i].name, slice_eq(out, slice_str(cases[i].st == OK ? "{}" : "untouched")));
        arena_release(&arena);
    }
}

TEST(bombs_stay_small) /* RPT-01 */
{
    static char zeros[8 << 20];
    struct arena arena = { 0 };
    struct slice gz = gzip_pack(slice_of(zeros, sizeof zeros), &arena), out;
    struct fault why;

    CHECK_INT(tlsrpt_unpack(gz, 64 * 1024, &arena, &out, &why), ERR_LIMIT);
    arena_release(&arena);
}

RUN_TESTS(T(unpack), T(bombs_stay_small))
