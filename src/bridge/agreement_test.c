/* What Postfix takes upon our answer, the gateway's own decision takes, too: every meeting of defaults, rules,
 * policies, records and servers, for every certificate that a server may show. Postfix is what its manual says of its
 * levels. */
#include "bridge/answer.h"

#include "base/test.h"
#include "policy/server_decision.h"

#define S(text)                                                                                                       \
    {                                                                                                                 \
        (text), sizeof(text) - 1                                                                                      \
    }
#define DOMAIN "bank.example"
#define CA "/own.pem"

static const struct slice bank[] = { S(DOMAIN) }, patterns[] = { S("mx.bank.example"), S("*.host.test") };
static const struct slice cert_names[] = { S("gate.bank.test") };
static const struct sts_facts enforce = { .finding = STS_FOUND,
                                          .policy = { .mode = STS_MODE_ENFORCE, .mx = patterns, .mx_len = 2 } },
                              testing = { .finding = STS_FOUND,
                                          .policy = { .mode = STS_MODE_TESTING, .mx = patterns, .mx_len = 2 } },
                              trouble = { .finding = STS_TROUBLE, .failure = TLS_RESULT_STS_POLICY_FETCH_ERROR };
static const struct sts_facts *const policies[] = { NULL, &enforce, &testing, &trouble };

#define RULE(...)                                                                                                     \
    {                                                                                                                 \
        .name = S("r"), .to = bank, .to_len = 1, __VA_ARGS__                                                          \
    }
static const struct rule rules[] = {
    { .name = S("") }, /* none */
    RULE(.level = LEVEL_MAY),
    RULE(.level = LEVEL_MAY, .min_version = TLS_VERSION_1_3),
    RULE(.level = LEVEL_ENCRYPT),
    RULE(.level = LEVEL_VERIFY),
    RULE(.level = LEVEL_VERIFY, .any_name = true),
    RULE(.level = LEVEL_VERIFY, .any_name = true, .ca_file = S(CA)),
    RULE(.level = LEVEL_VERIFY, .ca_file = S(CA)),
    RULE(.level = LEVEL_VERIFY, .names = cert_names, .names_len = 1),
    RULE(.level = LEVEL_DANE),
    RULE(.level = LEVEL_MAY, .exempt_until_s = 100),
    RULE(.level = LEVEL_VERIFY, .exempt_until_s = 100),
};
static const enum tls_level defaults[] = { LEVEL_NONE, LEVEL_MAY, LEVEL_ENCRYPT, LEVEL_VERIFY };
static const enum dane_state states[] = { DANE_NONE, DANE_USABLE, DANE_UNUSABLE, DANE_FAILED };
static const struct slice servers[] = { S("mx.bank.example"), S("a.host.test"), S("mx.evil.test") };

/* What a server shows: clear text, or a certificate for one name, of one issuer, that meets its TLSA records or does
 * not. */
static const struct showing {
    enum tls_version version; /* NONE: clear text */
    const char *name;         /* empty: the server's own */
    const char *issuer;       /* empty: one that the system trusts; NULL: nobody */
    bool matches;
} showings[] = {
    { TLS_VERSION_NONE, "", NULL, false },
    { TLS_VERSION_1_2, "", NULL, false },
    { TLS_VERSION_1_3, "", NULL, true },
    { TLS_VERSION_1_3, "", "", false },
    { TLS_VERSION_1_3, "", "", true },
    { TLS_VERSION_1_2, DOMAIN, "", false },
    { TLS_VERSION_1_3, "", CA, false },
    { TLS_VERSION_1_3, DOMAIN, CA, false },
    { TLS_VERSION_1_3, "gate.bank.test", "", false },
    { TLS_VERSION_1_3, "gate.bank.test", CA, true },
};

/* One meeting. */
struct meeting {
    enum tls_level default_level;
    const struct rule *rule;
    const struct rule_set *set; /* of it */
    const struct sts_facts *sts;
    enum dane_state dane, other; /* of the server at hand, and of the domain's other one */
    bool mx_is_secure;
    struct slice server;
    const struct showing *shown;
};

static struct slice shown_name(const struct meeting *m)
{
    return m->shown->name[0] != '\0' ? slice_str(m->shown->name) : m->server;
}

static bool is_trusted(const struct meeting *m, struct slice ca_file)
{
    return m->shown->issuer != NULL && slice_eq(ca_file, slice_str(m->shown->issuer));
}

/* -- the gateway ------------------------------------------------------------------------------------------- */

static void weigh(const struct meeting *m, bool with_policy, struct arena *arena, struct decision *out)
{
    struct policy_facts facts = { .recipient = { .domain = SLICE_LIT(DOMAIN) },
                                  .default_level = m->default_level,
                                  .rules = m->set,
                                  .looks_up_mx = true,
                                  .now_s = 50 };

    if (with_policy && m->sts != NULL && m->sts->finding == STS_FOUND)
        facts.sts =
            (struct sts_policy_facts){ .policy = &m->sts->policy, .domain = SLICE_LIT(DOMAIN), .id = SLICE_LIT("1") };
    policy_decide(&facts, arena, out);
}

/* As relay/delivery_plan.c chooses names. */
static bool name_is_good(const struct meeting *m, const struct decision *d)
{
    struct slice own = d->sts != NULL || m->mx_is_secure || slice_ends_case(m->server, SLICE_LIT("." DOMAIN))
                           ? m->server
                           : SLICE_LIT(DOMAIN);

    for (size_t i = 0; i < d->names_len; i++)
        if (slice_eq(d->names[i], shown_name(m)))
            return true;
    return d->names_len == 0 && slice_eq(own, shown_name(m));
}

static bool gateway_takes(const struct meeting *m, struct arena *arena)
{
    static const struct tlsa_record record = { .usage = 3, .selector = 1, .type = 1 };
    static const struct tlsa_set set = { .records = &record, .records_len = 1 };
    struct server_facts server = { m->server, m->mx_is_secure, m->dane, &set };
    struct tls_facts facts = { .is_tls = m->shown->version != TLS_VERSION_NONE, .version = m->shown->version };
    struct server_decision on_server;
    struct decision d;

    weigh(m, true, arena, &d);
    policy_decide_server(&d, &server, arena, &on_server);
    if (on_server.verdict != SERVER_TRY)
        return false;
    facts.verdict = is_trusted(m, on_server.decision.ca_file) ? CERT_TRUSTED : CERT_UNTRUSTED;
    facts.name_matches = name_is_good(m, &on_server.decision);
    if (on_server.tlsa != NULL)
        facts.dane = m->shown->matches ? DANE_MATCHED : DANE_MISMATCH;
    return decision_check(&on_server.decision, &facts, m->server, NULL) == TLS_RESULT_OK;
}

/* -- Postfix ----------------------------------------------------------------------------------------------- */

static bool has(struct slice text, const char *word)
{
    return memmem(text.ptr, text.len, word, strlen(word)) != NULL;
}

static bool matches_one(const struct meeting *m, struct slice pattern)
{
    struct slice name = shown_name(m);

    if (slice_eq(pattern, SLICE_LIT("hostname")))
        return slice_eq(name, m->server);
    if (slice_eq(pattern, SLICE_LIT("nexthop")))
        return slice_eq(name, SLICE_LIT(DOMAIN));
    if (slice_eq(pattern, SLICE_LIT("dot-nexthop")))
        return slice_ends_case(name, SLICE_LIT("." DOMAIN));
    return slice_starts(pattern, SLICE_LIT(".")) ? slice_ends_case(name, pattern) : slice_eq(name, pattern);
}

static bool certificate_is_taken(const struct meeting *m, struct slice reply)
{
    struct slice rest = slice_from(reply, slice_find(reply, '=') + 1), list = slice_cut(rest, ' ', &rest);
    bool is_named = false;

    while (list.len > 0)
        is_named |= matches_one(m, slice_cut(list, ':', &list));
    return is_named && is_trusted(m, has(reply, "tafile=" CA) ? SLICE_LIT(CA) : SLICE_LIT(""));
}

/* At levels dane and dane-only, with smtp_tls_dane_insecure_mx_policy=dane. */
static bool dane_is_taken(const struct meeting *m, bool is_only)
{
    if (m->dane == DANE_FAILED || (is_only && (!m->mx_is_secure || m->dane != DANE_USABLE)))
        return false;
    if (m->dane == DANE_NONE)
        return true;
    return m->shown->version != TLS_VERSION_NONE && (m->dane == DANE_UNUSABLE || m->shown->matches);
}

static bool postfix_takes(const struct meeting *m, struct slice reply)
{
    enum tls_version version = m->shown->version;

    if (slice_starts(reply, SLICE_LIT("NOTFOUND")) || slice_starts(reply, SLICE_LIT("OK may")) ||
        slice_starts(reply, SLICE_LIT("OK none")))
        return true;
    if (slice_starts(reply, SLICE_LIT("TEMP")) || (has(reply, ":!TLSv1.2") && version == TLS_VERSION_1_2))
        return false;
    if (slice_starts(reply, SLICE_LIT("OK dane")))
        return dane_is_taken(m, slice_starts(reply, SLICE_LIT("OK dane-only")));
    if (slice_starts(reply, SLICE_LIT("OK encrypt")))
        return version != TLS_VERSION_NONE;
    CHECK(slice_starts(reply, SLICE_LIT("OK verify match=")) || slice_starts(reply, SLICE_LIT("OK secure match=")));
    return version != TLS_VERSION_NONE && certificate_is_taken(m, reply);
}

/* -- both -------------------------------------------------------------------------------------------------- */

static struct slice reply_to(const struct meeting *m, struct arena *arena)
{
    struct decision demand;
    struct answer_facts f = {
        .domain = SLICE_LIT(DOMAIN), .demand = &demand, .sts = m->sts, .dane = { .mx_is_secure = m->mx_is_secure }
    };

    weigh(m, false, arena, &demand);
    answer_dane_add(&f.dane, m->dane);
    answer_dane_add(&f.dane, m->other);
    return answer_write(&f, ANSWER_POLICY, arena);
}

/* Some of the servers have records that can be used: Postfix has no level that holds a server to its records where
 * there are some, and to a policy or a rule where there are none, so that it is told the one or the other. */
static bool is_partial(const struct meeting *m)
{
    bool has_records =
        m->dane == DANE_USABLE || m->dane == DANE_UNUSABLE || m->other == DANE_USABLE || m->other == DANE_UNUSABLE;

    return has_records && !(m->mx_is_secure && m->dane == DANE_USABLE && m->other == DANE_USABLE);
}

/* The domain's own name proves more than the one asked for. And before 3.10.5 Postfix does not look at the servers of
 * a policy beside a rule's names. */
static bool is_harmless(const struct meeting *m)
{
    bool is_of_domain = slice_eq(shown_name(m), SLICE_LIT(DOMAIN)) && m->shown->issuer != NULL;
    bool is_of_rule = m->rule->names_len > 0 && slice_eq(shown_name(m), m->rule->names[0]);

    return is_of_domain || (is_of_rule && m->sts == &enforce && !sts_policy_allows(&m->sts->policy, m->server));
}

static void check(const struct meeting *m)
{
    struct arena arena = { 0 };
    struct slice reply = reply_to(m, &arena);
    struct meeting own = *m;

    if (is_partial(m)) { /* rules and the default hold all the same */
        own.sts = slice_eq(reply, SLICE_LIT("OK dane")) ? NULL : m->sts;
        own.dane = m->dane == DANE_USABLE && m->mx_is_secure ? DANE_USABLE : DANE_NONE;
    }
    if (postfix_takes(m, reply) && !gateway_takes(&own, &arena) && !is_harmless(m))
        fail_msg("'%.*s' lets through what the gateway does not: default %s, rule %zu, policy %s, DANE %s and %s, MX "
                 "%s, server %.*s, "
                 "%s, certificate for %.*s",
                 SLICE_FMT(reply), tls_level_name(m->default_level), (size_t)(m->rule - rules),
                 m->sts == &enforce ? "enforce" : "other", dane_state_name(m->dane), dane_state_name(m->other),
                 m->mx_is_secure ? "signed" : "unsigned", SLICE_FMT(m->server), tls_version_name(m->shown->version),
                 SLICE_FMT(shown_name(m)));
    arena_release(&arena);
}

static void check_servers(struct meeting m)
{
    for (size_t i = 0; i < COUNT_OF(servers) * COUNT_OF(showings); i++) {
        m.server = servers[i / COUNT_OF(showings)];
        m.shown = &showings[i % COUNT_OF(showings)];
        check(&m);
    }
}

static void check_dns(struct meeting m)
{
    for (size_t i = 0; i < COUNT_OF(states) * COUNT_OF(states) * 2; i++) {
        m.mx_is_secure = i % 2 == 1;
        m.dane = states[i / 2 % COUNT_OF(states)];
        m.other = states[i / 2 / COUNT_OF(states)];
        check_servers(m);
    }
}

TEST(postfix_takes_nothing_that_the_gateway_does_not)
{
    for (size_t r = 0; r < COUNT_OF(rules); r++) {
        struct rule_set *set = NULL;

        CHECK(rule_set_new(&rules[r], rules[r].name.len > 0 ? 1 : 0, NULL, 0, &set, NULL) == OK);
        for (size_t i = 0; i < COUNT_OF(defaults) * COUNT_OF(policies); i++)
            check_dns((struct meeting){ .default_level = defaults[i % COUNT_OF(defaults)],
                                        .rule = &rules[r],
                                        .set = set,
                                        .sts = policies[i / COUNT_OF(defaults)] });
        rule_set_free(set);
    }
}

RUN_TESTS(T(postfix_takes_nothing_that_the_gateway_does_not))
