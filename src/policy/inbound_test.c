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
    { "the null sender is nobody's", "", { .is_tls = false }, "", 0, "no inbound rule matches" },
    { "no client certificate", "law.example", { .is_tls = true, .version = TLS_VERSION_1_3 }, "law", 0,
      "rule 'law' demands verify: certificate of 'the client' is missing" },
    { "trusted, another name", "law.example", { .is_tls = true, .version = TLS_VERSION_1_3, .verdict = CERT_TRUSTED },
      "law", 0, "rule 'law' demands verify: certificate of 'the client' is for another name (subject ''): expected "
      "'law.example'" },
    { "trusted and named", "law.example",
      { .is_tls = true, .version = TLS_VERSION_1_3, .verdict = CERT_TRUSTED, .name_matches = true }, "", 0,
      "every inbound rule that matches and is enforced is met" },
};

static void weigh(const struct rule_set *set, struct rule_address from, const struct tls_facts *facts,
                  struct arena *arena, struct inbound_verdict *v)
{
    struct rule_address to = { SLICE_LIT("b"), SLICE_LIT("ours.example") };
    struct inbound_case *found;
    size_t len = policy_inbound_cases(set, from, to, SLICE_LIT("client.example"), arena, &found);

    for (size_t i = 0; i < len; i++)
        found[i].facts = facts;
    policy_inbound(found, len, arena, v);
}

TEST(policy_inbound)
{
    struct rule_set *set = NULL;
    struct arena arena = { 0 };

    CHECK(rule_set_new(rules, COUNT_OF(rules), NULL, 0, &set, NULL) == OK);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rule_address from = { SLICE_LIT("a"), slice_str(cases[i].domain) };
        struct inbound_verdict v;
        struct slice refused_by;

        weigh(set, from, &cases[i].facts, &arena, &v);
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

static const struct slice named[] = { S("mail.law.example"), S("mx.law.example") };

static const struct {
    const char *name;
    struct rule rule;
    const char *domain;
    size_t      names;
    const char *first;
} name_cases[] = {
    { "the rule's own", { .names = named, .names_len = 2 }, "law.example", 2, "mail.law.example" },
    { "the rule's own for the null sender", { .names = named, .names_len = 2 }, "", 2, "mail.law.example" },
    { "the sender's domain", { .level = LEVEL_VERIFY }, "law.example", 1, "law.example" },
    { "the client's name for the null sender", { .level = LEVEL_VERIFY }, "", 1, "client.example" },
};

TEST(names_of_the_client)
{
    for (size_t i = 0; i < COUNT_OF(name_cases); i++) {
        struct rule rule = name_cases[i].rule;
        struct rule_address from = { SLICE_LIT(""), slice_str(name_cases[i].domain) }, to = { SLICE_LIT(""), SLICE_LIT("") };
        struct arena arena = { 0 };
        struct inbound_case *found;
        struct rule_set *set;

        rule.direction = RULE_INBOUND;
        CHECK(rule_set_new(&rule, 1, NULL, 0, &set, NULL) == OK);
        CHECK(policy_inbound_cases(set, from, to, SLICE_LIT("client.example"), &arena, &found) == 1);
        CHECK_CASE(name_cases[i].name, found[0].names_len == name_cases[i].names);
        CHECK_CASE(name_cases[i].name, slice_eq(found[0].names[0], slice_str(name_cases[i].first)));
        rule_set_free(set);
        arena_release(&arena);
    }
}

static const struct {
    const char      *name;
    struct tls_facts facts;
    const char      *reply;
} reply_cases[] = {
    { "clear", { .is_tls = false }, "Must issue a STARTTLS command first" },
    { "version", { .is_tls = true, .version = TLS_VERSION_1_2, .verdict = CERT_TRUSTED },
      "TLS 1.3 or higher is required for this mail" },
    { "no certificate", { .is_tls = true, .version = TLS_VERSION_1_3 },
      "a client certificate is required for this mail, and none was shown" },
    { "name", { .is_tls = true, .version = TLS_VERSION_1_3, .verdict = CERT_TRUSTED },
      "the client certificate is not for a name that this mail may come from" },
    { "expired", { .is_tls = true, .version = TLS_VERSION_1_3, .verdict = CERT_EXPIRED },
      "the client certificate has expired, and a valid one is required for this mail" },
    { "early", { .is_tls = true, .version = TLS_VERSION_1_3, .verdict = CERT_NOT_YET_VALID },
      "the client certificate is not valid yet, and a valid one is required for this mail" },
    { "self-signed", { .is_tls = true, .version = TLS_VERSION_1_3, .verdict = CERT_SELF_SIGNED, .name_matches = true },
      "the client certificate is self-signed, and a trusted one is required for this mail" },
    { "untrusted", { .is_tls = true, .version = TLS_VERSION_1_3, .verdict = CERT_UNTRUSTED, .name_matches = true },
      "the client certificate is not trusted here, and a trusted one is required for this mail" },
};

TEST(what_the_client_is_told)
{
    const struct rule rule = { .direction = RULE_INBOUND, .level = LEVEL_VERIFY, .min_version = TLS_VERSION_1_3 };
    struct rule_address from = { SLICE_LIT("a"), SLICE_LIT("law.example") };
    struct arena arena = { 0 };
    struct rule_set *set;

    CHECK(rule_set_new(&rule, 1, NULL, 0, &set, NULL) == OK);
    for (size_t i = 0; i < COUNT_OF(reply_cases); i++) {
        struct inbound_verdict v;

        weigh(set, from, &reply_cases[i].facts, &arena, &v);
        CHECK_CASE(reply_cases[i].name, !v.is_allowed && slice_eq(v.reply, slice_str(reply_cases[i].reply)));
    }
    rule_set_free(set);
    arena_release(&arena);
}

RUN_TESTS(T(policy_inbound), T(names_of_the_client), T(what_the_client_is_told))
