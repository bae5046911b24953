#include "discovery/mx.h"

#include "base/test.h"

#define REC(n, p) { .name = { (n), sizeof(n) - 1 }, .preference = (p) }

static const struct {
    const char       *name;
    enum dns_outcome  dns;
    struct dns_record records[4];
    size_t            len;
    enum mx_outcome   want;
    const char       *first; /* NULL: no server */
    size_t            servers;
} cases[] = {
    { "by preference", DNS_FOUND, { REC("b.test", 20), REC("a.test", 10) }, 2, MX_FOUND, "a.test", 2 },
    { "DNS-09: null MX alone", DNS_FOUND, { REC("", 0) }, 1, MX_NULL, NULL, 0 },
    { "DNS-09: null MX with another is ignored", DNS_FOUND, { REC("", 0), REC("a.test", 10) }, 2, MX_FOUND, "a.test", 1 },
    { "DNS-10: an address as text is no host", DNS_FOUND, { REC("192.0.2.1", 5), REC("a.test", 10) }, 2, MX_FOUND,
      "a.test", 1 },
    { "DNS-10: bytes no host name has", DNS_FOUND, { REC("a b.test", 5) }, 1, MX_FAILED, NULL, 0 },
    { "DNS-10: we are the best", DNS_FOUND, { REC("us.test", 10), REC("b.test", 20) }, 2, MX_LOOP, NULL, 0 },
    { "DNS-10: only what is better than us", DNS_FOUND,
      { REC("b.test", 20), REC("US.test", 20), REC("a.test", 10), REC("c.test", 30) }, 4, MX_FOUND, "a.test", 1 },
    { "implicit MX", DNS_NODATA, { { .preference = 0 } }, 0, MX_FOUND, "example.test", 1 },
    { "no such domain", DNS_NXDOMAIN, { { .preference = 0 } }, 0, MX_NO_DOMAIN, NULL, 0 },
    { "DNS-03: bogus", DNS_BOGUS, { REC("evil.test", 1) }, 1, MX_BOGUS, NULL, 0 },
    { "DNS-03: failed", DNS_FAILED, { { .preference = 0 } }, 0, MX_FAILED, NULL, 0 },
};

TEST(mx_judge)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct dns_answer answer = { .outcome = cases[i].dns, .records = cases[i].records, .records_len = cases[i].len };
        struct arena arena = { 0 };
        struct mx_result got;

        mx_judge(&answer, SLICE_LIT("example.test"), SLICE_LIT("us.test"), 7, &arena, &got);
        CHECK_CASE(cases[i].name, got.outcome == cases[i].want);
        CHECK_CASE(cases[i].name, got.servers_len == cases[i].servers);
        CHECK_CASE(cases[i].name, got.text.len > 0);
        if (cases[i].first != NULL)
            CHECK_STR(got.servers[0].name, cases[i].first);
        arena_release(&arena);
    }
}

TEST(equals_are_shuffled)
{
    const struct dns_record records[] = { REC("a.test", 10), REC("b.test", 10), REC("c.test", 10), REC("z.test", 20) };
    struct dns_answer answer = { .outcome = DNS_FOUND, .records = records, .records_len = COUNT_OF(records) };
    bool saw[3] = { false };

    for (uint32_t random = 0; random < 64; random++) {
        struct arena arena = { 0 };
        struct mx_result got;

        mx_judge(&answer, SLICE_LIT("x.test"), SLICE_LIT("us.test"), random * 2654435761U, &arena, &got);
        CHECK_INT(got.servers_len, 4);
        saw[got.servers[0].name.ptr[0] - 'a'] = true;
        CHECK_STR(got.servers[3].name, "z.test");
        arena_release(&arena);
    }
    CHECK(saw[0] && saw[1] && saw[2]);
}

TEST(own_implicit_mx_loops)
{
    struct dns_answer answer = { .outcome = DNS_NODATA };
    struct arena arena = { 0 };
    struct mx_result got;

    mx_judge(&answer, SLICE_LIT("us.test"), SLICE_LIT("us.test"), 1, &arena, &got);
    CHECK_INT(got.outcome, MX_LOOP);
    arena_release(&arena);
}

/* RFC 7672 section 3.2.2: what an alias leads to is a further name of the domain. */
TEST(expanded)
{
    static const struct { const char *canonical, *expanded; enum dns_outcome outcome; } alias_cases[] = {
        { "example.org", "", DNS_FOUND },       { "EXAMPLE.org", "", DNS_FOUND },
        { "", "", DNS_FOUND },                  { "target.test", "target.test", DNS_FOUND },
        { "target.test", "target.test", DNS_NODATA },
    };
    static const struct dns_record mx[] = { REC("a.test", 10) };

    for (size_t i = 0; i < COUNT_OF(alias_cases); i++) {
        struct dns_answer answer = { .outcome = alias_cases[i].outcome, .records = mx, .records_len = 1,
                                     .canonical = slice_str(alias_cases[i].canonical) };
        struct arena arena = { 0 };
        struct mx_result got;

        mx_judge(&answer, SLICE_LIT("example.org"), SLICE_LIT("us.test"), 1, &arena, &got);
        CHECK_INT(got.outcome, MX_FOUND);
        CHECK_STR(got.expanded, alias_cases[i].expanded);
        arena_release(&arena);
    }
}

/* RFC 7672 section 3.2.2: further names are those that DNSSEC vouches for. */
TEST(names_of_the_domain_itself)
{
    struct mx_lookup l = { .domain = SLICE_LIT("alias.test"), .result.expanded = SLICE_LIT("real.test") };
    struct slice names[2];

    CHECK_INT(mx_domain_names(&l, names), 0);
    l.result.is_secure = true;
    CHECK_INT(mx_domain_names(&l, names), 2);
    CHECK_STR(names[0], "alias.test");
    CHECK_STR(names[1], "real.test");
    l.result.expanded = SLICE_LIT("");
    CHECK_INT(mx_domain_names(&l, names), 1);
    l = (struct mx_lookup){ .result.is_secure = true };
    CHECK_INT(mx_domain_names(&l, names), 0);
}

RUN_TESTS(T(mx_judge), T(equals_are_shuffled), T(own_implicit_mx_loops), T(expanded), T(names_of_the_domain_itself))
