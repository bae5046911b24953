#include "policy/mta_sts.h"

#include "base/buf.h"
#include "base/test.h"

#define HEAD "version: STSv1\nmode: enforce\n"
#define TAIL "max_age: 604800\n"
#define L63 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk"

static const struct {
    const char *name, *text;
    enum sts_mode mode;
    int64_t max_age_s;
    const char *mx;
} good_cases[] = {
    { "as in RFC 8461 section 3.2",
      "version: STSv1\nmode: enforce\nmx: mail.example.com\nmx: *.example.net\nmx: backupmx.example.com\n"
      "max_age: 604800",
      STS_MODE_ENFORCE, 604800, "mail.example.com *.example.net backupmx.example.com" },
    { "STS-07 CRLF", "version: STSv1\r\nmode: testing\r\nmx: a.example\r\nmax_age: 86400\r\n", STS_MODE_TESTING, 86400,
      "a.example" },
    { "STS-07 LF and CRLF mixed", "version: STSv1\r\nmode: enforce\nmx: a.example\r\nmax_age: 1\n", STS_MODE_ENFORCE,
      1, "a.example" },
    { "STS-07 blanks and tabs behind the colon and at the end",
      "version:STSv1 \nmode:\tenforce\t\nmx:   a.example\t \r\nmax_age: 5 ", STS_MODE_ENFORCE, 5, "a.example" },
    { "any order", "max_age: 7\nmx: b.example\nmode: enforce\nmx: a.example\nversion: STSv1\n", STS_MODE_ENFORCE, 7,
      "b.example a.example" },
    { "STS-08 unknown fields", HEAD "note: caf\xc3\xa9 = ; x\nX-1.b_c: y\nmx: a.example\n" TAIL, STS_MODE_ENFORCE,
      604800, "a.example" },
    { "STS-08 the first of a repeated field",
      HEAD "mode: none\nmode: bogus\nversion: STSv2\nmx: a.example\n" TAIL "max_age: 99999999999\n", STS_MODE_ENFORCE,
      604800, "a.example" },
    { "STS-08 mx repeats, also the same one", HEAD "mx: a.example\nmx: a.example\n" TAIL, STS_MODE_ENFORCE, 604800,
      "a.example a.example" },
    { "STS-09 zero", HEAD "mx: a.example\nmax_age: 0\n", STS_MODE_ENFORCE, 0, "a.example" },
    { "STS-09 the most", HEAD "mx: a.example\nmax_age: 31557600\n", STS_MODE_ENFORCE, 31557600, "a.example" },
    { "STS-09 ten digits", HEAD "mx: a.example\nmax_age: 0000086400\n", STS_MODE_ENFORCE, 86400, "a.example" },
    { "STS-11 none without mx", "version: STSv1\nmode: none\nmax_age: 86400\n", STS_MODE_NONE, 86400, "" },
    { "none with mx", "version: STSv1\nmode: none\nmx: a.example\nmax_age: 86400\n", STS_MODE_NONE, 86400,
      "a.example" },
    { "STS-12 wildcard over one label", HEAD "mx: *.example\n" TAIL, STS_MODE_ENFORCE, 604800, "*.example" },
    { "STS-13 case", HEAD "mx: *.MX.Example\n" TAIL, STS_MODE_ENFORCE, 604800, "*.mx.example" },
    { "STS-13 A-label", HEAD "mx: xn--bcher-kva.example\n" TAIL, STS_MODE_ENFORCE, 604800, "xn--bcher-kva.example" },
    { "a label of 63 bytes", HEAD "mx: " L63 ".example\n" TAIL, STS_MODE_ENFORCE, 604800, L63 ".example" },
};

static struct slice join(struct arena *a, const struct slice *items, size_t len)
{
    struct slice all = SLICE_LIT("");

    for (size_t i = 0; i < len; i++)
        all = arena_printf(a, "%.*s%s%.*s", SLICE_FMT(all), i == 0 ? "" : " ", SLICE_FMT(items[i]));
    return all;
}

TEST(valid_policies)
{
    struct arena arena = { 0 };

    for (size_t i = 0; i < COUNT_OF(good_cases); i++) {
        struct sts_policy p;
        struct fault why = { "" };
        enum status st = sts_policy_parse(slice_str(good_cases[i].text), &arena, &p, &why);

        if (st != OK)
            fail_msg("case '%s': %s", good_cases[i].name, why.text);
        CHECK_CASE(good_cases[i].name, p.mode == good_cases[i].mode);
        CHECK_CASE(good_cases[i].name, p.max_age_s == good_cases[i].max_age_s);
        CHECK_CASE(good_cases[i].name, slice_eq(join(&arena, p.mx, p.mx_len), slice_str(good_cases[i].mx)));
    }
    arena_release(&arena);
}

static const struct {
    const char *name, *text, *why;
} bad_cases[] = {
    { "empty", "", "no 'version'" },
    { "STS-07 BOM", "\xef\xbb\xbf" HEAD "mx: a.example\n" TAIL, "line 1 of the policy: it begins with a byte" },
    { "STS-07 blank line within", HEAD "\nmx: a.example\n" TAIL, "line 3 of the policy: no 'name: value'" },
    { "STS-07 blank line in front", "\n" HEAD "mx: a.example\n" TAIL, "line 1" },
    { "STS-07 blank line behind", HEAD "mx: a.example\n" TAIL "\n", "line 5" },
    { "STS-07 line of blanks behind", HEAD "mx: a.example\n" TAIL "  ", "line 5" },
    { "STS-07 CR alone", "version: STSv1\rmode: none\rmax_age: 1\r", "line 1" },
    { "STS-07 CR CR LF", "version: STSv1\r\r\nmode: none\nmax_age: 1\n", "line 1" },
    { "STS-07 CR at the end of the text", "version: STSv1\nmode: none\nmax_age: 1\r", "line 3" },
    { "STS-07 blank in front of a name", " version: STSv1\nmode: none\nmax_age: 1\n", "line 1" },
    { "STS-07 blank in front of the colon", "version: STSv1\nmode : none\nmax_age: 1\n", "line 2" },
    { "STS-07 TAB within a value", "version: STSv1\nmode: none\nx: a\tb\nmax_age: 1\n", "line 3" },
    { "no colon", HEAD "mx = a.example\n" TAIL, "line 3" },
    { "HTML", "<!DOCTYPE html>\n<html></html>\n", "line 1" },
    { "JSON", "{\"version\": \"STSv1\"}", "line 1" },
    { "unknown field without a value", HEAD "mx: a.example\nx:\n" TAIL, "line 4" },
    { "unknown field with a name of 33 bytes", HEAD "abcdefghijklmnopqrstuvwxyz0123456: x\nmx: a.example\n" TAIL,
      "line 3" },
    { "unknown field with bad UTF-8", HEAD "mx: a.example\nx: \xc3\n" TAIL, "line 4" },
    { "a repeated field with a control character", HEAD "mode: \x01\nmx: a.example\n" TAIL, "line 3" },
    { "version missing", "mode: none\nmax_age: 1\n", "no 'version'" },
    { "version of another time", "version: STSv2\nmode: none\nmax_age: 1\n", "the version is not STSv1: 'STSv2'" },
    { "version in another case", "version: stsv1\nmode: none\nmax_age: 1\n", "the version is not STSv1" },
    { "name of version in another case", "Version: STSv1\nmode: none\nmax_age: 1\n", "no 'version'" },
    { "STS-09 missing", "version: STSv1\nmode: none\n", "no 'max_age'" },
    { "STS-09 negative", "version: STSv1\nmode: none\nmax_age: -1\n", "max_age is not a number" },
    { "STS-09 eleven digits", "version: STSv1\nmode: none\nmax_age: 00000086400\n", "max_age is not a number" },
    { "STS-09 above a year", "version: STSv1\nmode: none\nmax_age: 31557601\n", "above 31557600" },
    { "STS-09 above 32 bits", "version: STSv1\nmode: none\nmax_age: 4294967296\n", "above 31557600" },
    { "STS-09 hexadecimal", "version: STSv1\nmode: none\nmax_age: 0x1000\n", "max_age is not a number" },
    { "STS-09 with a unit", "version: STSv1\nmode: none\nmax_age: 1 week\n", "max_age is not a number" },
    { "STS-09 empty", "version: STSv1\nmode: none\nmax_age:\n", "the value is empty" },
    { "STS-10 missing", "version: STSv1\nmx: a.example\n" TAIL, "no 'mode'" },
    { "STS-10 unknown", "version: STSv1\nmode: report\nmx: a.example\n" TAIL, "the mode is none of" },
    { "STS-10 case", "version: STSv1\nmode: Enforce\nmx: a.example\n" TAIL, "the mode is none of" },
    { "STS-10 something behind", "version: STSv1\nmode: enforce; x\nmx: a.example\n" TAIL, "the mode is none" },
    { "STS-11 enforce without mx", HEAD TAIL, "no 'mx'" },
    { "STS-11 testing without mx", "version: STSv1\nmode: testing\nmax_age: 1", "no 'mx'" },
    { "STS-12 star alone", HEAD "mx: *\n" TAIL, "line 3 of the policy: mx is neither" },
    { "STS-12 star and dot", HEAD "mx: *.\n" TAIL, "mx is neither" },
    { "STS-12 bare suffix", HEAD "mx: .example.com\n" TAIL, "mx is neither" },
    { "STS-12 two stars", HEAD "mx: *.*.example.com\n" TAIL, "mx is neither" },
    { "STS-12 star within", HEAD "mx: mail.*.example.com\n" TAIL, "mx is neither" },
    { "STS-12 star as part of a label", HEAD "mx: mx*.example.com\n" TAIL, "mx is neither" },
    { "STS-12 star at the end", HEAD "mx: example.*\n" TAIL, "mx is neither" },
    { "STS-13 trailing dot", HEAD "mx: a.example.\n" TAIL, "mx is neither" },
    { "STS-13 U-label",
      HEAD "mx: b\xc3\xbc"
           "cher.example\n" TAIL,
      "mx is neither" },
    { "mx with a port", HEAD "mx: a.example:25\n" TAIL, "mx is neither" },
    { "mx with an underscore", HEAD "mx: a_b.example\n" TAIL, "mx is neither" },
    { "mx with a hyphen at an edge", HEAD "mx: -a.example\n" TAIL, "mx is neither" },
    { "mx with an empty label", HEAD "mx: a..example\n" TAIL, "mx is neither" },
    { "mx with a label of 64 bytes", HEAD "mx: x" L63 ".example\n" TAIL, "mx is neither" },
    { "mx as a list", HEAD "mx: a.example, b.example\n" TAIL, "mx is neither" },
    { "mx as an address", HEAD "mx: [192.0.2.1]\n" TAIL, "mx is neither" },
};

static void check_bad(const char *name, struct slice text, const char *want)
{
    struct arena arena = { 0 };
    struct sts_policy p = { .max_age_s = -1 };
    struct fault why = { "" };

    CHECK_CASE(name, sts_policy_parse(text, &arena, &p, &why) == ERR_SYNTAX);
    CHECK_CASE(name, p.max_age_s == -1);
    if (strstr(why.text, want) == NULL)
        fail_msg("case '%s': got '%s'", name, why.text);
    arena_release(&arena);
}

TEST(invalid_policies)
{
    for (size_t i = 0; i < COUNT_OF(bad_cases); i++)
        check_bad(bad_cases[i].name, slice_str(bad_cases[i].text), bad_cases[i].why);
}

/* STS-07. */
TEST(policies_with_nul)
{
    const struct {
        const char *name;
        struct slice text;
        const char *why;
    } cases[] = {
        { "NUL in a value", SLICE_LIT(HEAD "mx: a.example\nx: a\0b\n" TAIL), "line 4 of the policy: the value" },
        { "NUL in a name", SLICE_LIT(HEAD "mx\0: a.example\n" TAIL), "line 3 of the policy: no 'name: value'" },
        { "NUL behind mx", SLICE_LIT(HEAD "mx: a.example\0.evil.example\n" TAIL), "line 3" },
        { "NUL at the end", SLICE_LIT(HEAD "mx: a.example\n" TAIL "\0"), "line 5" },
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_bad(cases[i].name, cases[i].text, cases[i].why);
}

/* The head and tail of a policy around `count` times `line`. */
static struct slice policy_of(struct buf *b, const char *line, size_t count)
{
    enum status st = buf_addf(b, HEAD "mx: a.example\n");

    for (size_t i = 0; i < count && st == OK; i++)
        st = buf_addf(b, "%s", line);
    CHECK(st == OK && buf_addf(b, TAIL) == OK);
    return buf_slice(b);
}

TEST(limits)
{
    const char *unknown = "x: 0123456789\n"; /* 14 bytes */
    struct arena arena = { 0 };
    struct sts_policy p;
    struct fault why;
    struct buf b;

    buf_init(&b, 2 * STS_POLICY_MAX);
    CHECK_INT(sts_policy_parse(policy_of(&b, "mx: *.example\n", STS_MX_MOST - 1), &arena, &p, &why), OK);
    CHECK_INT(p.mx_len, STS_MX_MOST);
    CHECK_INT(p.lines_len, STS_MX_MOST + 3);
    buf_reset(&b);
    CHECK_INT(sts_policy_parse(policy_of(&b, "mx: *.example\n", STS_MX_MOST), &arena, &p, &why), ERR_LIMIT);
    CHECK_STR(slice_str(why.text), "the policy has more than 256 mx");
    buf_reset(&b);
    CHECK_INT(sts_policy_parse(policy_of(&b, unknown, STS_POLICY_MAX / 14 - 10), &arena, &p, &why), OK);
    CHECK_INT(p.lines_len, 4);
    buf_reset(&b);
    CHECK_INT(sts_policy_parse(policy_of(&b, unknown, STS_POLICY_MAX / 14), &arena, &p, &why), ERR_LIMIT); /* STS-05 */
    CHECK_STR(slice_str(why.text), "the policy is longer than 65536 bytes");
    buf_release(&b);
    arena_release(&arena);
}

TEST(lines_are_what_counted)
{
    const char *text =
        "x: y\nmax_age:86400\r\nmx: *.B.example\nmode:  testing \nmode: none\nversion: STSv1\nmx: a.example";
    const char *want[] = { "version: STSv1", "mode: testing", "mx: *.b.example", "mx: a.example", "max_age: 86400" };
    struct arena arena = { 0 };
    struct sts_policy p;

    CHECK_INT(sts_policy_parse(slice_str(text), &arena, &p, NULL), OK);
    CHECK_INT(p.lines_len, COUNT_OF(want));
    for (size_t i = 0; i < COUNT_OF(want); i++)
        CHECK_STR(p.lines[i], want[i]);
    arena_release(&arena);
}

TEST(a_fault_is_printable)
{
    struct arena arena = { 0 };
    struct sts_policy p;
    struct fault why;

    CHECK_INT(sts_policy_parse(SLICE_LIT("version: \xc2\x9b"
                                         "2J\n"),
                               &arena, &p, &why),
              ERR_SYNTAX);
    CHECK_STR(slice_str(why.text),
              "line 1 of the policy: the value is empty or holds a control character or bad UTF-8: 'version: ??2J'");
    arena_release(&arena);
}

static const struct {
    const char *name, *pattern, *mx;
    bool allowed;
} mx_cases[] = {
    { "exact", "mail.example.com", "mail.example.com", true },
    { "exact, other case", "mail.example.com", "MAIL.Example.COM", true },
    { "exact, trailing dot", "mail.example.com", "mail.example.com.", true },
    { "exact, two dots", "mail.example.com", "mail.example.com..", false },
    { "another name", "mail.example.com", "mx.example.com", false },
    { "a name below", "example.com", "mail.example.com", false },
    { "the same end", "mail.example.com", "xmail.example.com", false },
    { "STS-12 wildcard, one label", "*.example.com", "mail.example.com", true },
    { "STS-12 wildcard, case and dot", "*.example.com", "Mail.EXAMPLE.com.", true },
    { "STS-12 wildcard, no label", "*.example.com", "example.com", false },
    { "STS-12 wildcard, two labels", "*.example.com", "a.mail.example.com", false },
    { "STS-12 wildcard, empty label", "*.example.com", ".example.com", false },
    { "STS-12 wildcard, the same end", "*.example.com", "mail.notexample.com", false },
    { "STS-12 wildcard, no dot", "*.com", "com", false },
    { "STS-12 wildcard, a star in the name", "mail.example.com", "*.example.com", false },
    { "empty name", "mail.example.com", "", false },
    { "dot alone", "*.example.com", ".", false },
};

TEST(sts_policy_allows)
{
    for (size_t i = 0; i < COUNT_OF(mx_cases); i++) {
        struct slice patterns[] = { SLICE_LIT("other.invalid"), slice_str(mx_cases[i].pattern) };
        struct sts_policy p = { .mode = STS_MODE_ENFORCE, .mx = patterns, .mx_len = 2 };
        struct slice mx = slice_str(mx_cases[i].mx);

        CHECK_CASE(mx_cases[i].name, sts_policy_allows(&p, mx) == mx_cases[i].allowed);
        p.mode = STS_MODE_TESTING;
        CHECK_CASE(mx_cases[i].name, sts_policy_allows(&p, mx) == mx_cases[i].allowed);
        p.mode = STS_MODE_NONE;
        CHECK_CASE(mx_cases[i].name, sts_policy_allows(&p, mx));
    }
}

TEST(sts_mode_names)
{
    CHECK_STR(slice_str(sts_mode_name(STS_MODE_NONE)), "none");
    CHECK_STR(slice_str(sts_mode_name(STS_MODE_TESTING)), "testing");
    CHECK_STR(slice_str(sts_mode_name(STS_MODE_ENFORCE)), "enforce");
}

RUN_TESTS(T(valid_policies), T(invalid_policies), T(policies_with_nul), T(limits), T(lines_are_what_counted),
          T(a_fault_is_printable), T(sts_policy_allows), T(sts_mode_names))
