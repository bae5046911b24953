#include "policy/decide.h"

#include "base/test.h"

#define S(text) { (text), sizeof(text) - 1 }

static const struct slice bank[] = { S("bank.example") }, law[] = { S("law.example") }, lab[] = { S("lab.example") };

static const struct rule rules[] = {
    { .name = S("bank"), .direction = RULE_INBOUND, .from = bank, .from_len = 1, .level = LEVEL_ENCRYPT },
    { .name = S("bank-13"), .direction = RULE_INBOUND, .from = bank, .from_len = 1, .level = LEVEL_ENCRYPT,
      .min_version = TLS_VERSION_1_3, .is_testing = true },
    { .name = S("law-any"), .direction = RULE_INBOUND, .from = law, .from_len = 1, .level = LEVEL_VERIFY,
      .any_name = true, .refuses_421 = true },
    { .name = S("law"), .direction = RULE_INBOUND, .from = law, .from_len = 1, .level = LEVEL_VERIFY },
    { .name = S("law-too"), .direction = RULE_INBOUND, .from = law, .from_len = 1, .level = LEVEL_VERIFY },
    { .name = S("lab"), .direction = RULE_INBOUND, .from = lab, .from_len = 1, .level = LEVEL_MAY },
    { .name = S("out"), .from = lab, .from_len = 1, .level = LEVEL_VERIFY },
};

static const struct {
    const char      *name, *domain;
    struct tls_facts facts;
    const char      *refused_by;
    size_t           testing;
    const char      *reason;
} cases[] = {
    { "no rule", "else.example", { .is_tls = false }, "", 0, "no inbound rule matches" },
    { "an outbound rule is none, and may is none", "lab.example", { .is_tls = false }, "", 0,
      "every inbound rule that matches and is enforced is met" },
    { "clear (T7)", "bank.example", { .is_tls = false }, "bank", 1, "rule 'bank' demands encrypt: the session is not in TLS" },
    { "testing would refuse (T8)", "bank.example", { .is_tls = true, .version = TLS_VERSION_1_2 }, "", 1,
      "every inbound rule that matches and is enforced is met" },
    { "all met", "bank.example", { .is_tls = true, .version = TLS_VERSION_1_3 }, "", 0,
      "every inbound rule that matches and is enforced is met" },
    { "the strictest refuses, the first of equals", "law.example", { .is_tls = false }, "law", 0,
      "rule 'law' demands verify: the session is not in TLS" },
    { "no client certificate", "law.example", { .is_tls = true, .version = TLS_VERSION_1_3 }, "law", 0,
      "rule 'law' demands verify: certificate of 'the client' is missing" },
    { "trusted, another name", "law.example", { .is_tls = true, .version = TLS_VERSION_1_3, .verdict = CERT_TRUSTED },
      "law", 0, "rule 'law' demands verify: certificate of 'the client' is for another name (subject ''): expected the "
      "server's own name or the domain" },
    { "trusted and named", "law.example",
      { .is_tls = true, .version = TLS_VERSION_1_3, .verdict = CERT_TRUSTED, .name_matches = true }, "", 0,
      "every inbound rule that matches and is enforced is met" },
};

TEST(policy_inbound)
{
    struct rule_set *set = NULL;
    struct arena arena = { 0 };
    struct rule_address to = { SLICE_LIT("b"), SLICE_LIT("ours.example") };

    CHECK(rule_set_new(rules, COUNT_OF(rules), NULL, 0, &set, NULL) == OK);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rule_address from = { SLICE_LIT("a"), slice_str(cases[i].domain) };
        struct inbound_verdict v;
        struct slice refused_by;

        policy_inbound(set, from, to, &cases[i].facts, &arena, &v);
        refused_by = v.refused_by == NULL ? SLICE_LIT("") : v.refused_by->name;
        if (!slice_eq(v.reason, slice_str(cases[i].reason)))
            fail_msg("case '%s': got '%.*s'", cases[i].name, SLICE_FMT(v.reason));
        CHECK_CASE(cases[i].name, slice_eq(refused_by, slice_str(cases[i].refused_by)));
        CHECK_CASE(cases[i].name, v.is_allowed == (refused_by.len == 0));
        CHECK_CASE(cases[i].name, v.testing_len == cases[i].testing);
    }
    rule_set_free(set);
    arena_release(&arena);
}

RUN_TESTS(T(policy_inbound))
