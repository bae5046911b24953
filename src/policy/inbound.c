#include "policy/decide.h"

#include "policy/demand.h"

static void choose_names(struct inbound_case *c, struct slice domain, struct arena *arena)
{
    struct slice *only;

    c->names = c->rule->names;
    c->names_len = c->rule->names_len;
    if (c->names_len > 0 || domain.len == 0)
        return;
    only = ARENA_NEW(arena, struct slice);
    *only = domain;
    c->names = only;
    c->names_len = 1;
}

size_t policy_inbound_cases(const struct rule_set *rules, struct rule_address sender, struct rule_address recipient,
                            struct slice helo, struct arena *arena, struct inbound_case **out)
{
    const struct rule **found;
    size_t len = rule_set_match(rules, RULE_INBOUND, sender, recipient, arena, &found);
    struct inbound_case *cases = ARENA_ARRAY(arena, struct inbound_case, len);

    for (size_t i = 0; i < len; i++) {
        cases[i].rule = found[i];
        choose_names(&cases[i], sender.domain.len > 0 ? sender.domain : helo, arena);
    }
    *out = cases;
    return len;
}

/* As a decision, so that both directions are judged alike. */
static bool is_met(const struct inbound_case *c, struct fault *why)
{
    struct decision d = { .level = c->rule->level,
                          .min_version = c->rule->min_version,
                          .ca_file = c->rule->ca_file,
                          .names = c->names,
                          .names_len = c->names_len,
                          .any_name = c->rule->any_name };

    if (!c->facts->is_tls && decision_requires_tls(&d)) {
        (void)fault_set(why, ERR_PERMANENT, "the session is not in TLS");
        return false;
    }
    return decision_check(&d, c->facts, SLICE_LIT("the client"), why) == TLS_RESULT_OK;
}

/* The names that are expected stay in the log: they are nobody's business who has another one. */
static struct slice reply_words(const struct inbound_case *c, struct arena *arena)
{
    static const char *const by_verdict[] = {
        [CERT_ABSENT] = "a client certificate is required for this mail, and none was shown",
        [CERT_TRUSTED] = "the client certificate is not for a name that this mail may come from",
        [CERT_EXPIRED] = "the client certificate has expired, and a valid one is required for this mail",
        [CERT_NOT_YET_VALID] = "the client certificate is not valid yet, and a valid one is required for this mail",
        [CERT_SELF_SIGNED] = "the client certificate is self-signed, and a trusted one is required for this mail",
        [CERT_UNTRUSTED] = "the client certificate is not trusted here, and a trusted one is required for this mail",
    };

    if (!c->facts->is_tls)
        return SLICE_LIT("Must issue a STARTTLS command first");
    if (c->facts->version < c->rule->min_version)
        return arena_printf(arena, "TLS %s or higher is required for this mail",
                            demand_version_words(c->rule->min_version));
    return slice_str(by_verdict[c->facts->verdict]);
}

static void weigh_refusal(struct inbound_verdict *out, const struct inbound_case *c, const struct fault *why,
                          struct arena *arena)
{
    struct demand d = demand_of_rule(c->rule), former;

    if (out->refused_by != NULL) {
        former = demand_of_rule(out->refused_by);
        if (demand_rank(&d) <= demand_rank(&former))
            return;
    }
    out->is_allowed = false;
    out->refused_by = c->rule;
    out->reply = reply_words(c, arena);
    out->reason = arena_printf(arena, "rule '%.*s' demands %.*s: %s", SLICE_FMT(c->rule->name),
                               SLICE_FMT(demand_words(&d, arena)), why->text);
}

void policy_inbound(const struct inbound_case *cases, size_t len, struct arena *arena, struct inbound_verdict *out)
{
    struct fault why;

    *out = (struct inbound_verdict){ .is_allowed = true, .testing = ARENA_ARRAY(arena, const struct rule *, len) };
    for (size_t i = 0; i < len; i++) {
        if (is_met(&cases[i], &why))
            continue;
        if (cases[i].rule->is_testing)
            out->testing[out->testing_len++] = cases[i].rule;
        else
            weigh_refusal(out, &cases[i], &why, arena);
    }
    if (out->is_allowed)
        out->reason = len == 0 ? SLICE_LIT("no inbound rule matches")
                               : SLICE_LIT("every inbound rule that matches and is enforced is met");
}
