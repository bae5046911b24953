#include "settings/units.h"

#include "base/test.h"
#include "settings/domain_name.h"
#include "settings/nearest.h"

static const struct { const char *text; bool good; int64_t ms; const char *again; } duration_cases[] = {
    { "0", true, 0, "0" },
    { "250ms", true, 250, "250ms" },
    { "90s", true, 90000, "1m30s" },
    { "5m", true, 300000, "5m" },
    { "1h30m", true, 5400000, "1h30m" },
    { "5d", true, 432000000, "5d" },
    { "10d", true, 864000000, "10d" },
    { "2w", true, 1209600000, "2w" },
    { "1w1d1h1m1s1ms", true, 694861001, "8d1h1m1s1ms" },
    { "3653d", true, 315619200000, "3653d" },
    { "3654d", false, 0, "" },
    { "18446744073709551615w", false, 0, "" },
    { "", false, 0, "" },
    { "5", false, 0, "" },
    { "m", false, 0, "" },
    { "5 m", false, 0, "" },
    { "-5m", false, 0, "" },
    { "5M", false, 0, "" },
    { "30m1h", false, 0, "" },
    { "1h1h", false, 0, "" },
    { "1.5h", false, 0, "" },
    { "5min", false, 0, "" },
    { "1h ", false, 0, "" },
};

TEST(durations)
{
    for (size_t i = 0; i < COUNT_OF(duration_cases); i++) {
        char text[UNITS_TEXT];
        int64_t ms = 0;
        bool good = units_parse_duration(slice_str(duration_cases[i].text), &ms, NULL) == OK;

        CHECK_CASE(duration_cases[i].text, good == duration_cases[i].good && ms == duration_cases[i].ms);
        CHECK_CASE(duration_cases[i].text,
                   !good || strcmp(units_duration_text(ms, text), duration_cases[i].again) == 0);
    }
}

static const struct { const char *text; bool good; uint64_t bytes; const char *again; } size_cases[] = {
    { "0", true, 0, "0" },
    { "512B", true, 512, "512B" },
    { "64KiB", true, 65536, "64KiB" },
    { "50MiB", true, 52428800, "50MiB" },
    { "2048MiB", true, 2147483648, "2GiB" },
    { "1TiB", true, 1099511627776, "1TiB" },
    { "16777216TiB", false, 0, "" },
    { "", false, 0, "" },
    { "50", false, 0, "" },
    { "50MB", false, 0, "" },
    { "50mib", false, 0, "" },
    { "1MiB1KiB", false, 0, "" },
    { "-1B", false, 0, "" },
};

TEST(sizes)
{
    for (size_t i = 0; i < COUNT_OF(size_cases); i++) {
        char text[UNITS_TEXT];
        uint64_t bytes = 0;
        bool good = units_parse_size(slice_str(size_cases[i].text), &bytes, NULL) == OK;

        CHECK_CASE(size_cases[i].text, good == size_cases[i].good);
        CHECK_CASE(size_cases[i].text, !good || bytes == size_cases[i].bytes);
        CHECK_CASE(size_cases[i].text, !good || strcmp(units_size_text(bytes, text), size_cases[i].again) == 0);
    }
}

static const struct { const char *text; bool good; const char *name; } domain_cases[] = {
    { "example.org", true, "example.org" },
    { "Example.ORG.", true, "example.org" },
    { "B\xc3\xbc" "cher.Example", true, "xn--bcher-kva.example" },
    { "xn--bcher-kva.example", true, "xn--bcher-kva.example" },
    { "stra\xc3\x9f" "e.example", true, "xn--strae-oqa.example" },
    { "localhost", true, "localhost" },
    { "", false, "" },
    { ".", false, "" },
    { ".example.org", false, "" },
    { "*", false, "" },
    { "a@example.org", false, "" },
    { "exa_mple.org", false, "" },
    { "exa mple.org", false, "" },
    { "192.0.2.1", false, "" },
    { "2001:db8::1", false, "" },
    { "list:x", false, "" },
    { "a..b", false, "" },
    { "xn--a.example", false, "" },
    { "\xff.example", false, "" },
};

TEST(domain_names)
{
    struct arena arena = { 0 };

    for (size_t i = 0; i < COUNT_OF(domain_cases); i++) {
        struct slice got = SLICE_LIT("");
        bool good = domain_name_normalise(slice_str(domain_cases[i].text), &arena, &got, NULL) == OK;

        CHECK_CASE(domain_cases[i].text, good == domain_cases[i].good);
        CHECK_CASE(domain_cases[i].text, slice_eq(got, slice_str(domain_cases[i].name)));
    }
    arena_release(&arena);
}

static const struct { const char *text; bool good; const char *pattern; } pattern_cases[] = {
    { "*", true, "*" },
    { "Jo.Doe@EXAMPLE.org", true, "Jo.Doe@example.org" },
    { ".B\xc3\xbc" "cher.example", true, ".xn--bcher-kva.example" },
    { "Example.org", true, "example.org" },
    { "list:Partners", true, "list:Partners" },
    { "", false, "" },
    { "jo@", false, "" },
    { "@example.org", false, "" },
    { "*.example.org", false, "" },
    { "j o@example.org", false, "" },
    { "list:a b", false, "" },
};

TEST(patterns)
{
    struct arena arena = { 0 };

    for (size_t i = 0; i < COUNT_OF(pattern_cases); i++) {
        struct slice got = SLICE_LIT("");
        struct fault why = { "" };
        bool good = domain_name_normalise_pattern(slice_str(pattern_cases[i].text), true, &arena, &got, &why) == OK;

        CHECK_CASE(pattern_cases[i].text, good == pattern_cases[i].good && good == (why.text[0] == '\0'));
        CHECK_CASE(pattern_cases[i].text, !good || slice_eq(got, slice_str(pattern_cases[i].pattern)));
    }
    CHECK(domain_name_normalise_pattern(SLICE_LIT("a\0b@example.org"), true, &arena, &(struct slice){ 0 }, NULL) != OK);
    arena_release(&arena);
}

static const struct { const char *word, *best; } nearest_cases[] = {
    { "sever", "servers" }, { "descripton", "description" }, { "tls-level", "" }, { "min-versions", "min-version" },
    { "", "" },             { "desc", "description" },       { "x", "" },         { "tlss", "tls" },
};

TEST(nearest_words)
{
    static const char *const known[] = { "servers", "description", "tls", "min-version", "mx-lookup" };

    for (size_t i = 0; i < COUNT_OF(nearest_cases); i++) {
        struct nearest n = { .word = slice_str(nearest_cases[i].word) };

        for (size_t k = 0; k < COUNT_OF(known); k++)
            nearest_offer(&n, slice_str(known[k]));
        CHECK_CASE(nearest_cases[i].word, slice_eq(n.best, slice_str(nearest_cases[i].best)));
    }
}

static const struct { const char *text; bool good; int64_t wall_s; } moments[] = {
    { "1970-01-01", true, 0 },
    { "1970-01-02T00:00Z", true, 86400 },
    { "1970-01-01T23:59:59Z", true, 86399 },
    { "2026-12-31T04:30Z", true, 1798691400 },
    { "2026-02-30", false, 0 },
    { "2026-12-31T24:00Z", false, 0 },
    { "2026-12-31T04:60Z", false, 0 },
    { "2026-12-31T04:30:60Z", false, 0 },
    { "2026-12-31T04:30", false, 0 },
    { "2026-12-31T04:30+01:00", false, 0 },
    { "2026-12-31 04:30Z", false, 0 },
    { "2026-12-31T4:30Z", false, 0 },
    { "2026-12-31T", false, 0 },
    { "", false, 0 },
};

TEST(parse_moment)
{
    for (size_t i = 0; i < COUNT_OF(moments); i++) {
        int64_t wall_s = 0;
        struct fault why = { "" };
        bool good = units_parse_moment(slice_str(moments[i].text), &wall_s, &why) == OK;

        CHECK_CASE(moments[i].text, good == moments[i].good && wall_s == moments[i].wall_s);
    }
}

RUN_TESTS(T(parse_moment), T(durations), T(sizes), T(domain_names), T(patterns), T(nearest_words))
