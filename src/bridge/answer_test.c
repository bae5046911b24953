#include "bridge/answer.h"

#include "base/test.h"

#define D "example.com"
static const struct slice mx[] = { { "mail.example.com", 16 }, { "*.example.net", 13 }, { "backupmx.example.com", 20 } };
static const struct slice names[] = { { "mx.partner.test", 15 }, { "*.partner.test", 14 } };

static const struct sts_facts enforce = {
    .finding = STS_FOUND,
    .policy = { .mode = STS_MODE_ENFORCE, .max_age_s = 604800, .mx = mx, .mx_len = COUNT_OF(mx) },
};
/* Kept though the last fetch failed (STS-07 and the like). */
static const struct sts_facts kept = {
    .finding = STS_FOUND,
    .failure = TLS_RESULT_STS_POLICY_FETCH_ERROR,
    .policy = { .mode = STS_MODE_ENFORCE, .max_age_s = 604800, .mx = mx, .mx_len = COUNT_OF(mx) },
};
static const struct sts_facts testing = {
    .finding = STS_FOUND,
    .policy = { .mode = STS_MODE_TESTING, .max_age_s = 86400, .mx = mx, .mx_len = 2 },
};
static const struct sts_facts off = { .finding = STS_FOUND, .policy = { .mode = STS_MODE_NONE, .max_age_s = 86400 } };
static const struct sts_facts nothing = { .finding = STS_NOTHING };
static const struct sts_facts unknown = { .finding = STS_UNKNOWN };
static const struct sts_facts not_fetched = { .finding = STS_TROUBLE, .failure = TLS_RESULT_STS_POLICY_FETCH_ERROR };
static const struct sts_facts not_valid = { .finding = STS_TROUBLE, .failure = TLS_RESULT_STS_POLICY_INVALID };
static const struct sts_facts not_trusted = { .finding = STS_TROUBLE, .failure = TLS_RESULT_STS_WEBPKI_INVALID };

#define DEFAULT(l) { .level = (l), .uses_dane = true }
#define RULE(l, ...) { .level = (l), .uses_dane = true, __VA_ARGS__ }
#define EXEMPT(l) { .level = (l) }
static const struct decision may = DEFAULT(LEVEL_MAY);
static const struct decision default_none = DEFAULT(LEVEL_NONE);
static const struct decision default_encrypt = DEFAULT(LEVEL_ENCRYPT);
static const struct decision rule_may = RULE(LEVEL_MAY);
static const struct decision exempt = EXEMPT(LEVEL_MAY);
static const struct decision exempt_none = EXEMPT(LEVEL_NONE);
static const struct decision exempt_encrypt = EXEMPT(LEVEL_ENCRYPT);
static const struct decision exempt_verify = EXEMPT(LEVEL_VERIFY);
static const struct decision encrypt = RULE(LEVEL_ENCRYPT);
static const struct decision encrypt_12 = RULE(LEVEL_ENCRYPT, .min_version = TLS_VERSION_1_2);
static const struct decision version_alone = RULE(LEVEL_MAY, .min_version = TLS_VERSION_1_3);
static const struct decision verify = RULE(LEVEL_VERIFY);
static const struct decision verify_any_name = RULE(LEVEL_VERIFY, .any_name = true);
static const struct decision verify_names = RULE(LEVEL_VERIFY, .names = names, .names_len = 2);
static const struct decision verify_ca = RULE(LEVEL_VERIFY, .ca_file = { "/etc/ca.pem", 11 });
static const struct decision verify_odd_ca = RULE(LEVEL_VERIFY, .ca_file = { "/etc/my ca.pem", 14 });
static const struct decision dane = RULE(LEVEL_DANE);

#define NO_DANE { .none = 2 }
#define SIGNED_MX { .none = 2, .mx_is_secure = true }
#define ALL { .usable = 2, .mx_is_secure = true }
#define SOME { .usable = 1, .none = 1, .mx_is_secure = true }
#define INSECURE_MX { .usable = 2 }
#define UNUSABLE { .unusable = 2, .mx_is_secure = true }
#define FAILED { .none = 1, .failed = 1, .mx_is_secure = true }
#define NO_MX_ANSWER { .mx_is_unknown = true }

#define NOTFOUND "NOTFOUND "
#define TEMP_DANE "TEMP DNS gave no sure answer about DANE"
#define SECURE "OK secure match=mail.example.com:.example.net:backupmx.example.com"
#define SNI " servername=hostname"
#define ATTRIBUTES                                                                                                    \
    " policy_type=sts policy_domain=example.com mx_host_pattern=mail.example.com mx_host_pattern=*.example.net "      \
    "mx_host_pattern=backupmx.example.com { policy_string = version: STSv1 } { policy_string = mode: enforce } "      \
    "{ policy_string = mx: mail.example.com } { policy_string = mx: *.example.net } "                                 \
    "{ policy_string = mx: backupmx.example.com } { policy_string = max_age: 604800 }"
#define IN_TESTING                                                                                                    \
    " policy_type=sts policy_domain=example.com mx_host_pattern=mail.example.com mx_host_pattern=*.example.net "      \
    "{ policy_string = version: STSv1 } { policy_string = mode: testing } { policy_string = mx: mail.example.com } "  \
    "{ policy_string = mx: *.example.net } { policy_string = max_age: 86400 }"
#define FAILURE(f) "OK may policy_type=sts policy_domain=example.com policy_failure=" f
#define TLS12 " protocols=!SSLv2:!SSLv3:!TLSv1:!TLSv1.1"
#define VERIFY "OK verify match=hostname:nexthop"
#define OF_DOMAIN "OK secure match=nexthop:dot-nexthop"
#define NAMES "OK secure match=mx.partner.test:.partner.test"
#define SAME(s) { s, s, s, s }
#define WITH_SNI(s) { s SNI, s SNI, s, s SNI }

/* By map: policy, policy-tlsrpt, policy-nosni, policy-tlsrpt-testing. */
static const struct {
    const char *name;
    const struct decision *demand;
    struct answer_dane dane;
    const struct sts_facts *sts;
    const char *replies[ANSWER_MAPS];
} cases[] = {
    { "enforce, no DANE", &may, NO_DANE, &enforce, { SECURE SNI, SECURE SNI ATTRIBUTES, SECURE, SECURE SNI ATTRIBUTES } },
    { "enforce, kept while the fetch fails", &may, NO_DANE, &kept,
      { SECURE SNI, SECURE SNI ATTRIBUTES, SECURE, SECURE SNI ATTRIBUTES } },
    { "testing", &may, NO_DANE, &testing, { NOTFOUND, NOTFOUND, NOTFOUND, "OK may" IN_TESTING } },
    { "mode none", &may, NO_DANE, &off, SAME(NOTFOUND) },
    { "no record", &may, NO_DANE, &nothing, SAME(NOTFOUND) },
    { "no server at all", &may, { 0 }, &nothing, SAME(NOTFOUND) },
    { "DNS has no answer about MTA-STS", &may, NO_DANE, &unknown, SAME(NOTFOUND) },
    { "MTA-STS is slow", &may, NO_DANE, NULL, SAME(NOTFOUND) },
    { "policy not fetchable", &may, NO_DANE, &not_fetched,
      { NOTFOUND, NOTFOUND, NOTFOUND, FAILURE("sts-policy-fetch-error") } },
    { "policy invalid", &may, NO_DANE, &not_valid, { NOTFOUND, NOTFOUND, NOTFOUND, FAILURE("sts-policy-invalid") } },
    { "policy host's certificate", &may, NO_DANE, &not_trusted,
      { NOTFOUND, NOTFOUND, NOTFOUND, FAILURE("sts-webpki-invalid") } },

    { "DANE everywhere", &may, ALL, &nothing, SAME("OK dane-only") },
    { "DANE on some", &may, SOME, &nothing, SAME("OK dane") },
    { "MX not signed, hosts are", &may, INSECURE_MX, &nothing, SAME("OK dane") },
    { "TLSA of no use", &may, UNUSABLE, &nothing, SAME("OK dane") },
    { "some of use, some not", &may, { .usable = 1, .unusable = 1, .mx_is_secure = true }, &nothing, SAME("OK dane") },
    { "DANE and MTA-STS: DANE", &may, ALL, &enforce, SAME("OK dane-only") },
    { "some DANE and MTA-STS: DANE", &may, SOME, &enforce, SAME("OK dane") },
    { "DANE and a policy in testing", &may, ALL, &testing, SAME("OK dane-only") },
    { "DANE and a policy that could not be had", &may, ALL, &not_fetched, SAME("OK dane-only") },
    { "DANE unknown", &may, FAILED, &nothing, SAME(TEMP_DANE) },
    { "DANE unknown, never a fall to MTA-STS", &may, FAILED, &enforce, SAME(TEMP_DANE) },
    { "MX unknown", &may, NO_MX_ANSWER, &enforce, SAME(TEMP_DANE) },
    { "one server's DANE unknown, another has it", &may, { .usable = 1, .failed = 1, .mx_is_secure = true }, &nothing,
      SAME("OK dane") },

    { "rule may, not exempt", &rule_may, NO_DANE, &nothing, SAME(NOTFOUND) },
    { "rule may, not exempt, DANE", &rule_may, ALL, &nothing, SAME("OK dane-only") },
    { "rule encrypt", &encrypt, NO_DANE, &nothing, SAME("OK encrypt") },
    { "default encrypt", &default_encrypt, NO_DANE, &nothing, SAME("OK encrypt") },
    { "default none", &default_none, NO_DANE, &nothing, SAME(NOTFOUND) },
    { "rule encrypt, version", &encrypt_12, NO_DANE, &nothing, SAME("OK encrypt" TLS12) },
    { "rule with a version alone", &version_alone, NO_DANE, &nothing, SAME("OK encrypt" TLS12 ":!TLSv1.2") },
    { "rule encrypt, MTA-STS stronger", &encrypt_12, NO_DANE, &enforce,
      { SECURE SNI TLS12, SECURE SNI TLS12 ATTRIBUTES, SECURE TLS12, SECURE SNI TLS12 ATTRIBUTES } },
    { "rule encrypt, policy in testing", &encrypt, NO_DANE, &testing,
      { "OK encrypt", "OK encrypt", "OK encrypt", "OK encrypt" IN_TESTING } },
    { "rule encrypt, DANE unknown", &encrypt, FAILED, &nothing, SAME(TEMP_DANE) },
    { "rule encrypt, DANE everywhere", &encrypt_12, ALL, &nothing, SAME("OK dane-only" TLS12) },
    { "rule encrypt, DANE on some", &encrypt, SOME, &nothing, SAME("OK dane-only") },
    { "rule encrypt, MX not signed", &encrypt, INSECURE_MX, &nothing, SAME("OK encrypt") },
    { "rule encrypt, TLSA of no use", &encrypt, UNUSABLE, &nothing, SAME("OK encrypt") },
    { "rule encrypt, MX not signed, and MTA-STS", &encrypt, INSECURE_MX, &enforce,
      { SECURE SNI, SECURE SNI ATTRIBUTES, SECURE, SECURE SNI ATTRIBUTES } },
    { "rule encrypt, TLSA of no use, and MTA-STS", &encrypt, UNUSABLE, &enforce,
      { SECURE SNI, SECURE SNI ATTRIBUTES, SECURE, SECURE SNI ATTRIBUTES } },
    { "rule verify, DANE on some, and MTA-STS", &verify, SOME, &enforce, SAME("OK dane-only") },
    { "rule verify, MX signed", &verify, SIGNED_MX, &nothing, WITH_SNI(VERIFY) },
    { "DNS-01 rule verify, MX that prove nothing", &verify, NO_DANE, &nothing, WITH_SNI(OF_DOMAIN) },
    { "rule verify, any name", &verify_any_name, NO_DANE, &nothing, WITH_SNI(VERIFY) },
    { "rule verify, names", &verify_names, NO_DANE, &nothing, WITH_SNI(NAMES) },
    { "rule verify, issuers", &verify_ca, SIGNED_MX, &nothing,
      { VERIFY SNI " tafile=/etc/ca.pem", VERIFY SNI " tafile=/etc/ca.pem", VERIFY " tafile=/etc/ca.pem",
        VERIFY SNI " tafile=/etc/ca.pem" } },
    { "rule verify, issuers, and MTA-STS names the servers", &verify_ca, NO_DANE, &enforce,
      { SECURE SNI " tafile=/etc/ca.pem", SECURE SNI " tafile=/etc/ca.pem" ATTRIBUTES, SECURE " tafile=/etc/ca.pem",
        SECURE SNI " tafile=/etc/ca.pem" ATTRIBUTES } },
    { "rule verify, issuers that cannot be told, MTA-STS", &verify_odd_ca, NO_DANE, &enforce,
      SAME("TEMP the rule's CA file has a name that Postfix cannot be told") },
    { "rule verify, issuers that cannot be told", &verify_odd_ca, NO_DANE, &nothing,
      SAME("TEMP the rule's CA file has a name that Postfix cannot be told") },
    { "rule verify, MTA-STS names the servers", &verify, NO_DANE, &enforce,
      { SECURE SNI, SECURE SNI ATTRIBUTES, SECURE, SECURE SNI ATTRIBUTES } },
    { "rule verify with names, MTA-STS", &verify_names, NO_DANE, &enforce, WITH_SNI(NAMES) },
    { "rule verify, DANE everywhere", &verify_names, ALL, &nothing, SAME("OK dane-only") },
    { "rule verify, TLSA of no use", &verify_names, UNUSABLE, &nothing, WITH_SNI(NAMES) },
    { "rule verify, MX not signed", &verify, INSECURE_MX, &nothing, WITH_SNI(OF_DOMAIN) },
    { "rule dane", &dane, NO_DANE, &enforce, SAME("OK dane-only") },
    { "rule dane, DNS has no answer: Postfix looks itself", &dane, FAILED, &nothing, SAME("OK dane-only") },
    { "exempt: may", &exempt, ALL, &enforce, SAME("OK may") },
    { "exempt, DNS broken", &exempt, FAILED, &enforce, SAME("OK may") },
    { "exempt: none", &exempt_none, FAILED, &enforce, SAME("OK none") },
    { "exempt, yet encrypted", &exempt_encrypt, ALL, &enforce, SAME("OK encrypt") },
    { "exempt, yet verified", &exempt_verify, ALL, &enforce, WITH_SNI(OF_DOMAIN) },
};

TEST(every_row_by_every_map)
{
    struct arena arena = { 0 };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct answer_facts f = {
            .domain = SLICE_LIT(D), .demand = cases[i].demand, .dane = cases[i].dane, .sts = cases[i].sts
        };

        for (int map = 0; map < ANSWER_MAPS; map++) {
            struct slice reply = answer_write(&f, (enum answer_map)map, &arena);

            if (!slice_eq(reply, slice_str(cases[i].replies[map])))
                fail_msg("case '%s', map %d: got '%.*s', want '%s'", cases[i].name, map, SLICE_FMT(reply),
                         cases[i].replies[map]);
        }
    }
    arena_release(&arena);
}

static const struct { const char *name; const struct decision *demand; bool is_settled; } settled_cases[] = {
    { "nothing said", &may, false },         { "default encrypt", &default_encrypt, false },
    { "rule encrypt", &encrypt, false },     { "rule verify", &verify, false },
    { "rule dane", &dane, true },            { "exempt", &exempt, true },
    { "exempt none", &exempt_none, true },   { "version alone", &version_alone, false },
};
TEST(settled_without_dns)
{
    for (size_t i = 0; i < COUNT_OF(settled_cases); i++)
        CHECK_CASE(settled_cases[i].name, answer_is_settled(settled_cases[i].demand) == settled_cases[i].is_settled);
}

static const struct { const char *name; struct answer_dane dane; bool by_itself, for_rule; } sts_cases[] = {
    { "no DANE", NO_DANE, true, true },          { "DANE everywhere", ALL, false, false },
    { "DANE on some", SOME, false, false },      { "MX not signed", INSECURE_MX, false, true },
    { "TLSA of no use", UNUSABLE, false, true }, { "DANE unknown", FAILED, false, false },
    { "MX unknown", NO_MX_ANSWER, false, false },
};
TEST(where_mta_sts_counts)
{
    for (size_t i = 0; i < COUNT_OF(sts_cases); i++) {
        CHECK_CASE(sts_cases[i].name, answer_asks_sts(&sts_cases[i].dane, false) == sts_cases[i].by_itself);
        CHECK_CASE(sts_cases[i].name, answer_asks_sts(&sts_cases[i].dane, true) == sts_cases[i].for_rule);
    }
}

TEST(servers_counted)
{
    static const enum dane_state states[] = { DANE_USABLE, DANE_UNUSABLE, DANE_NONE, DANE_FAILED, DANE_BOGUS, DANE_UNKNOWN };
    struct answer_dane d = { 0 };

    for (size_t i = 0; i < COUNT_OF(states); i++)
        answer_dane_add(&d, states[i]);
    CHECK(d.usable == 1 && d.unusable == 1 && d.none == 1 && d.failed == 3);
}

/* STS parsers elsewhere let these through; a reply never carries them (injection through braces, IP literals, empty
 * match). */
static const struct { const char *name, *mx, *reply; } hostile_cases[] = {
    { "a blank", "mx.example.com servername=evil.test", "TEMP" },
    { "braces", "{mx.example.com}", "TEMP" },
    { "a closing brace", "mx.example.com } match=evil.test { x = y", "TEMP" },
    { "two names", "mx.example.com:evil.test", "TEMP" },
    { "a line end", "mx.example.com\r\nOK none", "TEMP" },
    { "an address", "[192.0.2.1]", "TEMP" },
    { "nothing", "", "TEMP" },
    { "a bare wildcard", "*.", "TEMP" },
    { "a star alone", "*", "TEMP" },
    { "a wildcard inside", "mx.*.example.com", "TEMP" },
    { "a leading dot", ".example.com", "TEMP" },
    { "two dots", "mx..example.com", "TEMP" },
    { "a final dot", "mx.example.com.", "TEMP" },
    { "bytes above ASCII", "mx.b\xc3\xbc" "cher.example", "TEMP" },
    { "upper case", "MX.example.com", "TEMP" },
    { "fine", "mx.example.com", "OK secure match=mx.example.com servername=hostname policy_type=sts" },
};

TEST(names_are_checked)
{
    struct arena arena = { 0 };

    for (size_t i = 0; i < COUNT_OF(hostile_cases); i++) {
        struct slice one = slice_str(hostile_cases[i].mx);
        struct sts_facts sts = { .finding = STS_FOUND, .policy = { .mode = STS_MODE_ENFORCE, .mx = &one, .mx_len = 1 } };
        struct answer_facts f = { .domain = SLICE_LIT(D), .demand = &may, .dane = NO_DANE, .sts = &sts };
        struct slice reply = answer_write(&f, ANSWER_TLSRPT, &arena);

        CHECK_CASE(hostile_cases[i].name, slice_starts(reply, slice_str(hostile_cases[i].reply)));
        CHECK_CASE(hostile_cases[i].name, memmem(reply.ptr, reply.len, "evil", 4) == NULL);
    }
    arena_release(&arena);
}

TEST(a_bad_pattern_does_not_take_the_good_ones_along)
{
    static const struct slice mixed[] = { { "mx 1", 4 }, { "mx.example.com", 14 }, { "a{b", 3 } };
    struct sts_facts sts = { .finding = STS_FOUND, .policy = { .mode = STS_MODE_ENFORCE, .mx = mixed, .mx_len = 3 } };
    struct answer_facts f = { .domain = SLICE_LIT(D), .demand = &may, .dane = NO_DANE, .sts = &sts };
    struct arena arena = { 0 };

    CHECK_STR(answer_write(&f, ANSWER_POLICY, &arena), "OK secure match=mx.example.com servername=hostname");
    CHECK_STR(answer_write(&f, ANSWER_TLSRPT, &arena),
              "OK secure match=mx.example.com servername=hostname policy_type=sts policy_domain=example.com "
              "mx_host_pattern=mx.example.com { policy_string = version: STSv1 } { policy_string = mode: enforce } "
              "{ policy_string = mx: mx.example.com } { policy_string = max_age: 0 }");
    arena_release(&arena);
}

/* As many and as long names as a policy may have: match= still fits, the attributes do not and are left out. */
TEST(the_longest_policy)
{
    struct slice many[STS_MX_MOST];
    struct sts_facts sts = { .finding = STS_FOUND, .policy = { .mode = STS_MODE_ENFORCE, .mx = many, .mx_len = STS_MX_MOST } };
    struct answer_facts f = { .domain = SLICE_LIT(D), .demand = &may, .dane = NO_DANE, .sts = &sts };
    struct arena arena = { 0 };
    struct slice plain, longer;
    char name[253];

    memset(name, 'a', sizeof name);
    for (size_t i = 63; i < sizeof name; i += 64)
        name[i] = '.';
    for (size_t i = 0; i < COUNT_OF(many); i++)
        many[i] = slice_of(name, sizeof name);
    plain = answer_write(&f, ANSWER_POLICY, &arena);
    longer = answer_write(&f, ANSWER_TLSRPT, &arena);
    CHECK(plain.len > (size_t)STS_MX_MOST * sizeof name && plain.len <= ANSWER_MAX);
    CHECK(slice_eq(plain, longer));
    sts.policy.mx_len = 100;
    longer = answer_write(&f, ANSWER_TLSRPT, &arena);
    CHECK(longer.len <= ANSWER_MAX && memmem(longer.ptr, longer.len, "max_age", 7) != NULL);
    arena_release(&arena);
}

TEST(domains_that_are_no_names)
{
    static const char *const odd[] = { "", "exa mple.com", "example.com}", "a..b", ".example.com", "example.com." };
    struct arena arena = { 0 };

    for (size_t i = 0; i < COUNT_OF(odd); i++) {
        struct answer_facts f = { .domain = slice_str(odd[i]), .demand = &may, .dane = NO_DANE, .sts = &enforce };

        CHECK_CASE(odd[i], slice_eq(answer_write(&f, ANSWER_TLSRPT, &arena), ANSWER_NOTFOUND));
    }
    arena_release(&arena);
}

TEST(maps)
{
    enum answer_map map = ANSWER_MAPS;

    CHECK(answer_map_find(SLICE_LIT("policy"), &map) && map == ANSWER_POLICY);
    CHECK(answer_map_find(SLICE_LIT("policy-tlsrpt"), &map) && map == ANSWER_TLSRPT);
    CHECK(answer_map_find(SLICE_LIT("policy-nosni"), &map) && map == ANSWER_NOSNI);
    CHECK(answer_map_find(SLICE_LIT("policy-tlsrpt-testing"), &map) && map == ANSWER_TESTING);
    CHECK(!answer_map_find(SLICE_LIT("QUERY"), &map) && !answer_map_find(SLICE_LIT(""), &map));
    CHECK(slice_starts(ANSWER_UNKNOWN_MAP, SLICE_LIT("PERM ")));
}

RUN_TESTS(T(every_row_by_every_map), T(settled_without_dns), T(where_mta_sts_counts), T(servers_counted), T(names_are_checked),
          T(a_bad_pattern_does_not_take_the_good_ones_along), T(the_longest_policy), T(domains_that_are_no_names), T(maps))
