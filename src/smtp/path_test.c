#include "smtp/path.h"

#include "base/test.h"

enum kind { FORWARD, REVERSE };

/* clang-format off */
static const struct {
    const char *name, *in;
    enum kind kind;
    bool utf8;
    enum status st;
    const char *local, *domain, *rest;
} path_cases[] = {
    { "plain", "<a@b.example>", FORWARD, false, OK, "a", "b.example", "" },
    { "parameters follow", "<a@b.example> SIZE=1", REVERSE, false, OK, "a", "b.example", " SIZE=1" },
    { "null reverse-path", "<>", REVERSE, false, OK, "", "", "" },
    { "null forward-path", "<>", FORWARD, false, ERR_SYNTAX, NULL, NULL, NULL },
    { "postmaster", "<PostMaster>", FORWARD, false, OK, "PostMaster", "", "" },
    { "postmaster sends", "<postmaster>", REVERSE, false, ERR_SYNTAX, NULL, NULL, NULL },
    { "another name alone", "<root>", FORWARD, false, ERR_SYNTAX, NULL, NULL, NULL },
    { "all of atext", "<!#$%&'*+-/=?^_`{|}~@b>", FORWARD, false, OK, "!#$%&'*+-/=?^_`{|}~", "b", "" },
    /* REL-01..35: read as the grammar says, so that the local part stays a local part. */
    { "percent hack", "<u%x.example@b.example>", FORWARD, false, OK, "u%x.example", "b.example", "" },
    { "bang path", "<x.example!u@b.example>", FORWARD, false, OK, "x.example!u", "b.example", "" },
    { "bang path alone", "<x!u>", FORWARD, false, ERR_SYNTAX, NULL, NULL, NULL },
    { "double @", "<a@b.example@c.example>", FORWARD, false, ERR_SYNTAX, NULL, NULL, NULL },
    { "quoted @", "<\"a@c.example\"@b.example>", FORWARD, false, OK, "\"a@c.example\"", "b.example", "" },
    { "quoted >", "<\"a> b\"@b.example> X", FORWARD, false, OK, "\"a> b\"", "b.example", " X" },
    { "quoted pairs", "<\"a\\\"\\\\\\@\"@b>", FORWARD, false, OK, "\"a\\\"\\\\\\@\"", "b", "" },
    { "empty quoted", "<\"\"@b>", FORWARD, false, OK, "\"\"", "b", "" },
    { "quote left open", "<\"a@b.example>", FORWARD, false, ERR_SYNTAX, NULL, NULL, NULL },
    { "quote ends in pair", "<\"a\\", FORWARD, false, ERR_SYNTAX, NULL, NULL, NULL },
    { "quoted tab", "<\"a\tb\"@b>", FORWARD, false, ERR_SYNTAX, NULL, NULL, NULL },
    { "quoted word among atoms", "<a.\"b\"@c>", FORWARD, false, ERR_SYNTAX, NULL, NULL, NULL },
    { "quoted @ outside too", "<\"a@b\"@c@d>", FORWARD, false, ERR_SYNTAX, NULL, NULL, NULL },
    { "source route", "<@x.example:a@b.example>", FORWARD, false, OK, "a", "b.example", "" },
    { "long source route", "<@x,@y,@z:a@b>", REVERSE, false, OK, "a", "b", "" },
    { "route, no colon", "<@x a@b>", FORWARD, false, ERR_SYNTAX, NULL, NULL, NULL },
    { "route, no @ behind comma", "<@x,y:a@b>", FORWARD, false, ERR_SYNTAX, NULL, NULL, NULL },
    { "route over a literal", "<@[192.0.2.1]:a@b>", FORWARD, false, ERR_SYNTAX, NULL, NULL, NULL },
    { "route to nobody", "<@x:>", FORWARD, false, ERR_SYNTAX, NULL, NULL, NULL },
    { "route to postmaster", "<@x:postmaster>", FORWARD, false, ERR_SYNTAX, NULL, NULL, NULL },
    { "comment", "<a(c)@b>", FORWARD, false, ERR_SYNTAX, NULL, NULL, NULL },
    { "comment in the domain", "<a@(c)b>", FORWARD, false, ERR_SYNTAX, NULL, NULL, NULL },
    { "blank before @", "<a @b>", FORWARD, false, ERR_SYNTAX, NULL, NULL, NULL },
    { "blank before the path", " <a@b>", FORWARD, false, ERR_SYNTAX, NULL, NULL, NULL },
    { "blank in brackets", "< a@b>", FORWARD, false, ERR_SYNTAX, NULL, NULL, NULL },
    { "blank before >", "<a@b >", FORWARD, false, ERR_SYNTAX, NULL, NULL, NULL },
    { "no brackets", "a@b.example", FORWARD, false, ERR_SYNTAX, NULL, NULL, NULL },
    { "no closing bracket", "<a@b.example", FORWARD, false, ERR_SYNTAX, NULL, NULL, NULL },
    { "two opening brackets", "<<a@b>>", FORWARD, false, ERR_SYNTAX, NULL, NULL, NULL },
    { "display name", "A <a@b>", FORWARD, false, ERR_SYNTAX, NULL, NULL, NULL },
    { "no domain", "<a@>", FORWARD, false, ERR_SYNTAX, NULL, NULL, NULL },
    { "no local part", "<@b>", FORWARD, false, ERR_SYNTAX, NULL, NULL, NULL },
    { "leading dot", "<.a@b>", FORWARD, false, ERR_SYNTAX, NULL, NULL, NULL },
    { "trailing dot", "<a.@b>", FORWARD, false, ERR_SYNTAX, NULL, NULL, NULL },
    { "two dots", "<a..b@c>", FORWARD, false, ERR_SYNTAX, NULL, NULL, NULL },
    { "trailing dot of the domain", "<a@b.example.>", FORWARD, false, ERR_SYNTAX, NULL, NULL, NULL },
    { "empty label", "<a@b..example>", FORWARD, false, ERR_SYNTAX, NULL, NULL, NULL },
    { "hyphen first", "<a@-b.example>", FORWARD, false, ERR_SYNTAX, NULL, NULL, NULL },
    { "hyphen last", "<a@b-.example>", FORWARD, false, ERR_SYNTAX, NULL, NULL, NULL },
    { "underscore in the domain", "<a@b_c.example>", FORWARD, false, ERR_SYNTAX, NULL, NULL, NULL },
    { "IPv4 literal", "<a@[192.0.2.1]>", FORWARD, false, OK, "a", "[192.0.2.1]", "" },
    { "IPv6 literal", "<a@[ipv6:2001:db8::1]>", FORWARD, false, OK, "a", "[ipv6:2001:db8::1]", "" },
    { "IPv6 without its tag", "<a@[2001:db8::1]>", FORWARD, false, ERR_SYNTAX, NULL, NULL, NULL },
    { "IPv4 out of range", "<a@[192.0.2.256]>", FORWARD, false, ERR_SYNTAX, NULL, NULL, NULL },
    { "scoped IPv6", "<a@[IPv6:fe80::1%eth0]>", FORWARD, false, ERR_SYNTAX, NULL, NULL, NULL },
    { "general literal", "<a@[x-tag:text]>", FORWARD, false, ERR_SYNTAX, NULL, NULL, NULL },
    { "literal with a tail", "<a@[192.0.2.1]b>", FORWARD, false, ERR_SYNTAX, NULL, NULL, NULL },
    { "literal left open", "<a@[192.0.2.1>", FORWARD, false, ERR_SYNTAX, NULL, NULL, NULL },
    /* SRV-18: no shell reads them, and they stay what they are. */
    { "shell", "<\"|`id`;$(x)\"@b>", FORWARD, false, OK, "\"|`id`;$(x)\"", "b", "" },
    /* SRV-20 */
    { "UTF-8 unasked", "<j\xc3\xb6rg@b>", FORWARD, false, ERR_SYNTAX, NULL, NULL, NULL },
    { "UTF-8", "<j\xc3\xb6rg@b\xc3\xbc" "cher.example>", FORWARD, true, OK, "j\xc3\xb6rg", "b\xc3\xbc" "cher.example", "" },
    { "UTF-8 quoted", "<\"\xe4\xba\xba \"@b>", FORWARD, true, OK, "\"\xe4\xba\xba \"", "b", "" },
    { "overlong", "<a\xc0\xaf@b>", FORWARD, true, ERR_SYNTAX, NULL, NULL, NULL },
    { "overlong @", "<a\xc1\x80@b>", FORWARD, true, ERR_SYNTAX, NULL, NULL, NULL },
    { "surrogate", "<\xed\xa0\x80@b>", FORWARD, true, ERR_SYNTAX, NULL, NULL, NULL },
    { "beyond Unicode", "<\xf4\x90\x80\x80@b>", FORWARD, true, ERR_SYNTAX, NULL, NULL, NULL },
    { "Latin-1", "<j\xf6rg@b>", FORWARD, true, ERR_SYNTAX, NULL, NULL, NULL },
    { "C1 control", "<a\xc2\x85@b>", FORWARD, true, ERR_SYNTAX, NULL, NULL, NULL },
    { "bidi override", "<a\xe2\x80\xae" "b@c>", FORWARD, true, ERR_SYNTAX, NULL, NULL, NULL },
    { "bidi isolate in the domain", "<a@b\xe2\x81\xa6>", FORWARD, true, ERR_SYNTAX, NULL, NULL, NULL },
    { "byte order mark", "<\xef\xbb\xbf" "a@b>", FORWARD, true, ERR_SYNTAX, NULL, NULL, NULL },
    { "half a character", "<a\xc3", FORWARD, true, ERR_SYNTAX, NULL, NULL, NULL },
    { "nothing", "", FORWARD, false, ERR_SYNTAX, NULL, NULL, NULL },
};
/* clang-format on */

TEST(paths)
{
    for (size_t i = 0; i < COUNT_OF(path_cases); i++) {
        struct smtp_mailbox box = { 0 };
        struct slice rest = { 0 };
        enum status st = smtp_path_parse(slice_str(path_cases[i].in), path_cases[i].kind == REVERSE,
                                         path_cases[i].utf8, &box, &rest);

        CHECK_CASE(path_cases[i].name, st == path_cases[i].st);
        if (st != OK)
            continue;
        CHECK_CASE(path_cases[i].name, slice_eq(box.local, slice_str(path_cases[i].local)));
        CHECK_CASE(path_cases[i].name, slice_eq(box.domain, slice_str(path_cases[i].domain)));
        CHECK_CASE(path_cases[i].name, slice_eq(rest, slice_str(path_cases[i].rest)));
    }
}

TEST(nul_and_line_ends_are_nowhere_allowed)
{
    static const char bad[] = { '\0', '\r', '\n', 0x7f };
    const struct slice good = SLICE_LIT("<\"a b\"@c.example>");

    for (size_t i = 0; i < COUNT_OF(bad); i++)
        for (size_t at = 0; at < good.len; at++) {
            char text[32];
            struct smtp_mailbox box;
            struct slice rest;

            memcpy(text, good.ptr, good.len);
            text[at] = bad[i];
            CHECK(smtp_path_parse(slice_of(text, good.len), false, true, &box, &rest) == ERR_SYNTAX);
        }
}

static struct slice repeat(char *out, char c, size_t len)
{
    memset(out, c, len);
    return slice_of(out, len);
}

/* "<LOCAL@DOMAIN>" where the domain has labels of 50. */
static struct slice long_path(char *out, size_t size, size_t local, size_t domain)
{
    char l[300], d[600];

    repeat(l, 'l', local);
    repeat(d, 'd', domain);
    for (size_t i = 50; i + 1 < domain; i += 51)
        d[i] = '.';
    return slice_of(out, (size_t)snprintf(out, size, "<%.*s@%.*s>", (int)local, l, (int)domain, d));
}

/* SRV-02 */
static const struct {
    const char *name;
    size_t local, domain;
    enum status st;
} length_cases[] = {
    { "longest local part", SMTP_LOCAL_MAX, 10, OK },
    { "local part one longer", SMTP_LOCAL_MAX + 1, 10, ERR_LIMIT },
    { "longest path", SMTP_LOCAL_MAX, SMTP_PATH_MAX - SMTP_LOCAL_MAX - 3, OK },
    { "path one longer", SMTP_LOCAL_MAX, SMTP_PATH_MAX - SMTP_LOCAL_MAX - 2, ERR_LIMIT },
    { "domain one longer", 1, SMTP_DOMAIN_MAX + 1, ERR_LIMIT },
    { "all too long", 280, 500, ERR_LIMIT },
};

TEST(lengths)
{
    for (size_t i = 0; i < COUNT_OF(length_cases); i++) {
        char text[1000];
        struct slice in = long_path(text, sizeof text, length_cases[i].local, length_cases[i].domain), rest;
        struct slice bare = slice_of(in.ptr + 1, in.len - 2);
        struct smtp_mailbox box;

        CHECK_CASE(length_cases[i].name, smtp_path_parse(in, false, false, &box, &rest) == length_cases[i].st);
        CHECK_CASE(length_cases[i].name, smtp_mailbox_parse(bare, false, &box) == length_cases[i].st);
    }
}

TEST(a_source_route_counts_for_the_length)
{
    char text[1000];
    struct slice in = long_path(text, sizeof text, 1, 200), rest;
    struct smtp_mailbox box;
    char routed[1200];

    in = slice_of(routed, (size_t)snprintf(routed, sizeof routed, "<@%050d:%.*s", 1, (int)in.len - 1, in.ptr + 1));
    CHECK(smtp_path_parse(in, false, false, &box, &rest) == OK);
    in = slice_of(routed, (size_t)snprintf(routed, sizeof routed, "<@a,@b,%s", text + 1));
    CHECK(smtp_path_parse(in, false, false, &box, &rest) == ERR_SYNTAX);
    in = long_path(text, sizeof text, 1, 240);
    in = slice_of(routed,
                  (size_t)snprintf(routed, sizeof routed, "<@%050d,@%050d:%.*s", 1, 2, (int)in.len - 1, in.ptr + 1));
    CHECK(smtp_path_parse(in, false, false, &box, &rest) == ERR_LIMIT);
}

TEST(labels)
{
    char text[80];

    CHECK(smtp_domain_is_valid(repeat(text, 'a', 63), false));
    CHECK(!smtp_domain_is_valid(repeat(text, 'a', 64), false));
    CHECK(smtp_domain_is_valid(SLICE_LIT("1.example"), false));
    CHECK(smtp_domain_is_valid(SLICE_LIT("xn--bcher-kva.example"), false));
    CHECK(!smtp_domain_is_valid(SLICE_LIT("b\xc3\xbc"
                                          "cher.example"),
                                false));
    CHECK(smtp_domain_is_valid(SLICE_LIT("b\xc3\xbc"
                                         "cher.example"),
                               true));
    CHECK(!smtp_domain_is_valid(SLICE_LIT(""), false));
    CHECK(!smtp_domain_is_valid(SLICE_LIT("[192.0.2.1]"), false));
    CHECK(!smtp_domain_is_valid(SLICE_LIT("a.example."), false));
}

TEST(a_bare_mailbox_is_all_there_is)
{
    struct smtp_mailbox box;

    CHECK(smtp_mailbox_parse(SLICE_LIT("a@b.example"), false, &box) == OK);
    CHECK_STR(box.local, "a");
    CHECK_STR(box.domain, "b.example");
    CHECK(smtp_mailbox_parse(SLICE_LIT("a@b.example>"), false, &box) == ERR_SYNTAX);
    CHECK(smtp_mailbox_parse(SLICE_LIT("<a@b.example>"), false, &box) == ERR_SYNTAX);
    CHECK(smtp_mailbox_parse(SLICE_LIT("a@b.example c"), false, &box) == ERR_SYNTAX);
    CHECK(smtp_mailbox_parse(SLICE_LIT("postmaster"), false, &box) == ERR_SYNTAX);
}

TEST(local_parts_that_may_route)
{
    CHECK(smtp_local_may_route(SLICE_LIT("u%x.example")));
    CHECK(smtp_local_may_route(SLICE_LIT("x!u")));
    CHECK(smtp_local_may_route(SLICE_LIT("\"u@x.example\"")));
    CHECK(smtp_local_may_route(SLICE_LIT("\"x:u\"")));
    CHECK(!smtp_local_may_route(SLICE_LIT("\"a b\"")));
    CHECK(!smtp_local_may_route(SLICE_LIT("SRS0=x=y=z.example=u")));
}

/* SRV-17 */
static const struct {
    const char *name, *in;
    bool valid;
    const char *decoded;
} xtext_cases[] = {
    { "plain", "abc", true, "abc" },
    { "empty", "", true, "" },
    { "escaped plus and equals", "a+2B+3D", true, "a+=" },
    { "lower-case digits", "a+2b", false, NULL },
    { "bare equals", "a=b", false, NULL },
    { "blank", "a b", false, NULL },
    { "half a hexchar", "a+2", false, NULL },
    { "plus at the end", "a+", false, NULL },
    { "8-bit", "a\xc3\xb6", false, NULL },
    { "DEL", "a\x7f", false, NULL },
    { "CR", "a+0D", true, NULL },
    { "LF", "a+0Ab", true, NULL },
    { "NUL", "+00", true, NULL },
};

TEST(xtext)
{
    for (size_t i = 0; i < COUNT_OF(xtext_cases); i++) {
        struct slice in = slice_str(xtext_cases[i].in), decoded;
        const char *want = xtext_cases[i].decoded;
        char out[32];
        bool good = smtp_xtext_decode(in, out, &decoded);

        CHECK_CASE(xtext_cases[i].name, smtp_xtext_is_valid(in) == xtext_cases[i].valid);
        CHECK_CASE(xtext_cases[i].name, good == (want != NULL));
        CHECK_CASE(xtext_cases[i].name, !good || slice_eq(decoded, slice_str(want)));
    }
}

RUN_TESTS(T(paths), T(nul_and_line_ends_are_nowhere_allowed), T(lengths), T(a_source_route_counts_for_the_length),
          T(labels), T(a_bare_mailbox_is_all_there_is), T(local_parts_that_may_route), T(xtext))
