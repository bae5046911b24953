#include "policy/decide.h"

#include "base/test.h"

#define S(text) { (text), sizeof(text) - 1 }

static const struct slice bank[] = { S("bank.example") }, cert_names[] = { S("mx.bank.example"), S("bank.example") };
static const struct slice relay_names[] = { S("relay.example") };

/* A case has up to three rules to bank.example; one without a name ends them. */
struct decide_case {
    const char         *name;
    struct rule         rules[3];
    enum tls_level      default_level;
    enum alternate_mode mode;
    const char         *alternate_host;
    const struct host_demand *host;
    /* What comes out. */
    enum tls_level      level;
    enum tls_version    min_version;
    const char         *decided_by; /* name in the deciding reason; "" is the default */
    enum on_failure     on_failure;
    int64_t             defer_for_s;
    const char         *alternate;
    bool                always, any_name;
    const char         *ca_file;
    size_t              names_len;
};

static const struct host_demand relay = { .name = S("relay"), .level = LEVEL_VERIFY, .min_version = TLS_VERSION_1_2,
                                          .ca_file = S("/relay.pem"), .names = relay_names, .names_len = 1 };
static const struct host_demand lax = { .name = S("lax"), .level = LEVEL_NONE };
static const struct host_demand any = { .name = S("any"), .level = LEVEL_VERIFY, .any_name = true };

#define RULE(n, l, ...) { .name = S(n), .to = bank, .to_len = 1, .level = (l), __VA_ARGS__ }

static const struct decide_case cases[] = {
    { "no rule (R1, T9)", { { .name = S("") } }, LEVEL_MAY, ALTERNATE_OFF, "", NULL,
      LEVEL_MAY, TLS_VERSION_NONE, "", ON_FAILURE_DEFER, 0, "", false, false, "", 0 },
    { "default none", { { .name = S("") } }, LEVEL_NONE, ALTERNATE_OFF, "", NULL,
      LEVEL_NONE, TLS_VERSION_NONE, "", ON_FAILURE_DEFER, 0, "", false, false, "", 0 },
    { "no demand yet, but TLSA records may make one", { { .name = S("") } }, LEVEL_MAY, ALTERNATE_REQUIRED, "relay",
      NULL, LEVEL_MAY, TLS_VERSION_NONE, "", ON_FAILURE_ALTERNATE, 0, "relay", false, false, "", 0 },
    { "always, but nothing is demanded", { { .name = S("") } }, LEVEL_MAY, ALTERNATE_ALWAYS, "relay", NULL,
      LEVEL_MAY, TLS_VERSION_NONE, "", ON_FAILURE_ALTERNATE, 0, "relay", false, false, "", 0 },
    { "always", { RULE("a", LEVEL_ENCRYPT, ) }, LEVEL_MAY, ALTERNATE_ALWAYS, "relay", NULL,
      LEVEL_ENCRYPT, TLS_VERSION_NONE, "a", ON_FAILURE_ALTERNATE, 0, "relay", true, false, "", 0 },
    { "always, but by a route", { { .name = S("") } }, LEVEL_MAY, ALTERNATE_ALWAYS, "relay", &lax,
      LEVEL_NONE, TLS_VERSION_NONE, "lax", ON_FAILURE_DEFER, 0, "", false, false, "", 0 },
    { "the default demands", { { .name = S("") } }, LEVEL_ENCRYPT, ALTERNATE_REQUIRED, "relay", NULL,
      LEVEL_ENCRYPT, TLS_VERSION_NONE, "", ON_FAILURE_ALTERNATE, 0, "relay", false, false, "", 0 },
    { "a rule, nothing said of failure", { RULE("a", LEVEL_ENCRYPT, ) }, LEVEL_MAY, ALTERNATE_OFF, "", NULL,
      LEVEL_ENCRYPT, TLS_VERSION_NONE, "a", ON_FAILURE_DEFER, 0, "", false, false, "", 0 },
    { "a rule with its own alternate", { RULE("a", LEVEL_ENCRYPT, .alternate = S("own")) }, LEVEL_MAY, ALTERNATE_OFF,
      "", NULL, LEVEL_ENCRYPT, TLS_VERSION_NONE, "a", ON_FAILURE_ALTERNATE, 0, "own", false, false, "", 0 },
    { "own alternate before the gateway's", { RULE("a", LEVEL_ENCRYPT, .alternate = S("own")) }, LEVEL_MAY,
      ALTERNATE_REQUIRED, "relay", NULL,
      LEVEL_ENCRYPT, TLS_VERSION_NONE, "a", ON_FAILURE_ALTERNATE, 0, "own", false, false, "", 0 },
    { "the gateway's alternate", { RULE("a", LEVEL_VERIFY, ) }, LEVEL_MAY, ALTERNATE_REQUIRED, "relay", NULL,
      LEVEL_VERIFY, TLS_VERSION_NONE, "a", ON_FAILURE_ALTERNATE, 0, "relay", false, false, "", 0 },
    { "the gateway's is set but off", { RULE("a", LEVEL_VERIFY, .on_failure = ON_FAILURE_ALTERNATE) }, LEVEL_MAY,
      ALTERNATE_OFF, "relay", NULL,
      LEVEL_VERIFY, TLS_VERSION_NONE, "a", ON_FAILURE_DEFER, 0, "", false, false, "", 0 },
    { "bounce (T6)", { RULE("a", LEVEL_VERIFY, .on_failure = ON_FAILURE_BOUNCE, .defer_for_s = 60) }, LEVEL_MAY,
      ALTERNATE_OFF, "", NULL, LEVEL_VERIFY, TLS_VERSION_NONE, "a", ON_FAILURE_BOUNCE, 0, "", false, false, "", 0 },
    { "bounce, but the alternate first (section 7)", { RULE("a", LEVEL_VERIFY, .on_failure = ON_FAILURE_BOUNCE) },
      LEVEL_MAY, ALTERNATE_REQUIRED, "relay", NULL,
      LEVEL_VERIFY, TLS_VERSION_NONE, "a", ON_FAILURE_BOUNCE, 0, "relay", false, false, "", 0 },
    { "defer is not alternate", { RULE("a", LEVEL_VERIFY, .on_failure = ON_FAILURE_DEFER, .defer_for_s = 7200) },
      LEVEL_MAY, ALTERNATE_REQUIRED, "relay", NULL,
      LEVEL_VERIFY, TLS_VERSION_NONE, "a", ON_FAILURE_DEFER, 7200, "", false, false, "", 0 },
    { "defer without a time", { RULE("a", LEVEL_VERIFY, .on_failure = ON_FAILURE_DEFER) },
      LEVEL_MAY, ALTERNATE_REQUIRED, "relay", NULL,
      LEVEL_VERIFY, TLS_VERSION_NONE, "a", ON_FAILURE_DEFER, 0, "", false, false, "", 0 },
    { "a time counts for defer alone", { RULE("a", LEVEL_VERIFY, .on_failure = ON_FAILURE_ALTERNATE, .defer_for_s = 9) },
      LEVEL_MAY, ALTERNATE_REQUIRED, "relay", NULL,
      LEVEL_VERIFY, TLS_VERSION_NONE, "a", ON_FAILURE_ALTERNATE, 0, "relay", false, false, "", 0 },
    { "strictest level (T5)", { RULE("a", LEVEL_ENCRYPT, ), RULE("b", LEVEL_VERIFY, ), RULE("c", LEVEL_MAY, ) },
      LEVEL_MAY, ALTERNATE_OFF, "", NULL,
      LEVEL_VERIFY, TLS_VERSION_NONE, "b", ON_FAILURE_DEFER, 0, "", false, false, "", 0 },
    { "a rule may not loosen the default", { RULE("a", LEVEL_NONE, ) }, LEVEL_ENCRYPT, ALTERNATE_OFF, "", NULL,
      LEVEL_ENCRYPT, TLS_VERSION_NONE, "", ON_FAILURE_DEFER, 0, "", false, false, "", 0 },
    { "highest version from another rule", { RULE("a", LEVEL_VERIFY, .min_version = TLS_VERSION_1_2),
      RULE("b", LEVEL_ENCRYPT, .min_version = TLS_VERSION_1_3) }, LEVEL_MAY, ALTERNATE_OFF, "", NULL,
      LEVEL_VERIFY, TLS_VERSION_1_3, "a", ON_FAILURE_DEFER, 0, "", false, false, "", 0 },
    { "shortest patience: bounce before all", { RULE("a", LEVEL_VERIFY, .on_failure = ON_FAILURE_DEFER, .defer_for_s = 1),
      RULE("b", LEVEL_ENCRYPT, .on_failure = ON_FAILURE_BOUNCE), RULE("c", LEVEL_ENCRYPT, .alternate = S("own")) },
      LEVEL_MAY, ALTERNATE_OFF, "", NULL,
      LEVEL_VERIFY, TLS_VERSION_NONE, "a", ON_FAILURE_BOUNCE, 0, "", false, false, "", 0 },
    { "shortest patience: the shorter time", { RULE("a", LEVEL_VERIFY, .on_failure = ON_FAILURE_DEFER, .defer_for_s = 90),
      RULE("b", LEVEL_ENCRYPT, .on_failure = ON_FAILURE_DEFER, .defer_for_s = 60),
      RULE("c", LEVEL_ENCRYPT, .on_failure = ON_FAILURE_DEFER) }, LEVEL_MAY, ALTERNATE_OFF, "", NULL,
      LEVEL_VERIFY, TLS_VERSION_NONE, "a", ON_FAILURE_DEFER, 60, "", false, false, "", 0 },
    { "shortest patience: alternate before waiting", { RULE("a", LEVEL_VERIFY, .on_failure = ON_FAILURE_DEFER),
      RULE("b", LEVEL_ENCRYPT, .alternate = S("own")) }, LEVEL_MAY, ALTERNATE_OFF, "", NULL,
      LEVEL_VERIFY, TLS_VERSION_NONE, "a", ON_FAILURE_ALTERNATE, 0, "own", false, false, "", 0 },
    { "a rule that demands no TLS has no say in failure", { RULE("a", LEVEL_MAY, .on_failure = ON_FAILURE_BOUNCE),
      RULE("b", LEVEL_ENCRYPT, ) }, LEVEL_MAY, ALTERNATE_OFF, "", NULL,
      LEVEL_ENCRYPT, TLS_VERSION_NONE, "b", ON_FAILURE_DEFER, 0, "", false, false, "", 0 },
    { "a version alone demands TLS", { RULE("a", LEVEL_MAY, .min_version = TLS_VERSION_1_2,
      .on_failure = ON_FAILURE_BOUNCE) }, LEVEL_MAY, ALTERNATE_OFF, "", NULL,
      LEVEL_MAY, TLS_VERSION_1_2, "a", ON_FAILURE_BOUNCE, 0, "", false, false, "", 0 },
    { "testing has no effect (T8)", { RULE("a", LEVEL_VERIFY, .min_version = TLS_VERSION_1_3, .is_testing = true,
      .on_failure = ON_FAILURE_BOUNCE) }, LEVEL_MAY, ALTERNATE_OFF, "", NULL,
      LEVEL_MAY, TLS_VERSION_NONE, "", ON_FAILURE_DEFER, 0, "", false, false, "", 0 },
    { "bundle and names of the strictest", { RULE("a", LEVEL_ENCRYPT, .ca_file = S("/a.pem")),
      RULE("b", LEVEL_VERIFY, .ca_file = S("/b.pem"), .names = cert_names, .names_len = 2),
      RULE("c", LEVEL_VERIFY, .ca_file = S("/c.pem")) }, LEVEL_MAY, ALTERNATE_OFF, "", NULL,
      LEVEL_VERIFY, TLS_VERSION_NONE, "b", ON_FAILURE_DEFER, 0, "", false, false, "/b.pem", 2 },
    { "any name (T4)", { RULE("a", LEVEL_VERIFY, .any_name = true) }, LEVEL_MAY, ALTERNATE_OFF, "", NULL,
      LEVEL_VERIFY, TLS_VERSION_NONE, "a", ON_FAILURE_DEFER, 0, "", false, true, "", 0 },
    { "a name is stricter than any name", { RULE("a", LEVEL_VERIFY, .any_name = true), RULE("b", LEVEL_VERIFY, ) },
      LEVEL_MAY, ALTERNATE_OFF, "", NULL,
      LEVEL_VERIFY, TLS_VERSION_NONE, "b", ON_FAILURE_DEFER, 0, "", false, false, "", 0 },
    { "a host speaks in place of the default", { { .name = S("") } }, LEVEL_ENCRYPT, ALTERNATE_REQUIRED, "relay", &lax,
      LEVEL_NONE, TLS_VERSION_NONE, "lax", ON_FAILURE_DEFER, 0, "", false, false, "", 0 },
    { "a host's demand", { { .name = S("") } }, LEVEL_MAY, ALTERNATE_REQUIRED, "other", &relay,
      LEVEL_VERIFY, TLS_VERSION_1_2, "relay", ON_FAILURE_DEFER, 0, "", false, false, "/relay.pem", 1 },
    { "a rule above a host, with the host's names", { RULE("a", LEVEL_VERIFY, .ca_file = S("/a.pem")) }, LEVEL_MAY,
      ALTERNATE_OFF, "", &lax, LEVEL_VERIFY, TLS_VERSION_NONE, "a", ON_FAILURE_DEFER, 0, "", false, false, "", 0 },
    { "a rule wants a name although the host does not", { RULE("a", LEVEL_VERIFY, ) }, LEVEL_MAY, ALTERNATE_OFF, "", &any,
      LEVEL_VERIFY, TLS_VERSION_NONE, "a", ON_FAILURE_DEFER, 0, "", false, false, "", 0 },
    { "a host with any name", { RULE("a", LEVEL_ENCRYPT, ) }, LEVEL_MAY, ALTERNATE_OFF, "", &any,
      LEVEL_VERIFY, TLS_VERSION_NONE, "any", ON_FAILURE_DEFER, 0, "", false, true, "", 0 },
    { "no alternate for a route", { RULE("a", LEVEL_VERIFY, .alternate = S("own")) }, LEVEL_MAY, ALTERNATE_REQUIRED,
      "other", &relay, LEVEL_VERIFY, TLS_VERSION_1_2, "a", ON_FAILURE_DEFER, 0, "", false, false, "/relay.pem", 1 },
};

static size_t rules_of(const struct decide_case *c)
{
    size_t len = 0;

    while (len < COUNT_OF(c->rules) && c->rules[len].name.len > 0)
        len++;
    return len;
}

static void decide(const struct decide_case *c, struct rule_set **set, struct arena *arena, struct decision *out)
{
    struct policy_facts facts = {
        .sender = { SLICE_LIT("a"), SLICE_LIT("ours.example") },
        .recipient = { SLICE_LIT("b"), SLICE_LIT("bank.example") },
        .default_level = c->default_level,
        .alternate_mode = c->mode,
        .alternate_host = slice_str(c->alternate_host),
        .host = c->host,
    };

    CHECK(rule_set_new(c->rules, rules_of(c), NULL, 0, set, NULL) == OK);
    facts.rules = *set;
    policy_decide(&facts, arena, out);
}

static const struct reason *deciding(const struct decision *d)
{
    const struct reason *found = NULL;

    for (size_t i = 0; i < d->reasons_len; i++) {
        if (d->reasons[i].decided) {
            CHECK(found == NULL);
            found = &d->reasons[i];
        }
    }
    CHECK(found != NULL);
    return found;
}

TEST(policy_decide)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct decide_case *c = &cases[i];
        struct rule_set *set = NULL;
        struct arena arena = { 0 };
        struct decision d;

        decide(c, &set, &arena, &d);
        CHECK_CASE(c->name, d.level == c->level && d.min_version == c->min_version);
        CHECK_CASE(c->name, d.on_failure == c->on_failure && d.defer_for_s == c->defer_for_s);
        CHECK_CASE(c->name, slice_eq(d.alternate, slice_str(c->alternate)) && d.always_alternate == c->always);
        CHECK_CASE(c->name, slice_eq(d.ca_file, slice_str(c->ca_file)) && d.names_len == c->names_len);
        CHECK_CASE(c->name, d.any_name == c->any_name);
        CHECK_CASE(c->name, slice_eq(deciding(&d)->name, slice_str(c->decided_by)));
        CHECK_CASE(c->name, d.reasons_len == rules_of(c) + 1);
        rule_set_free(set);
        arena_release(&arena);
    }
}

/* Internal mail: no rules at all (T3). */
TEST(policy_decide_without_rules)
{
    struct policy_facts facts = { .default_level = LEVEL_MAY };
    struct arena arena = { 0 };
    struct decision d;

    policy_decide(&facts, &arena, &d);
    CHECK_INT(d.reasons_len, 1);
    CHECK(d.reasons[0].source == REASON_DEFAULT && d.reasons[0].decided);
    CHECK_STR(d.reasons[0].text, "the gateway's default is may: TLS when the server offers it, else clear text");
    arena_release(&arena);
}

static const struct { const char *name; struct rule rule; const char *text; } sentence_cases[] = {
    { "waits", RULE("a", LEVEL_VERIFY, .min_version = TLS_VERSION_1_2),
      "rule 'a' demands verify, TLS 1.2 or higher; otherwise the message waits in the queue" },
    { "waits for a time", RULE("a", LEVEL_ENCRYPT, .on_failure = ON_FAILURE_DEFER, .defer_for_s = 7201),
      "rule 'a' demands encrypt; otherwise the message waits for up to 121 minutes, then it bounces" },
    { "bounces", RULE("a", LEVEL_VERIFY, .any_name = true, .on_failure = ON_FAILURE_BOUNCE),
      "rule 'a' demands verify, any name; otherwise the message bounces" },
    { "names", RULE("a", LEVEL_VERIFY, .names = cert_names, .names_len = 2, .ca_file = S("/b.pem"),
      .alternate = S("relay")), "rule 'a' demands verify, an issuer from '/b.pem', the name 'mx.bank.example' or "
      "'bank.example'; otherwise the message goes to the alternate secure route 'relay'" },
    { "alternate, then bounce", RULE("a", LEVEL_ENCRYPT, .alternate = S("relay"), .on_failure = ON_FAILURE_BOUNCE),
      "rule 'a' demands encrypt; otherwise the message goes to the alternate secure route 'relay' or, failing that, "
      "bounces" },
    { "no demand", RULE("a", LEVEL_MAY, ), "rule 'a' demands may" },
    { "testing", RULE("a", LEVEL_VERIFY, .is_testing = true, .on_failure = ON_FAILURE_BOUNCE),
      "rule 'a' is in testing and only records; enforced it would demand verify; otherwise the message bounces" },
};

TEST(reasons_are_sentences)
{
    for (size_t i = 0; i < COUNT_OF(sentence_cases); i++) {
        struct decide_case c = { .rules = { sentence_cases[i].rule }, .default_level = LEVEL_MAY,
                                 .alternate_host = "" };
        struct rule_set *set = NULL;
        struct arena arena = { 0 };
        struct decision d;

        decide(&c, &set, &arena, &d);
        if (!slice_eq(d.reasons[0].text, slice_str(sentence_cases[i].text)))
            fail_msg("case '%s': got '%.*s'", sentence_cases[i].name, SLICE_FMT(d.reasons[0].text));
        CHECK_CASE(sentence_cases[i].name, d.reasons[0].is_testing == sentence_cases[i].rule.is_testing);
        rule_set_free(set);
        arena_release(&arena);
    }
}

/* RTL-06: the demand travels along, and the host's own may only add to it. */
static const struct {
    const char *name;
    struct decision d;
    struct host_demand host;
    enum tls_level level;
    enum tls_version min_version;
    bool any_name, host_decides;
    enum on_failure on_failure;
} alternate_cases[] = {
    { "the host is stricter", { .level = LEVEL_ENCRYPT, .on_failure = ON_FAILURE_ALTERNATE },
      { .name = S("h"), .level = LEVEL_VERIFY, .min_version = TLS_VERSION_1_2 },
      LEVEL_VERIFY, TLS_VERSION_1_2, false, true, ON_FAILURE_DEFER },
    { "the decision is stricter", { .level = LEVEL_VERIFY, .min_version = TLS_VERSION_1_3, .on_failure = ON_FAILURE_BOUNCE },
      { .name = S("h"), .level = LEVEL_MAY, .min_version = TLS_VERSION_1_2 },
      LEVEL_VERIFY, TLS_VERSION_1_3, false, false, ON_FAILURE_BOUNCE },
    { "a name was demanded", { .level = LEVEL_VERIFY, .on_failure = ON_FAILURE_ALTERNATE },
      { .name = S("h"), .level = LEVEL_VERIFY, .any_name = true },
      LEVEL_VERIFY, TLS_VERSION_NONE, false, false, ON_FAILURE_DEFER },
    { "any name will do for both", { .level = LEVEL_VERIFY, .any_name = true, .on_failure = ON_FAILURE_ALTERNATE },
      { .name = S("h"), .level = LEVEL_VERIFY, .any_name = true },
      LEVEL_VERIFY, TLS_VERSION_NONE, true, false, ON_FAILURE_DEFER },
    { "any name will do for the decision, not for the host",
      { .level = LEVEL_VERIFY, .any_name = true, .on_failure = ON_FAILURE_ALTERNATE },
      { .name = S("h"), .level = LEVEL_VERIFY }, LEVEL_VERIFY, TLS_VERSION_NONE, false, true, ON_FAILURE_DEFER },
};

TEST(policy_decide_alternate)
{
    static const struct reason former[] = { { .source = REASON_RULE, .name = S("a"), .decided = true },
                                            { .source = REASON_DEFAULT } };

    for (size_t i = 0; i < COUNT_OF(alternate_cases); i++) {
        struct decision d = alternate_cases[i].d, out;
        struct arena arena = { 0 };
        struct host_demand host = alternate_cases[i].host;

        d.alternate = SLICE_LIT("h");
        d.always_alternate = true;
        d.ca_file = SLICE_LIT("/decision.pem");
        d.names = cert_names;
        d.names_len = 2;
        d.reasons = i == 0 ? NULL : former;
        d.reasons_len = i == 0 ? 0 : COUNT_OF(former);
        host.ca_file = SLICE_LIT("/host.pem");
        policy_decide_alternate(&d, &host, &arena, &out);
        CHECK_CASE(alternate_cases[i].name, out.level == alternate_cases[i].level);
        CHECK_CASE(alternate_cases[i].name, out.min_version == alternate_cases[i].min_version);
        CHECK_CASE(alternate_cases[i].name, out.any_name == alternate_cases[i].any_name);
        CHECK_CASE(alternate_cases[i].name, out.on_failure == alternate_cases[i].on_failure);
        CHECK_CASE(alternate_cases[i].name, out.alternate.len == 0 && !out.always_alternate);
        CHECK_CASE(alternate_cases[i].name, slice_eq(out.ca_file, SLICE_LIT("/host.pem")) && out.names_len == 0);
        CHECK_CASE(alternate_cases[i].name, out.reasons[d.reasons_len].decided == alternate_cases[i].host_decides);
        CHECK_CASE(alternate_cases[i].name, i == 0 || out.reasons[0].decided != alternate_cases[i].host_decides);
        CHECK_CASE(alternate_cases[i].name, i == 0 || !out.reasons[1].decided);
        arena_release(&arena);
    }
}

TEST(alternate_reason_names_both)
{
    struct decision d = { .level = LEVEL_VERIFY, .min_version = TLS_VERSION_1_3 }, out;
    struct arena arena = { 0 };

    policy_decide_alternate(&d, &relay, &arena, &out);
    CHECK_STR(out.reasons[0].text, "alternate host 'relay' demands verify, TLS 1.2 or higher, an issuer from "
                                   "'/relay.pem', the name 'relay.example'; with it travels the decision's verify, "
                                   "TLS 1.3 or higher");
    arena_release(&arena);
}

TEST(reason_source_names)
{
    CHECK_STR(slice_str(reason_source_name(REASON_DEFAULT)), "default");
    CHECK_STR(slice_str(reason_source_name(REASON_MTA_STS)), "mta-sts");
}

RUN_TESTS(T(policy_decide), T(policy_decide_without_rules), T(reasons_are_sentences), T(policy_decide_alternate),
          T(alternate_reason_names_both), T(reason_source_names))
