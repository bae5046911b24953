#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "base/siphash.h"
#include "base/test.h"
#include "base/utf8.h"

static const struct { const char *text; bool good; uint64_t value; } number_cases[] = {
    { "0", true, 0 },
    { "18446744073709551615", true, UINT64_MAX },
    { "18446744073709551616", false, 0 },
    { "", false, 0 },
    { "-1", false, 0 },
    { "+1", false, 0 },
    { " 1", false, 0 },
    { "0x10", false, 0 },
    { "000000000000000000001", false, 0 },
};

TEST(slice_to_u64)
{
    for (size_t i = 0; i < COUNT_OF(number_cases); i++) {
        uint64_t v = 0;
        bool good = slice_to_u64(slice_str(number_cases[i].text), &v);

        CHECK_CASE(number_cases[i].text, good == number_cases[i].good && v == number_cases[i].value);
    }
}

TEST(slice_cut)
{
    struct slice rest, head = slice_cut(SLICE_LIT("MAIL FROM:<>"), ' ', &rest);

    CHECK_STR(head, "MAIL");
    CHECK_STR(rest, "FROM:<>");
    head = slice_cut(SLICE_LIT("QUIT"), ' ', &rest);
    CHECK_STR(head, "QUIT");
    CHECK_INT(rest.len, 0);
}

TEST(slice_case)
{
    CHECK(slice_eq_case(SLICE_LIT("EhLo"), SLICE_LIT("eHlO")));
    CHECK(!slice_eq_case(SLICE_LIT("@"), SLICE_LIT("`")));
    CHECK(slice_ends_case(SLICE_LIT("mx.EXAMPLE.org"), SLICE_LIT(".example.ORG")));
}

TEST(buf_shorten)
{
    struct buf b;

    buf_init(&b, 10);
    CHECK(buf_add(&b, SLICE_LIT("12345678")) == OK);
    buf_consume(&b, 2);
    buf_shorten(&b, 3);
    CHECK_STR(buf_slice(&b), "345");
    buf_shorten(&b, 3);
    CHECK(buf_add(&b, SLICE_LIT("abcdefghij")) == OK);
    CHECK_STR(buf_slice(&b), "abcdefghij");
    buf_release(&b);
}

TEST(buf_keeps_its_maximum)
{
    struct buf b;

    buf_init(&b, 10);
    CHECK(buf_add(&b, SLICE_LIT("12345678")) == OK);
    CHECK(buf_add(&b, SLICE_LIT("abc")) == ERR_LIMIT);
    CHECK(buf_addf(&b, "%d", 99) == OK);
    CHECK(buf_addf(&b, "x") == ERR_LIMIT);
    buf_consume(&b, 8);
    CHECK(buf_add(&b, SLICE_LIT("abcdefgh")) == OK);
    CHECK_STR(buf_slice(&b), "99abcdefgh");
    buf_release(&b);
}

TEST(arena_copies)
{
    struct arena a = { 0 };
    struct slice first = arena_copy(&a, SLICE_LIT("first"));

    for (int i = 0; i < 1000; i++)
        CHECK(arena_printf(&a, "%d", i).len > 0);
    CHECK_STR(first, "first");
    arena_reset(&a);
    CHECK_STR(arena_copy(&a, SLICE_LIT("again")), "again");
    arena_release(&a);
}

TEST(mem_grow_keeps_what_is_there)
{
    size_t *items = NULL, cap = 0;

    for (size_t i = 0; i < 1000; i++) {
        items = mem_grow(items, i, &cap, sizeof *items);
        CHECK(cap > i && cap <= 2 * (i + 4));
        items[i] = i;
    }
    for (size_t i = 0; i < 1000; i++)
        CHECK_INT(items[i], i);
    free(items);
}

/* The vector of the SipHash paper, appendix A. */
TEST(siphash_vector)
{
    const uint64_t key[2] = { 0x0706050403020100U, 0x0f0e0d0c0b0a0908U };
    char in[15];

    for (size_t i = 0; i < sizeof in; i++)
        in[i] = (char)i;
    CHECK(siphash(key, slice_of(in, sizeof in)) == 0xa129ca6149be45e5U);
}

TEST(map_holds_many)
{
    struct map m;
    char key[16];
    static int values[500];
    struct map_entry *at = NULL;
    struct slice k;
    void *v;
    size_t seen = 0;

    map_init(&m);
    for (int i = 0; i < 500; i++) {
        (void)snprintf(key, sizeof key, "key%d", i);
        CHECK(map_put(&m, slice_str(key), &values[i]) == NULL);
    }
    CHECK(map_get(&m, SLICE_LIT("key77")) == &values[77]);
    CHECK(map_put(&m, SLICE_LIT("key77"), &values[0]) == &values[77]);
    CHECK(map_remove(&m, SLICE_LIT("key78")) == &values[78]);
    CHECK(map_get(&m, SLICE_LIT("key78")) == NULL);
    while (map_next(&m, &at, &k, &v)) {
        seen++;
        CHECK(map_remove(&m, k) == v);
    }
    CHECK_INT(seen, 499);
    CHECK_INT(map_count(&m), 0);
    map_release(&m);
}

TEST(clock_texts)
{
    char out[CLOCK_TEXT];

    CHECK_STR(slice_str(clock_rfc3339(1790000000, out)), "2026-09-21T14:13:20Z");
    CHECK_STR(slice_str(clock_rfc5322(1790000000, out)), "Mon, 21 Sep 2026 14:13:20 +0000");
}

static const struct { const char *name, *in, *printable; bool is_valid; } utf8_cases[] = {
    { "ascii", "abc", "abc", true },
    { "two to four bytes", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x93\xa7", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x93\xa7", true },
    { "controls", "a\r\n\t\x1b\x7f", "a?????", true },
    { "C1 control", "\xc2\x9b", "??", true },
    { "overlong", "\xc0\xaf\xe0\x80\xaf", "?????", false },
    { "surrogate", "\xed\xa0\x80", "???", false },
    { "beyond U+10FFFF", "\xf4\x90\x80\x80", "????", false },
    { "cut short", "x\xe2\x82", "x??", false },
};

/* SRV-20: only strict UTF-8 is text. */
TEST(utf8)
{
    char out[64];

    for (size_t i = 0; i < COUNT_OF(utf8_cases); i++) {
        struct slice in = slice_str(utf8_cases[i].in);

        CHECK_CASE(utf8_cases[i].name, utf8_is_valid(in) == utf8_cases[i].is_valid);
        CHECK_STR(utf8_printable(in, out, sizeof out), utf8_cases[i].printable);
    }
    CHECK_STR(utf8_printable(SLICE_LIT("ab\xe2\x82\xac"), out, 4), "ab");
    CHECK(utf8_is_ascii(SLICE_LIT("ab")) && !utf8_is_ascii(SLICE_LIT("\xc3\xa9")));
}

static char captured[2048];

static void capture(struct slice line)
{
    (void)slice_to_cstr(line, captured, sizeof captured);
}

/* SRV-23: a peer's bytes cannot forge a second line or a field. */
TEST(log_escapes_values)
{
    struct log log = { 0 };

    log_capture(capture);
    log_with(&log, LOG_CSTR("session", "s1"));
    log_warning(&log, "odd name", LOG_CSTR("helo", "a\r\nlevel=error \"x\\ \xc2\x9b\xff"), LOG_INT("n", -3));
    CHECK(strstr(captured, "level=warning msg=\"odd name\" session=s1 "
                           "helo=\"a\\u000d\\u000alevel=error \\\"x\\\\ \\u00c2\\u009b\\u00ff\" n=-3\n") != NULL);
    log_info(NULL, "alone");
    CHECK(strstr(captured, "msg=alone\n") != NULL);
    log_capture(NULL);
}

RUN_TESTS(T(slice_to_u64), T(slice_cut), T(slice_case), T(buf_shorten), T(buf_keeps_its_maximum), T(arena_copies),
          T(mem_grow_keeps_what_is_there), T(siphash_vector), T(map_holds_many), T(clock_texts), T(utf8),
          T(log_escapes_values))
