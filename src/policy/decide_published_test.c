/* What the destination publishes and the sender asks for, weighed with rules and hosts. */
#include "policy/decide.h"

#include "base/test.h"

#define S(text) { (text), sizeof(text) - 1 }

enum { NOW_S = 1764028800, LATER_S = NOW_S + 86400 };

static const struct slice bank[] = { S("bank.example") }, patterns[] = { S("mx.bank.example") };
static const struct sts_policy enforce = { .mode = STS_MODE_ENFORCE, .mx = patterns, .mx_len = 1 },
                               testing = { .mode = STS_MODE_TESTING, .mx = patterns, .mx_len = 1 },
                               none = { .mode = STS_MODE_NONE };
static const struct host_demand smart = { .name = S("smart"), .level = LEVEL_MAY, .ca_file = S("/smart.pem") };

#define RULE(...) { .name = S("r"), .to = bank, .to_len = 1, __VA_ARGS__ }
#define EXEMPT(until) RULE(.level = LEVEL_MAY, .exempt_until_s = (until))

static const struct {
    const char              *name;
    const struct sts_policy *sts;
    struct rule              rule; /* without a name: none */
    bool                     requires_tls, required_no;
    const struct host_demand *host;
    bool                     looks_up_mx;
    enum tls_level           default_level;
    const char              *alternate;
    /* What comes out. */
    enum tls_level           level;
    bool                     enforces_sts, uses_dane, needs_requiretls;
    enum on_failure          on_failure;
    enum reason_source       decided_by;
} cases[] = {
    { "nothing published", NULL, { .name = S("") }, false, false, NULL, true, LEVEL_MAY, "",
      LEVEL_MAY, false, true, false, ON_FAILURE_DEFER, REASON_DEFAULT },
    { "enforce (STS-21: waits, never bounces)", &enforce, { .name = S("") }, false, false, NULL, true, LEVEL_MAY, "",
      LEVEL_VERIFY, true, true, false, ON_FAILURE_DEFER, REASON_MTA_STS },
    { "enforce, with an alternate route", &enforce, { .name = S("") }, false, false, NULL, true, LEVEL_MAY, "relay",
      LEVEL_VERIFY, true, true, false, ON_FAILURE_ALTERNATE, REASON_MTA_STS },
    { "testing (STS-20)", &testing, { .name = S("") }, false, false, NULL, true, LEVEL_MAY, "",
      LEVEL_MAY, false, true, false, ON_FAILURE_DEFER, REASON_DEFAULT },
    { "none (STS-18)", &none, { .name = S("") }, false, false, NULL, true, LEVEL_MAY, "",
      LEVEL_MAY, false, true, false, ON_FAILURE_DEFER, REASON_DEFAULT },
    { "a rule is stricter, and bounces", &enforce, RULE(.level = LEVEL_VERIFY, .on_failure = ON_FAILURE_BOUNCE), false, false,
      NULL, true, LEVEL_MAY, "", LEVEL_VERIFY, true, true, false, ON_FAILURE_BOUNCE, REASON_RULE },
    { "a rule is laxer", &enforce, RULE(.level = LEVEL_ENCRYPT), false, false, NULL, true, LEVEL_MAY, "",
      LEVEL_VERIFY, true, true, false, ON_FAILURE_DEFER, REASON_MTA_STS },
    { "a rule demands dane", NULL, RULE(.level = LEVEL_DANE), false, false, NULL, true, LEVEL_MAY, "",
      LEVEL_DANE, false, true, false, ON_FAILURE_DEFER, REASON_RULE },
    { "a rule exempts", &enforce, EXEMPT(LATER_S), false, false, NULL, true, LEVEL_MAY, "",
      LEVEL_MAY, false, false, false, ON_FAILURE_DEFER, REASON_RULE },
    { "a rule exempts, and demands encrypt", &enforce, RULE(.level = LEVEL_ENCRYPT, .exempt_until_s = LATER_S), false, false,
      NULL, true, LEVEL_MAY, "", LEVEL_ENCRYPT, false, false, false, ON_FAILURE_DEFER, REASON_RULE },
    { "the exemption is over", &enforce, EXEMPT(NOW_S), false, false, NULL, true, LEVEL_MAY, "",
      LEVEL_VERIFY, true, true, false, ON_FAILURE_DEFER, REASON_MTA_STS },
    { "an exemption in testing exempts from nothing", &enforce,
      RULE(.level = LEVEL_MAY, .exempt_until_s = LATER_S, .is_testing = true), false, false, NULL, true, LEVEL_MAY, "",
      LEVEL_VERIFY, true, true, false, ON_FAILURE_DEFER, REASON_MTA_STS },
    { "TLS-Required: No (RTL-04)", &enforce, { .name = S("") }, false, true, NULL, true, LEVEL_ENCRYPT, "",
      LEVEL_MAY, false, false, false, ON_FAILURE_DEFER, REASON_DEFAULT },
    { "TLS-Required: No, but a rule", &enforce, RULE(.level = LEVEL_VERIFY), false, true, NULL, true, LEVEL_MAY, "",
      LEVEL_VERIFY, false, false, false, ON_FAILURE_DEFER, REASON_RULE },
    { "TLS-Required: No does not raise none", NULL, { .name = S("") }, false, true, NULL, true, LEVEL_NONE, "",
      LEVEL_NONE, false, false, false, ON_FAILURE_DEFER, REASON_DEFAULT },
    { "REQUIRETLS", NULL, { .name = S("") }, true, false, NULL, true, LEVEL_MAY, "",
      LEVEL_VERIFY, false, true, true, ON_FAILURE_BOUNCE, REASON_REQUIRETLS },
    { "REQUIRETLS wins over TLS-Required: No (RTL-04)", &enforce, { .name = S("") }, true, true, NULL, true, LEVEL_ENCRYPT,
      "", LEVEL_VERIFY, true, true, true, ON_FAILURE_BOUNCE, REASON_MTA_STS },
    { "REQUIRETLS wins over an exemption", &enforce, EXEMPT(LATER_S), true, false, NULL, true, LEVEL_MAY, "",
      LEVEL_VERIFY, true, true, true, ON_FAILURE_BOUNCE, REASON_MTA_STS },
    { "REQUIRETLS by a lax host", NULL, { .name = S("") }, true, false, &smart, false, LEVEL_MAY, "",
      LEVEL_VERIFY, false, false, true, ON_FAILURE_BOUNCE, REASON_REQUIRETLS },
    { "a host whose MX are looked up (H4)", &enforce, { .name = S("") }, false, false, &smart, true, LEVEL_MAY, "",
      LEVEL_VERIFY, true, true, false, ON_FAILURE_DEFER, REASON_MTA_STS },
    { "a host with servers of its own", NULL, { .name = S("") }, false, false, &smart, false, LEVEL_MAY, "",
      LEVEL_MAY, false, false, false, ON_FAILURE_DEFER, REASON_HOST },
};

static const struct reason *deciding(const struct decision *d)
{
    for (size_t i = 0; i < d->reasons_len; i++)
        if (d->reasons[i].decided)
            return &d->reasons[i];
    return NULL;
}

static void check_case(size_t i)
{
    struct policy_facts facts = {
        .sender = { SLICE_LIT("a"), SLICE_LIT("ours.example") },
        .recipient = { SLICE_LIT("b"), SLICE_LIT("bank.example") },
        .default_level = cases[i].default_level,
        .alternate_mode = cases[i].alternate[0] == '\0' ? ALTERNATE_OFF : ALTERNATE_REQUIRED,
        .alternate_host = slice_str(cases[i].alternate),
        .host = cases[i].host,
        .looks_up_mx = cases[i].looks_up_mx,
        .sts = { .policy = cases[i].sts, .domain = SLICE_LIT("bank.example"), .id = SLICE_LIT("1") },
        .requires_tls = cases[i].requires_tls,
        .tls_required_no = cases[i].required_no,
        .now_s = NOW_S,
    };
    struct rule_set *set = NULL;
    struct arena arena = { 0 };
    struct decision d;

    CHECK(rule_set_new(&cases[i].rule, cases[i].rule.name.len > 0 ? 1 : 0, NULL, 0, &set, NULL) == OK);
    facts.rules = set;
    policy_decide(&facts, &arena, &d);
    CHECK_CASE(cases[i].name, d.level == cases[i].level && d.uses_dane == cases[i].uses_dane);
    CHECK_CASE(cases[i].name, (d.sts != NULL) == cases[i].enforces_sts);
    CHECK_CASE(cases[i].name, d.sts == NULL || (d.min_version == TLS_VERSION_1_2 && slice_eq(d.sts_id, SLICE_LIT("1"))));
    CHECK_CASE(cases[i].name, d.needs_requiretls == cases[i].needs_requiretls);
    CHECK_CASE(cases[i].name, d.on_failure == cases[i].on_failure);
    CHECK_CASE(cases[i].name, deciding(&d) != NULL && deciding(&d)->source == cases[i].decided_by);
    CHECK_CASE(cases[i].name, cases[i].host == NULL || slice_eq(d.ca_file, cases[i].host->ca_file));
    rule_set_free(set);
    arena_release(&arena);
}

/* A rule's own alternate host serves REQUIRETLS, too; whether it offers it is seen there. */
TEST(requiretls_takes_the_alternate_route_of_a_rule)
{
    struct rule rule = RULE(.level = LEVEL_ENCRYPT, .alternate = S("own"));
    struct policy_facts facts = { .recipient = { SLICE_LIT("b"), SLICE_LIT("bank.example") },
                                  .default_level = LEVEL_MAY,
                                  .looks_up_mx = true,
                                  .requires_tls = true };
    struct rule_set *set = NULL;
    struct arena arena = { 0 };
    struct decision d;

    CHECK(rule_set_new(&rule, 1, NULL, 0, &set, NULL) == OK);
    facts.rules = set;
    policy_decide(&facts, &arena, &d);
    CHECK(d.on_failure == ON_FAILURE_BOUNCE && slice_eq(d.alternate, SLICE_LIT("own")));
    rule_set_free(set);
    arena_release(&arena);
}

TEST(published_and_asked_for)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_case(i);
}

/* A rule that trusts one's own issuers alone still does where somebody asks for the name as well. */
TEST(issuers_of_a_rule_stay)
{
    struct rule rule = RULE(.level = LEVEL_VERIFY, .any_name = true, .ca_file = S("/own.pem"));
    struct policy_facts facts = { .recipient = { SLICE_LIT("b"), SLICE_LIT("bank.example") },
                                  .default_level = LEVEL_MAY,
                                  .looks_up_mx = true };
    struct rule_set *set = NULL;
    struct arena arena = { 0 };

    CHECK(rule_set_new(&rule, 1, NULL, 0, &set, NULL) == OK);
    facts.rules = set;
    for (int asks = 0; asks < 4; asks++) {
        struct decision d;

        facts.sts.policy = asks & 1 ? &enforce : NULL;
        facts.requires_tls = (asks & 2) != 0;
        policy_decide(&facts, &arena, &d);
        CHECK(d.level == LEVEL_VERIFY && slice_eq(d.ca_file, SLICE_LIT("/own.pem")));
        CHECK(d.any_name == (asks == 0));
    }
    rule_set_free(set);
    arena_release(&arena);
}

/* An exemption is seen, with its end. */
TEST(exemptions_are_visible)
{
    struct rule rule = EXEMPT(LATER_S);
    struct policy_facts facts = {
        .recipient = { SLICE_LIT("b"), SLICE_LIT("bank.example") },
        .default_level = LEVEL_MAY,
        .looks_up_mx = true,
        .sts = { .policy = &enforce, .domain = SLICE_LIT("bank.example"), .id = SLICE_LIT("1") },
        .now_s = NOW_S,
    };
    struct rule_set *set = NULL;
    struct arena arena = { 0 };
    struct decision d;

    CHECK(rule_set_new(&rule, 1, NULL, 0, &set, NULL) == OK);
    facts.rules = set;
    policy_decide(&facts, &arena, &d);
    CHECK_STR(d.reasons[0].text,
              "rule 'r' demands may; it exempts from the destination's DANE and MTA-STS until the end of 2025-11-25");
    CHECK_STR(d.reasons[2].text, "the MTA-STS policy of 'bank.example' is in mode enforce: not enforced, for rule 'r' exempts "
                                 "from it");
    facts.now_s = LATER_S;
    policy_decide(&facts, &arena, &d);
    CHECK_STR(d.reasons[0].text,
              "rule 'r' demands may; it exempted from the destination's DANE and MTA-STS to the end of 2025-11-25");
    rule_set_free(set);
    arena_release(&arena);
}

/* The demand of REQUIRETLS travels along to the alternate host; MTA-STS and DANE of the recipient's do not. */
TEST(requiretls_travels_to_the_alternate_host)
{
    struct decision d = { .level = LEVEL_VERIFY, .needs_requiretls = true, .sts = &enforce, .uses_dane = true }, out;
    struct arena arena = { 0 };

    policy_decide_alternate(&d, &smart, &arena, &out);
    CHECK(out.needs_requiretls && out.level == LEVEL_VERIFY && out.sts == NULL && !out.uses_dane);
    d = (struct decision){ .level = LEVEL_DANE, .uses_dane = true };
    policy_decide_alternate(&d, &smart, &arena, &out);
    CHECK(out.level == LEVEL_DANE && out.uses_dane);
    arena_release(&arena);
}

RUN_TESTS(T(requiretls_takes_the_alternate_route_of_a_rule), T(published_and_asked_for), T(issuers_of_a_rule_stay), T(exemptions_are_visible), T(requiretls_travels_to_the_alternate_host))
