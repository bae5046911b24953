#include "policy/rule.h"

#include "base/test.h"

#define L63 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk"
#define D253 L63 "." L63 "." L63 ".abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghi"

static const struct { const char *pattern; bool lists_allowed, good; const char *why; } pattern_cases[] = {
    { "*", false, true, "" },
    { "example.org", false, true, "" },
    { ".example.org", false, true, "" },
    { "localhost", false, true, "" },
    { "user@example.org", false, true, "" },
    { "First.Last+tag@example.org", false, true, "" },
    { "j\xc3\xb6rg@xn--bcher-kva.example", false, true, "" },
    { "\"a@b\"@example.org", false, true, "" },
    { "list:Partners_2.a-b", true, true, "" },
    { "a-b.1c.example", false, true, "" },
    { D253, false, true, "" },
    { "", false, false, "it is empty; write '*'" },
    { ".", false, false, "the domain is missing" },
    { "user@", false, false, "the domain is missing" },
    { "@example.org", false, false, "nothing in front of '@'" },
    { "list:Partners", false, false, "a list cannot be named here" },
    { "list:", true, false, "the name of the list is missing" },
    { "list:a b", true, false, "the name of a list has letters" },
    { "list:user@example.org", true, false, "the name of a list has letters" },
    { "list:" L63 "xx", true, false, "the list is longer than 64" },
    { "*.example.org", false, false, "'*' stands alone" },
    { "ex*mple.org", false, false, "'*' stands alone" },
    { "Example.org", false, false, "in lower case" },
    { "b\xc3\xbc" "cher.example", false, false, "A-labels" },
    { "example.org.", false, false, "must not end with a dot" },
    { "..example.org", false, false, "single dots" },
    { "example..org", false, false, "single dots" },
    { "-example.org", false, false, "single dots" },
    { "example-.org", false, false, "single dots" },
    { "ex_ample.org", false, false, "single dots" },
    { "exa mple.org", false, false, "single dots" },
    { L63 "x.org", false, false, "single dots" },
    { D253 "x", false, false, "longer than 253" },
    { "192.0.2.1", false, false, "an IP address is not a domain" },
    { "user@[192.0.2.1]", false, false, "single dots" },
    { "user@.example.org", false, false, "single dots" },
    { L63 L63 "xxx@example.org", false, false, "longer than 128" },
    { "us er@example.org", false, false, "a character that no address has" },
    { "<user@example.org", false, false, "a character that no address has" },
    { "us\ner@example.org", false, false, "a character that no address has" },
    { "us\xffr@example.org", false, false, "a character that no address has" },
};

TEST(rule_pattern_is_valid)
{
    for (size_t i = 0; i < COUNT_OF(pattern_cases); i++) {
        struct fault why = { "" };
        bool good = rule_pattern_is_valid(slice_str(pattern_cases[i].pattern), pattern_cases[i].lists_allowed, &why);

        CHECK_CASE(pattern_cases[i].pattern, good == pattern_cases[i].good);
        CHECK_CASE(pattern_cases[i].pattern, strstr(why.text, pattern_cases[i].why) != NULL);
    }
}

TEST(rule_pattern_message_is_printable)
{
    struct fault why;

    CHECK(!rule_pattern_is_valid(SLICE_LIT("a\x1b[2jb"), true, &why));
    CHECK_STR(slice_str(why.text),
              "'a?[2jb' is no address, domain, '.domain', 'list:NAME' or '*': the domain may hold letters, digits, "
              "hyphens inside a label, and single dots between labels");
}

static const struct { const char *pattern, *local, *domain; bool matches; } match_cases[] = {
    { "*", "a", "example.org", true },
    { "*", "", "", true },
    { "example.org", "a", "example.org", true },
    { "example.org", "a", "sub.example.org", false },
    { "example.org", "a", "notexample.org", false },
    { "example.org", "", "", false },
    { ".example.org", "a", "example.org", false },
    { ".example.org", "a", "sub.example.org", true },
    { ".example.org", "a", "deep.sub.example.org", true },
    { ".example.org", "a", "notexample.org", false },
    { ".example.org", "a", "example.org.evil.example", false },
    { ".org", "a", "example.org", true },
    { "a@example.org", "a", "example.org", true },
    { "a@example.org", "A", "example.org", false },
    { "a@example.org", "b", "example.org", false },
    { "a@example.org", "a", "sub.example.org", false },
    { "a@example.org", "", "", false },
    { "\"x@y\"@example.org", "\"x@y\"", "example.org", true },
    { "list:all", "a", "example.org", false },
    { "", "a", "example.org", false },
};

TEST(rule_pattern_matches)
{
    for (size_t i = 0; i < COUNT_OF(match_cases); i++) {
        struct rule_address a = { slice_str(match_cases[i].local), slice_str(match_cases[i].domain) };

        CHECK_CASE(match_cases[i].pattern,
                   rule_pattern_matches(slice_str(match_cases[i].pattern), a) == match_cases[i].matches);
    }
}

TEST(tls_level_words)
{
    enum tls_level level;

    for (enum tls_level l = LEVEL_NONE; l <= LEVEL_DANE; l++)
        CHECK(tls_level_parse(slice_str(tls_level_name(l)), &level) && level == l);
    CHECK(!tls_level_parse(SLICE_LIT("Verify"), &level));
    CHECK(!tls_level_parse(SLICE_LIT(""), &level));
}

static const struct { const char *text; bool good; enum tls_version version; } version_cases[] = {
    { "1.0", true, TLS_VERSION_1_0 },     { "1.1", true, TLS_VERSION_1_1 },     { "1.2", true, TLS_VERSION_1_2 },
    { "TLSv1.3", true, TLS_VERSION_1_3 }, { "tls1.2", true, TLS_VERSION_1_2 },  { "TLSV1.2", true, TLS_VERSION_1_2 },
    { "tls", false, TLS_VERSION_NONE },   { "tlsv", false, TLS_VERSION_NONE },  { "", false, TLS_VERSION_NONE },
    { "1.4", false, TLS_VERSION_NONE },   { "1.20", false, TLS_VERSION_NONE },  { "none", false, TLS_VERSION_NONE },
    { "v1.2", false, TLS_VERSION_NONE },  { "SSLv3", false, TLS_VERSION_NONE },
};

TEST(tls_version_words)
{
    for (size_t i = 0; i < COUNT_OF(version_cases); i++) {
        enum tls_version v = TLS_VERSION_NONE;

        CHECK_CASE(version_cases[i].text, tls_version_parse(slice_str(version_cases[i].text), &v) ==
                                              version_cases[i].good);
        CHECK_CASE(version_cases[i].text, v == version_cases[i].version);
    }
    CHECK_STR(slice_str(tls_version_name(TLS_VERSION_NONE)), "none");
    CHECK_STR(slice_str(tls_version_name(TLS_VERSION_1_3)), "TLSv1.3");
    CHECK_STR(slice_str(cert_verdict_name(CERT_SELF_SIGNED)), "self-signed");
    CHECK_STR(slice_str(cert_verdict_name(CERT_NOT_YET_VALID)), "not-yet-valid");
}

RUN_TESTS(T(rule_pattern_is_valid), T(rule_pattern_message_is_printable), T(rule_pattern_matches),
          T(tls_level_words), T(tls_version_words))
