#include "tlsrpt/gzip.h"

#include "base/buf.h"
#include "base/test.h"

/* "{}\n", as gzip(1) -n packs it. */
static const char packed[] =
    "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\xae\xe5\x02\x00\x06\xb0\xa1\xdd\x03\x00\x00\x00";

enum { PACKED_LEN = sizeof packed - 1 };

static void check_round(struct slice in, size_t max, enum status want)
{
    struct arena arena = { 0 };
    struct slice out = SLICE_LIT("untouched"), gz = gzip_pack(in, &arena);
    struct fault why = { "" };

    CHECK(slice_starts(gz, SLICE_LIT("\x1f\x8b\x08\x00")));
    CHECK_INT(gzip_unpack(gz, max, &arena, &out, &why), want);
    CHECK(slice_eq(out, want == OK ? in : SLICE_LIT("untouched")));
    CHECK((why.text[0] == '\0') == (want == OK));
    arena_release(&arena);
}

TEST(there_and_back)
{
    struct buf b;

    buf_init(&b, 1 << 20);
    for (unsigned i = 0; i < 20000; i++)
        CHECK(buf_addf(&b, "%x,", i * 2654435761U) == OK);
    check_round(SLICE_LIT(""), 0, OK);
    check_round(SLICE_LIT("a"), 1, OK);
    check_round(SLICE_LIT("a"), 0, ERR_LIMIT);
    check_round(buf_slice(&b), b.len, OK);
    check_round(buf_slice(&b), b.len - 1, ERR_LIMIT);
    check_round(buf_slice(&b), SIZE_MAX / 2, OK);
    buf_release(&b);
}

TEST(a_bomb_stays_small) /* RPT-01 */
{
    static char zeros[8 << 20];
    struct arena arena = { 0 };
    struct slice gz = gzip_pack(slice_of(zeros, sizeof zeros), &arena), out;
    struct fault why;

    CHECK(gz.len < 16 * 1024);
    CHECK_INT(gzip_unpack(gz, 64 * 1024, &arena, &out, &why), ERR_LIMIT);
    CHECK_STR(slice_str(why.text), "it unpacks to more than 65536 bytes");
    arena_release(&arena);
}

/* One byte of `packed` made another, or bytes left off or added (RPT-01). */
static const struct {
    const char *name;
    size_t at; /* the byte changed */
    char byte;
    size_t len;
    const char *why;
} cases[] = {
    { "as it is", 0, '\x1f', PACKED_LEN, NULL },
    { "empty", 0, '\x1f', 0, "cut short" },
    { "cut within its head", 0, '\x1f', 5, "cut short" },
    { "cut within its data", 0, '\x1f', 12, "cut short" },
    { "cut within its length", 0, '\x1f', PACKED_LEN - 1, "cut short" },
    { "another magic number", 0, 'P', PACKED_LEN, "damaged" },
    { "another method", 2, '\x07', PACKED_LEN, "damaged" },
    { "wrong CRC", 15, '\0', PACKED_LEN, "damaged" },
    { "wrong length", 19, '\4', PACKED_LEN, "damaged" },
    { "a byte behind", 0, '\x1f', PACKED_LEN + 1, "something follows" },
    { "another member behind", 0, '\x1f', 2 * PACKED_LEN, "something follows" },
};

TEST(gzip_unpack)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char in[2 * PACKED_LEN];
        struct arena arena = { 0 };
        struct fault why = { "" };
        struct slice out;

        memcpy(in, packed, PACKED_LEN);
        memcpy(in + PACKED_LEN, packed, PACKED_LEN);
        in[cases[i].at] = cases[i].byte;
        CHECK_CASE(cases[i].name, gzip_unpack(slice_of(in, cases[i].len), 100, &arena, &out, &why) ==
                                      (cases[i].why == NULL ? OK : ERR_SYNTAX));
        CHECK_CASE(cases[i].name,
                   cases[i].why == NULL ? slice_eq(out, SLICE_LIT("{}\n")) : strstr(why.text, cases[i].why) != NULL);
        arena_release(&arena);
    }
}

RUN_TESTS(T(there_and_back), T(a_bomb_stays_small), T(gzip_unpack))
