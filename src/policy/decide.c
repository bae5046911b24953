#include "policy/decide.h"

#include "base/clock.h"
#include "policy/demand.h"

static const char *const source_names[] = {
    [REASON_DEFAULT] = "default",       [REASON_RULE] = "rule", [REASON_HOST] = "host",
    [REASON_REQUIRETLS] = "requiretls", [REASON_DANE] = "dane", [REASON_MTA_STS] = "mta-sts",
};

const char *reason_source_name(enum reason_source s)
{
    return source_names[s];
}

/* How long a failed demand is borne with, before what happens next. */
struct patience {
    enum on_failure on_failure;
    int64_t defer_for_s;
    struct slice alternate; /* its own host; empty: the gateway's */
};

struct weighing {
    const struct policy_facts *facts;
    struct arena *arena;
    struct decision *out;
    struct reason *reasons;
    size_t winner; /* index of the reason that made the level */
    int rank;      /* of the strictest demand; -1: none yet */
    bool has_patience;
    struct patience patience;
    const struct rule *exempt_by; /* the rule that exempts from what the destination publishes; NULL: none */
};

/* -- demands ---------------------------------------------------------------------------------------------- */

static void add_reason(struct weighing *w, enum reason_source source, struct slice name, bool is_testing,
                       struct slice text)
{
    w->reasons[w->out->reasons_len++] =
        (struct reason){ .source = source, .name = name, .text = text, .is_testing = is_testing };
}

/* Weighs the demand of the reason just added. */
static void weigh(struct weighing *w, const struct demand *d)
{
    struct decision *out = w->out;
    int rank = demand_rank(d);

    if (d->min_version > out->min_version)
        out->min_version = d->min_version;
    if (rank <= w->rank)
        return;
    w->rank = rank;
    w->winner = out->reasons_len - 1;
    out->level = d->level;
    out->ca_file = d->ca_file;
    out->names = d->names;
    out->names_len = d->names_len;
    out->any_name = d->any_name;
}

static struct demand demand_of_host(const struct host_demand *h)
{
    return (struct demand){ .level = h->level,
                            .min_version = h->min_version,
                            .ca_file = h->ca_file,
                            .names = h->names,
                            .names_len = h->names_len,
                            .any_name = h->any_name };
}

/* -- patience --------------------------------------------------------------------------------------------- */

static struct slice alternate_of(const struct weighing *w, struct slice own)
{
    const struct policy_facts *f = w->facts;

    if (f->host != NULL)
        return SLICE_LIT("");
    if (own.len > 0)
        return own;
    return f->alternate_mode == ALTERNATE_OFF ? SLICE_LIT("") : f->alternate_host;
}

static struct patience resolve(const struct weighing *w, struct patience p)
{
    bool has_alternate = alternate_of(w, p.alternate).len > 0;

    if (p.on_failure == ON_FAILURE_DEFAULT)
        p.on_failure = ON_FAILURE_ALTERNATE;
    if (p.on_failure == ON_FAILURE_ALTERNATE && !has_alternate)
        p.on_failure = ON_FAILURE_DEFER;
    else if (p.on_failure == ON_FAILURE_DEFER && p.defer_for_s > 0)
        return p;
    p.defer_for_s = 0;
    return p;
}

/* Seconds, as far as they compare. */
static int64_t patience_length(const struct patience *p)
{
    if (p->on_failure == ON_FAILURE_BOUNCE)
        return 0;
    if (p->on_failure == ON_FAILURE_ALTERNATE)
        return INT64_MAX - 1;
    return p->defer_for_s > 0 ? p->defer_for_s : INT64_MAX;
}

static struct slice patience_words(const struct weighing *w, const struct patience *p)
{
    struct slice host = alternate_of(w, p->alternate);

    if (p->on_failure == ON_FAILURE_DEFER && p->defer_for_s > 0)
        return arena_printf(w->arena, "otherwise the message waits for up to %lld minutes, then it bounces",
                            (long long)((p->defer_for_s + 59) / 60));
    if (p->on_failure == ON_FAILURE_DEFER)
        return SLICE_LIT("otherwise the message waits in the queue");
    if (host.len > 0)
        return arena_printf(w->arena, "otherwise the message goes to the alternate secure route '%.*s'%s",
                            SLICE_FMT(host), p->on_failure == ON_FAILURE_BOUNCE ? " or, failing that, bounces" : "");
    return SLICE_LIT("otherwise the message bounces");
}

static void consider_patience(struct weighing *w, const struct patience *p)
{
    if (w->has_patience && patience_length(p) >= patience_length(&w->patience))
        return;
    w->has_patience = true;
    w->patience = *p;
}

/* -- who speaks ------------------------------------------------------------------------------------------- */

/* "; until 2026-12-31 it exempts from ..." for a rule with an end date. */
static struct slice exemption_words(struct weighing *w, const struct rule *r)
{
    char date[CLOCK_TEXT];
    bool is_over = r->exempt_until_s <= w->facts->now_s;

    if (r->exempt_until_s == 0)
        return SLICE_LIT("");
    (void)clock_rfc3339(r->exempt_until_s - 1, date);
    return arena_printf(w->arena, "; %s from the destination's DANE and MTA-STS %s %.10s",
                        is_over ? "it exempted" : "it exempts", is_over ? "to the end of" : "until the end of", date);
}

static void weigh_rule(struct weighing *w, const struct rule *r)
{
    struct demand d = demand_of_rule(r);
    struct patience p = resolve(w, (struct patience){ r->on_failure, r->defer_for_s, r->alternate });
    struct slice text = arena_printf(w->arena, "%.*s%.*s", SLICE_FMT(demand_words(&d, w->arena)),
                                     SLICE_FMT(exemption_words(w, r)));

    if (demand_requires_tls(&d))
        text = arena_printf(w->arena, "%.*s; %.*s", SLICE_FMT(text), SLICE_FMT(patience_words(w, &p)));
    if (r->is_testing) {
        add_reason(w, REASON_RULE, r->name, true,
                   arena_printf(w->arena, "rule '%.*s' is in testing and only records; enforced it would demand %.*s",
                                SLICE_FMT(r->name), SLICE_FMT(text)));
        return;
    }
    add_reason(w, REASON_RULE, r->name, false,
               arena_printf(w->arena, "rule '%.*s' demands %.*s", SLICE_FMT(r->name), SLICE_FMT(text)));
    weigh(w, &d);
    if (demand_requires_tls(&d))
        consider_patience(w, &p);
    if (r->exempt_until_s > w->facts->now_s)
        w->exempt_by = r;
}

static void weigh_rules(struct weighing *w, const struct rule *const *rules, size_t len)
{
    for (size_t i = 0; i < len; i++)
        weigh_rule(w, rules[i]);
}

static void weigh_default(struct weighing *w)
{
    static const char *const meanings[] = {
        [LEVEL_NONE] = "mail goes in clear text",
        [LEVEL_MAY] = "TLS when the server offers it, else clear text",
        [LEVEL_ENCRYPT] = "TLS with any certificate, never clear text",
        [LEVEL_VERIFY] = "TLS with a trusted certificate for the right name",
        [LEVEL_DANE] = "TLS with a certificate that DNSSEC vouches for",
    };
    struct demand d = { .level = w->facts->default_level };
    bool is_relaxed = w->facts->tls_required_no && !w->facts->requires_tls && d.level > LEVEL_MAY;

    if (is_relaxed)
        d.level = LEVEL_MAY;
    add_reason(w, REASON_DEFAULT, SLICE_LIT(""), false,
               arena_printf(w->arena, "%s %s: %s",
                            is_relaxed ? "the sender asks for delivery even without TLS (TLS-Required: No), so that the level is"
                                       : "the gateway's default is",
                            tls_level_name(d.level), meanings[d.level]));
    weigh(w, &d);
}

static void weigh_host(struct weighing *w, const struct host_demand *h)
{
    struct demand d = demand_of_host(h);

    add_reason(
        w, REASON_HOST, h->name, false,
        arena_printf(w->arena, "host '%.*s' demands %.*s", SLICE_FMT(h->name), SLICE_FMT(demand_words(&d, w->arena))));
    weigh(w, &d);
}

/* The host's certificate is the one that will be shown, so its issuers and names hold, whoever made the level; a stricter
 * rule still has its way about whether a name is looked at. */
static void use_certificate_of_host(struct decision *out, const struct host_demand *h)
{
    out->ca_file = h->ca_file;
    out->names = h->names;
    out->names_len = h->names_len;
}

/* Issuers that a rule or the default trusts alone are not widened by whoever asks for more of the name. */
static struct slice issuers_so_far(const struct weighing *w)
{
    return w->out->level == LEVEL_VERIFY ? w->out->ca_file : SLICE_LIT("");
}

/* -- what the destination publishes, and the sender asks for ------------------------------------------------- */

/* The sender's REQUIRETLS holds whatever a rule exempts from, or a header asks for. */
static bool is_relaxed(const struct weighing *w)
{
    return !w->facts->requires_tls && (w->facts->tls_required_no || w->exempt_by != NULL);
}

static struct slice relaxed_words(const struct weighing *w)
{
    if (w->exempt_by != NULL)
        return arena_printf(w->arena, "rule '%.*s' exempts from it", SLICE_FMT(w->exempt_by->name));
    return SLICE_LIT("the sender asks for delivery even without TLS (TLS-Required: No)");
}

static void record_sts(struct weighing *w, const char *why_not)
{
    const struct sts_policy_facts *s = &w->facts->sts;

    add_reason(w, REASON_MTA_STS, s->id, true,
               arena_printf(w->arena, "the MTA-STS policy of '%.*s' is in mode %s: %s", SLICE_FMT(s->domain),
                            sts_mode_name(s->policy->mode), why_not));
}

static void enforce_sts(struct weighing *w)
{
    const struct sts_policy_facts *s = &w->facts->sts;
    struct demand d = { .level = LEVEL_VERIFY, .min_version = TLS_VERSION_1_2, .ca_file = issuers_so_far(w) };
    struct patience p = resolve(w, (struct patience){ .on_failure = ON_FAILURE_DEFAULT });

    add_reason(w, REASON_MTA_STS, s->id, false,
               arena_printf(w->arena,
                            "the MTA-STS policy of '%.*s' demands %.*s, and the server's own name; %.*s", SLICE_FMT(s->domain),
                            SLICE_FMT(demand_words(&d, w->arena)), SLICE_FMT(patience_words(w, &p))));
    weigh(w, &d);
    consider_patience(w, &p);
    w->out->sts = s->policy;
    w->out->sts_id = s->id;
}

static void weigh_sts(struct weighing *w)
{
    const struct sts_policy_facts *s = &w->facts->sts;

    w->out->is_uncertain = s->is_uncertain;
    if (s->policy == NULL)
        return;
    if (s->policy->mode == STS_MODE_NONE)
        record_sts(w, "it demands nothing");
    else if (s->policy->mode == STS_MODE_TESTING)
        record_sts(w, "what it demands is only recorded");
    else if (is_relaxed(w))
        record_sts(w, arena_printf(w->arena, "not enforced, for %.*s", SLICE_FMT(relaxed_words(w))).ptr);
    else
        enforce_sts(w);
}

static void weigh_requiretls(struct weighing *w)
{
    struct demand d = { .level = LEVEL_VERIFY, .min_version = TLS_VERSION_1_2, .ca_file = issuers_so_far(w) };
    /* The alternate route of a rule serves it, too, when that host offers REQUIRETLS. */
    struct patience p = resolve(w, (struct patience){ .on_failure = ON_FAILURE_BOUNCE, .alternate = w->patience.alternate });

    if (!w->facts->requires_tls)
        return;
    add_reason(w, REASON_REQUIRETLS, SLICE_LIT(""), false,
               arena_printf(w->arena,
                            "the message came with REQUIRETLS: it demands %.*s, a server that DNSSEC or MTA-STS proves to be the "
                            "right one, and that it offers REQUIRETLS itself; %.*s",
                            SLICE_FMT(demand_words(&d, w->arena)), SLICE_FMT(patience_words(w, &p))));
    weigh(w, &d);
    consider_patience(w, &p);
    w->out->needs_requiretls = true;
}

static void settle_alternate(struct weighing *w)
{
    struct decision *out = w->out;
    bool requires_tls = decision_requires_tls(out);

    out->always_alternate = requires_tls && w->facts->alternate_mode == ALTERNATE_ALWAYS &&
                            alternate_of(w, SLICE_LIT("")).len > 0;
    out->on_failure = w->patience.on_failure;
    out->defer_for_s = w->patience.defer_for_s;
    if (out->always_alternate || out->on_failure != ON_FAILURE_DEFER)
        out->alternate = alternate_of(w, w->patience.alternate);
}

void policy_decide(const struct policy_facts *facts, struct arena *arena, struct decision *out)
{
    struct weighing w = { .facts = facts, .arena = arena, .out = out, .rank = -1 };
    const struct rule **rules = NULL;
    size_t rules_len = 0;

    *out = (struct decision){ .level = LEVEL_NONE };
    if (facts->rules != NULL)
        rules_len = rule_set_match(facts->rules, RULE_OUTBOUND, facts->sender, facts->recipient, arena, &rules);
    out->reasons = w.reasons = ARENA_ARRAY(arena, struct reason, rules_len + 3);
    weigh_rules(&w, rules, rules_len);
    if (facts->host != NULL)
        weigh_host(&w, facts->host);
    else
        weigh_default(&w);
    weigh_sts(&w);
    weigh_requiretls(&w);
    if (facts->host != NULL)
        use_certificate_of_host(out, facts->host);
    out->uses_dane = (facts->looks_up_mx && !is_relaxed(&w)) || out->level == LEVEL_DANE;
    w.reasons[w.winner].decided = true;
    if (!w.has_patience)
        w.patience = resolve(&w, (struct patience){ .on_failure = ON_FAILURE_DEFAULT });
    settle_alternate(&w);
}

/* -- the alternate secure route --------------------------------------------------------------------------- */

static struct slice alternate_words(const struct decision *d, const struct demand *own, struct slice name,
                                    struct arena *arena)
{
    struct demand carried = { .level = d->level, .min_version = d->min_version, .any_name = d->any_name };

    return arena_printf(arena, "alternate host '%.*s' demands %.*s; with it travels the decision's %.*s",
                        SLICE_FMT(name), SLICE_FMT(demand_words(own, arena)),
                        SLICE_FMT(demand_words(&carried, arena)));
}

void policy_decide_alternate(const struct decision *d, const struct host_demand *host, struct arena *arena,
                             struct decision *out)
{
    struct demand own = demand_of_host(host), carried = { .level = d->level, .any_name = d->any_name };
    struct reason *reasons = ARENA_ARRAY(arena, struct reason, d->reasons_len + 1);
    bool host_decides = demand_rank(&own) > demand_rank(&carried);

    if (d->reasons_len > 0)
        memcpy(reasons, d->reasons, d->reasons_len * sizeof *reasons);
    for (size_t i = 0; i < d->reasons_len; i++)
        reasons[i].decided = reasons[i].decided && !host_decides;
    reasons[d->reasons_len] = (struct reason){ .source = REASON_HOST,
                                               .name = host->name,
                                               .text = alternate_words(d, &own, host->name, arena),
                                               .decided = host_decides };
    *out = (struct decision){
        .level = host_decides ? own.level : d->level,
        .uses_dane = host_decides ? own.level == LEVEL_DANE : d->level == LEVEL_DANE,
        .min_version = own.min_version > d->min_version ? own.min_version : d->min_version,
        .ca_file = host->ca_file,
        .names = host->names,
        .names_len = host->names_len,
        .any_name = host_decides ? own.any_name : d->any_name,
        .on_failure = d->on_failure == ON_FAILURE_ALTERNATE ? ON_FAILURE_DEFER : d->on_failure,
        .defer_for_s = d->defer_for_s,
        .needs_requiretls = d->needs_requiretls,
        .reasons = reasons,
        .reasons_len = d->reasons_len + 1,
    };
}
