#include "policy/tlsa.h"

#include "base/test.h"

/* A record as in a zone file, which stands for its RDATA. */
static struct slice rdata(const char *text, struct arena *arena)
{
    unsigned usage, selector, type;
    char *out = arena_alloc(arena, strlen(text) + 3);
    size_t len = 3;
    int at = 0;

    CHECK(sscanf(text, "%u %u %u %n", &usage, &selector, &type, &at) == 3);
    out[0] = (char)usage;
    out[1] = (char)selector;
    out[2] = (char)type;
    for (text += at; text[0] != '\0'; text += 2) {
        unsigned byte;

        CHECK(sscanf(text, "%2x", &byte) == 1);
        out[len++] = (char)byte;
    }
    return slice_of(out, len);
}

#define D32 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define D64 D32 D32
#define CERT "3008300030000302000f"
#define SPKI "300630000302000f"

/* DANE-03, DANE-04: one record alone, by its fields. */
static const struct { const char *name, *record; enum dane_state state; } usable_cases[] = {
    { "leaf key, SHA-256", "3 1 1 " D32, DANE_USABLE },
    { "leaf key, SHA-512", "3 1 2 " D64, DANE_USABLE },
    { "leaf certificate, SHA-256", "3 0 1 " D32, DANE_USABLE },
    { "anchor certificate, SHA-256", "2 0 1 " D32, DANE_USABLE },
    { "anchor key, SHA-512", "2 1 2 " D64, DANE_USABLE },
    { "whole certificate", "3 0 0 " CERT, DANE_USABLE },
    { "whole anchor", "2 0 0 " CERT, DANE_USABLE },
    { "whole key", "3 1 0 " SPKI, DANE_USABLE },
    { "bare anchor key", "2 1 0 " SPKI, DANE_USABLE },
    { "length in the long form", "3 1 0 3081063000" "0302000f", DANE_USABLE },
    { "PKIX-TA", "0 0 1 " D32, DANE_UNUSABLE },
    { "PKIX-EE", "1 1 1 " D32, DANE_UNUSABLE },
    { "usage 4", "4 1 1 " D32, DANE_UNUSABLE },
    { "usage 255", "255 1 1 " D32, DANE_UNUSABLE },
    { "selector 2", "3 2 1 " D32, DANE_UNUSABLE },
    { "selector 255", "3 255 1 " D32, DANE_UNUSABLE },
    { "type 3", "3 1 3 " D32, DANE_UNUSABLE },
    { "type 255", "3 1 255 " D64, DANE_UNUSABLE },
    { "no data", "3 1 1 ", DANE_UNUSABLE },
    { "no whole certificate", "3 0 0 ", DANE_UNUSABLE },
    { "SHA-1 by length", "3 1 1 000102030405060708090a0b0c0d0e0f10111213", DANE_UNUSABLE },
    { "a byte short", "3 1 1 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e", DANE_UNUSABLE },
    { "a byte more", "3 1 1 " D32 "00", DANE_UNUSABLE },
    { "SHA-512 as SHA-256", "3 1 1 " D64, DANE_UNUSABLE },
    { "SHA-256 as SHA-512", "3 1 2 " D32, DANE_UNUSABLE },
    { "key as a certificate", "3 0 0 " SPKI, DANE_UNUSABLE },
    { "certificate as a key", "3 1 0 " CERT, DANE_UNUSABLE },
    { "bytes behind the certificate", "3 0 0 " CERT "00", DANE_UNUSABLE },
    { "bytes behind the key", "3 1 0 300730000302000f00", DANE_UNUSABLE },
    { "certificate cut short", "3 0 0 3008300030000302", DANE_UNUSABLE },
    { "no signature", "3 0 0 300430003000", DANE_UNUSABLE },
    { "empty signature", "3 0 0 30073000300003" "0100", DANE_UNUSABLE },
    { "not a sequence", "3 0 0 3108300030000302000f", DANE_UNUSABLE },
    { "a tag alone", "3 0 0 30", DANE_UNUSABLE },
    { "indefinite length", "3 0 0 308030003000030200" "0f0000", DANE_UNUSABLE },
    { "a length of four gigabytes", "3 0 0 3084ffffffff", DANE_UNUSABLE },
    { "a length of five bytes", "3 0 0 30850000000008300030000302000f", DANE_UNUSABLE },
    { "a length that is cut", "3 0 0 3082ff", DANE_UNUSABLE },
    { "PEM", "3 0 0 2d2d2d2d2d424547494e", DANE_UNUSABLE },
};

TEST(which_are_usable)
{
    for (size_t i = 0; i < COUNT_OF(usable_cases); i++) {
        struct arena arena = { 0 };
        struct slice record = rdata(usable_cases[i].record, &arena);
        struct tlsa_set set = { .base_domain = SLICE_LIT("mx.example.org") };

        CHECK_CASE(usable_cases[i].name, tlsa_choose(&record, 1, &arena, &set) == usable_cases[i].state);
        CHECK_CASE(usable_cases[i].name, set.records_len == (usable_cases[i].state == DANE_USABLE ? 1 : 0));
        CHECK_CASE(usable_cases[i].name, set.texts_len == 1);
        CHECK_STR(set.texts[0], usable_cases[i].record);
        CHECK_STR(set.base_domain, "mx.example.org");
        arena_release(&arena);
    }
}

#define A32 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A64 A32 A32

/* DANE-05, DANE-06, DANE-07: what stays of a set, in its order. */
static const struct { const char *name; const char *records[5]; const char *kept; } set_cases[] = {
    { "one", { "3 1 1 " D32 }, "0" },
    { "rollover", { "3 1 1 " D32, "3 1 1 " A32 }, "01" },
    { "stronger last", { "3 1 1 " D32, "3 1 2 " D64 }, "1" },
    { "stronger first", { "3 1 2 " D64, "3 1 1 " D32 }, "0" },
    { "two of the stronger", { "3 1 2 " D64, "3 1 1 " D32, "3 1 2 " A64 }, "02" },
    { "another selector", { "3 1 1 " D32, "3 0 2 " D64 }, "01" },
    { "another usage", { "3 1 1 " D32, "2 1 2 " D64 }, "01" },
    { "each for itself", { "2 0 1 " D32, "2 0 2 " D64, "3 1 1 " D32, "3 1 2 " D64 }, "13" },
    { "whole data beside a digest", { "3 1 0 " SPKI, "3 1 1 " D32 }, "01" },
    { "whole data beside two digests", { "3 1 1 " D32, "3 1 0 " SPKI, "3 1 2 " D64 }, "12" },
    { "a stronger one that is broken", { "3 1 1 " D32, "3 1 2 " D32 }, "0" },
    { "a type nobody knows is not stronger", { "3 1 1 " D32, "3 1 200 " D64 }, "0" },
    { "unusable beside usable", { "0 0 1 " D32, "3 1 1 " D32, "1 1 1 " D32 }, "1" },
    { "all unusable", { "0 0 1 " D32, "1 1 1 " D32, "3 1 1 00" }, "" },
    { "none", { NULL }, "" },
};

TEST(what_stays_of_a_set)
{
    for (size_t i = 0; i < COUNT_OF(set_cases); i++) {
        size_t len = 0, kept = strlen(set_cases[i].kept);
        struct arena arena = { 0 };
        struct slice records[COUNT_OF(set_cases[0].records)];
        struct tlsa_set set = { 0 };
        enum dane_state state;

        for (; len < COUNT_OF(records) && set_cases[i].records[len] != NULL; len++)
            records[len] = rdata(set_cases[i].records[len], &arena);
        state = tlsa_choose(records, len, &arena, &set);
        CHECK_CASE(set_cases[i].name, state == (kept > 0 ? DANE_USABLE : DANE_UNUSABLE));
        CHECK_CASE(set_cases[i].name, set.records_len == kept && set.texts_len == len);
        for (size_t j = 0; j < kept; j++)
            CHECK_STR(tlsa_text(&set.records[j], &arena), set_cases[i].records[set_cases[i].kept[j] - '0']);
        arena_release(&arena);
    }
}

/* DANE-08 */
TEST(a_thousand_records)
{
    enum { MANY = 1000 };
    struct arena arena = { 0 };
    struct slice records[MANY];
    struct tlsa_set set;

    for (size_t i = 0; i < MANY; i++)
        records[i] = rdata(i % 2 == 0 ? "3 1 1 " D32 : "3 1 1 " A32, &arena);
    CHECK(tlsa_choose(records, MANY, &arena, &set) == DANE_USABLE);
    CHECK(set.records_len == TLSA_MOST && set.texts_len == TLSA_MOST);
    arena_release(&arena);
}

/* DANE-08: the longest RDATA there is; what does not even have its fields. */
TEST(odd_lengths)
{
    static char huge[65535] = { 3, 0, 0 };
    struct slice records[] = {
        { huge, sizeof huge }, { "\3\1", 2 }, { "", 0 }, { "\3\1\1", 3 }, { "\3", 1 },
    };
    struct arena arena = { 0 };
    struct tlsa_set set;

    CHECK(tlsa_choose(records, COUNT_OF(records), &arena, &set) == DANE_UNUSABLE);
    CHECK_INT(set.texts_len, COUNT_OF(records));
    CHECK_INT(set.texts[0].len, strlen("3 0 0 ") + 2 * (sizeof huge - 3));
    CHECK_STR(set.texts[1], "\\# 2 0301");
    CHECK_STR(set.texts[2], "\\# 0 ");
    CHECK_STR(set.texts[3], "3 1 1 ");
    CHECK_STR(set.texts[4], "\\# 1 03");
    arena_release(&arena);
}

/* Nothing of the answer is borrowed. */
TEST(copies)
{
    char bytes[35] = { 3, 1, 1, 'x' };
    struct slice record = slice_of(bytes, sizeof bytes);
    struct arena arena = { 0 };
    struct tlsa_set set;

    CHECK(tlsa_choose(&record, 1, &arena, &set) == DANE_USABLE);
    memset(bytes, 0, sizeof bytes);
    CHECK(set.records[0].usage == 3 && set.records[0].data.ptr[0] == 'x');
    arena_release(&arena);
}

TEST(dane_state_name)
{
    CHECK_STR(slice_str(dane_state_name(DANE_UNUSABLE)), "unusable");
    CHECK_STR(slice_str(dane_state_name(DANE_BOGUS)), "bogus");
}

RUN_TESTS(T(which_are_usable), T(what_stays_of_a_set), T(a_thousand_records), T(odd_lengths), T(copies),
          T(dane_state_name))
