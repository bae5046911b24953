#include "policy/decide.h"

#include "policy/demand.h"

/* As a decision, so that both directions are judged alike. */
static bool is_met(const struct rule *r, const struct tls_facts *facts, struct fault *why)
{
    struct decision d = { .level = r->level,
                          .min_version = r->min_version,
                          .ca_file = r->ca_file,
                          .names = r->names,
                          .names_len = r->names_len,
                          .any_name = r->any_name };

    if (!facts->is_tls && decision_requires_tls(&d)) {
        (void)fault_set(why, ERR_PERMANENT, "the session is not in TLS");
        return false;
    }
    return decision_check(&d, facts, SLICE_LIT("the client"), why) == TLS_RESULT_OK;
}

static struct slice refusal_words(const struct rule *r, const struct fault *why, struct arena *arena)
{
    struct demand d = demand_of_rule(r);

    return arena_printf(arena, "rule '%.*s' demands %.*s: %s", SLICE_FMT(r->name), SLICE_FMT(demand_words(&d, arena)),
                        why->text);
}

static void weigh_refusal(struct inbound_verdict *out, const struct rule *r, const struct fault *why,
                          struct arena *arena)
{
    struct demand d = demand_of_rule(r), former;

    if (out->refused_by != NULL) {
        former = demand_of_rule(out->refused_by);
        if (demand_rank(&d) <= demand_rank(&former))
            return;
    }
    out->is_allowed = false;
    out->refused_by = r;
    out->reason = refusal_words(r, why, arena);
}

void policy_inbound(const struct rule_set *rules, struct rule_address sender, struct rule_address recipient,
                    const struct tls_facts *facts, struct arena *arena, struct inbound_verdict *out)
{
    const struct rule **found;
    size_t len = rule_set_match(rules, RULE_INBOUND, sender, recipient, arena, &found);
    struct fault why;

    *out = (struct inbound_verdict){ .is_allowed = true, .testing = ARENA_ARRAY(arena, const struct rule *, len) };
    for (size_t i = 0; i < len; i++) {
        if (is_met(found[i], facts, &why))
            continue;
        if (found[i]->is_testing)
            out->testing[out->testing_len++] = found[i];
        else
            weigh_refusal(out, found[i], &why, arena);
    }
    if (out->is_allowed)
        out->reason = len == 0 ? SLICE_LIT("no inbound rule matches")
                               : SLICE_LIT("every inbound rule that matches and is enforced is met");
}
