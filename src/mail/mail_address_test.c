#include "mail/address.h"

#include "base/test.h"

static const struct {
    const char *name, *in;
    enum status st;
    const char *local, *domain;
    bool is_literal;
} cases[] = {
    { "plain", "Some.One@Example.COM", OK, "Some.One", "example.com", false },
    { "null reverse-path", "", OK, "", "", false },
    { "postmaster alone", "PostMaster", OK, "PostMaster", "", false },
    { "somebody alone", "somebody", ERR_SYNTAX, "", "", false },
    { "needless quotes", "\"a.b\"@x.example", OK, "a.b", "x.example", false },
    { "needless backslash", "\"a\\b\"@x.example", OK, "ab", "x.example", false },
    { "needed quotes", "\"a b\"@x.example", OK, "\"a b\"", "x.example", false },
    { "an at sign within quotes", "\"a@b\"@x.example", OK, "\"a@b\"", "x.example", false },
    { "dots that need quotes", "\"a..b\"@x.example", OK, "\"a..b\"", "x.example", false },
    { "nothing within quotes", "\"\"@x.example", OK, "\"\"", "x.example", false },
    { "quotes within quotes", "\"\\\"a\\\"\"@x.example", OK, "\"\\\"a\\\"\"", "x.example", false },
    { "IPv4 literal", "a@[192.0.2.1]", OK, "a", "[192.0.2.1]", true },
    { "IPv6 literal", "a@[IPv6:2001:DB8::1]", OK, "a", "[IPv6:2001:DB8::1]", true },
    { "U-label",
      "a@B\xc3\x9c"
      "CHER.example",
      OK, "a", "xn--bcher-kva.example", false },
    { "non-transitional",
      "a@stra\xc3\x9f"
      "e.example",
      OK, "a", "xn--strae-oqa.example", false },
    { "combining form",
      "a@bu\xcc\x88"
      "cher.example",
      OK, "a", "xn--bcher-kva.example", false },
    { "full-width letters", "a@\xef\xbd\x81.example", OK, "a", "a.example", false },
    { "ideographic full stop",
      "a@x\xe3\x80\x82"
      "example",
      OK, "a", "x.example", false },
    { "A-label kept", "a@XN--bcher-kva.example", OK, "a", "xn--bcher-kva.example", false },
    { "UTF-8 local part", "\xe4\xb8\xad@x.example", OK, "\xe4\xb8\xad", "x.example", false },
    { "SRV-20: no UTF-8",
      "a@b\xfc"
      "cher.example",
      ERR_SYNTAX, "", "", false },
    { "SRV-20: an unassigned character", "a@\xcd\xb8.example", ERR_SYNTAX, "", "", false },
    { "SRV-20: mixed direction", "a@a\xd7\x90.example", ERR_SYNTAX, "", "", false },
    { "trailing dot", "a@x.example.", ERR_SYNTAX, "", "", false },
    { "trailing ideographic stop", "a@x.example\xe3\x80\x82", ERR_SYNTAX, "", "", false },
    { "two at signs", "a@b@x.example", ERR_SYNTAX, "", "", false },
    { "line end", "a@x.example\r\n", ERR_SYNTAX, "", "", false },
    { "brackets", "<a@x.example>", ERR_SYNTAX, "", "", false },
    { "local part too long",
      "0123456789012345678901234567890123456789012345678901234567890123"
      "0123456789012345678901234567890123456789012345678901234567890123X@x.example",
      ERR_LIMIT, "", "", false },
};

TEST(address)
{
    struct arena arena = { 0 };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct mail_address a;
        struct fault why = { "" };
        enum status st = mail_address_parse(&arena, slice_str(cases[i].in), &a, &why);

        CHECK_CASE(cases[i].name, st == cases[i].st);
        CHECK_CASE(cases[i].name, (st == OK) == (why.text[0] == '\0'));
        if (st != OK)
            continue;
        CHECK_STR(a.local, cases[i].local);
        CHECK_STR(a.domain, cases[i].domain);
        CHECK_CASE(cases[i].name, a.is_literal == cases[i].is_literal);
    }
    arena_release(&arena);
}

static const struct {
    const char *name, *in;
    enum status st;
    const char *out;
} domain_cases[] = {
    { "lower case", "Example.ORG", OK, "example.org" },
    { "one label", "localhost", OK, "localhost" },
    { "U-label", "\xe4\xbe\x8b\xe3\x81\x88.\xe3\x83\x86\xe3\x82\xb9\xe3\x83\x88", OK, "xn--r8jz45g.xn--zckzah" },
    { "empty", "", ERR_SYNTAX, "" },
    { "literal", "[192.0.2.1]", ERR_SYNTAX, "" },
    { "empty label", "a..b", ERR_SYNTAX, "" },
    { "hyphen in front", "-a.example", ERR_SYNTAX, "" },
    { "control byte", "a\tb.example", ERR_SYNTAX, "" },
};

TEST(domain)
{
    struct arena arena = { 0 };

    for (size_t i = 0; i < COUNT_OF(domain_cases); i++) {
        struct slice out = { NULL, 0 };
        struct fault why;

        CHECK_CASE(domain_cases[i].name,
                   mail_domain_parse(&arena, slice_str(domain_cases[i].in), &out, &why) == domain_cases[i].st);
        CHECK_STR(out, domain_cases[i].out);
    }
    arena_release(&arena);
}

/* An A-label of more than 63 bytes does not exist. */
TEST(label_limit)
{
    struct arena arena = { 0 };
    struct slice out;
    char text[160] = "";

    for (size_t i = 0; i < 70; i++)
        memcpy(text + 2 * i, "\xc3\xbc", 2);
    CHECK(mail_domain_parse(&arena, slice_of(text, 40), &out, NULL) == OK);
    CHECK(mail_domain_parse(&arena, slice_of(text, 140), &out, NULL) == ERR_LIMIT);
    arena_release(&arena);
}

TEST(eq)
{
    struct mail_address a = { SLICE_LIT("Postmaster"), SLICE_LIT("x.example"), false };
    struct mail_address b = { SLICE_LIT("POSTMASTER"), SLICE_LIT("x.example"), false };
    struct mail_address c = { SLICE_LIT("a"), SLICE_LIT("x.example"), false };
    struct mail_address d = { SLICE_LIT("A"), SLICE_LIT("x.example"), false };

    CHECK(mail_address_eq(&a, &b) && mail_address_eq(&c, &c));
    CHECK(!mail_address_eq(&c, &d) && !mail_address_eq(&a, &c));
}

RUN_TESTS(T(address), T(domain), T(label_limit), T(eq))
