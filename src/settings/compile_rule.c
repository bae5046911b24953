#include "settings/setting_set.h"
#include "settings/units.h"

enum { DAY_S = 86400 };

/* Fields that mean something in one direction only. */
static enum status check_direction(const struct setting_object *o, const struct rule *r, struct fault *why)
{
    static const char *const outbound_only[] = { "on-failure", "defer-for", "alternate", "exempt-until" };

    if (r->direction == RULE_OUTBOUND)
        return r->refuses_421 ? setting_refuse(o, "refuse", why, "it is for inbound rules; remove it") : OK;
    for (size_t i = 0; i < COUNT_OF(outbound_only); i++) {
        if (setting_has(o, outbound_only[i]))
            return setting_refuse(o, outbound_only[i], why, "it is for outbound rules; remove it");
    }
    if (r->level == LEVEL_DANE)
        return setting_refuse(o, "level", why, "dane is for outbound rules; a client has no TLSA records. Use verify");
    return OK;
}

/* Semantics T4: a name is worth nothing without a trusted issuer. */
static enum status check_level(const struct setting_object *o, const struct rule *r, struct fault *why)
{
    if (r->level == LEVEL_MAY && r->exempt_until_s == 0)
        return setting_refuse(o, "level", why,
                              "may demands nothing; it is for rules that exempt (exempt-until). Use encrypt, verify or dane");
    if (r->level != LEVEL_VERIFY && (r->ca_file.len > 0 || r->names_len > 0 || r->any_name))
        return setting_refuse(o, "level", why,
                              "ca, names and any-name are looked at by level verify alone; set it to verify, "
                              "or remove them");
    if (r->any_name && r->names_len > 0)
        return setting_refuse(o, "any-name", why, "it contradicts names; remove one of them");
    return OK;
}

static enum status check_failure(const struct setting_object *o, const struct rule *r, bool has_alternate,
                                 struct fault *why)
{
    if (r->on_failure != ON_FAILURE_DEFER && setting_has(o, "defer-for"))
        return setting_refuse(o, "defer-for", why, "it needs on-failure defer");
    if (r->on_failure == ON_FAILURE_DEFER && r->alternate.len > 0)
        return setting_refuse(o, "alternate", why, "on-failure defer does not use it; remove one of them");
    if (r->on_failure == ON_FAILURE_ALTERNATE && r->alternate.len == 0 && !has_alternate)
        return setting_refuse(o, "on-failure", why,
                              "there is no alternate secure route; set alternate here, or alternate-route and "
                              "alternate-host of the gateway");
    return OK;
}

enum status compile_rule(const struct setting_object *o, bool has_alternate, struct arena *arena, struct rule *out,
                         struct fault *why)
{
    static const enum tls_level levels[] = { LEVEL_MAY, LEVEL_ENCRYPT, LEVEL_VERIFY, LEVEL_DANE }; /* as in the schema */
    struct slice until = setting_text(o, "exempt-until", arena);
    enum status st;

    *out = (struct rule){
        .name = arena_copy(arena, o->name),
        .description = setting_text(o, "description", arena),
        .direction = (enum rule_direction)setting_choice(o, "direction"),
        .level = levels[setting_choice(o, "level")],
        .min_version = (enum tls_version)(setting_choice(o, "min-version") + 1),
        .ca_file = setting_text(o, "ca", arena),
        .any_name = setting_yes(o, "any-name"),
        .on_failure = (enum on_failure)(setting_choice(o, "on-failure") + 1),
        .defer_for_s = setting_seconds(o, "defer-for"),
        .alternate = setting_text(o, "alternate", arena),
        .is_testing = setting_choice(o, "mode") == 1,
        .refuses_421 = setting_choice(o, "refuse") == 1,
    };
    out->from = setting_list(o, "from", arena, &out->from_len);
    out->to = setting_list(o, "to", arena, &out->to_len);
    out->names = setting_list(o, "names", arena, &out->names_len);
    if (until.len > 0) {
        if (units_parse_day(until, &out->exempt_until_s, why) != OK)
            return ERR_SYNTAX;
        out->exempt_until_s += DAY_S;
    }
    st = check_direction(o, out, why);
    if (st == OK)
        st = check_level(o, out, why);
    if (st == OK)
        st = check_failure(o, out, has_alternate, why);
    return st;
}
