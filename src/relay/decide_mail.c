#include "relay/decide_mail.h"

#include "base/clock.h"
#include "mail/address.h"

static struct rule_address rule_address_of(struct arena *arena, struct slice address)
{
    struct mail_address a;

    if (address.len == 0 || mail_address_parse(arena, address, &a, NULL) != OK)
        return (struct rule_address){ 0 };
    return (struct rule_address){ a.local, a.domain };
}

static struct sts_policy_facts sts_of(const struct sts_facts *f)
{
    if (f == NULL)
        return (struct sts_policy_facts){ 0 };
    return (struct sts_policy_facts){ .policy = f->finding == STS_FOUND ? &f->policy : NULL,
                                      .domain = f->domain,
                                      .id = f->id,
                                      .is_uncertain = f->finding == STS_UNKNOWN || f->finding == STS_TROUBLE };
}

/* None for mail that stays inside (T3), and for TLS reports of ours, which go whatever the receiver's TLS is like (RFC 8460
 * section 5.3.1). */
static const struct rule_set *rules_for(const struct mail_question *q, struct slice domain)
{
    if (q->origin == ORIGIN_REPORT || snapshot_is_our_domain(q->settings, domain))
        return NULL;
    return snapshot_rules(q->settings);
}

static struct policy_facts facts_of(const struct mail_question *q, struct arena *arena)
{
    const struct gateway *g = snapshot_gateway(q->settings);
    struct rule_address recipient = rule_address_of(arena, q->recipient);

    return (struct policy_facts){
        .sender = rule_address_of(arena, q->sender),
        .recipient = recipient,
        .rules = rules_for(q, recipient.domain),
        .default_level = g->default_level,
        .alternate_mode = g->alternate_mode,
        .alternate_host = g->alternate_host,
        .host = q->host == NULL ? NULL : &q->host->demand,
        .requires_tls = q->requires_tls,
        .tls_required_no = q->tls_required_no || q->origin == ORIGIN_REPORT,
        .now_s = clock_wall_s(),
    };
}

void decide_mail(const struct mail_question *q, struct arena *arena, struct decision *out)
{
    struct policy_facts facts = facts_of(q, arena);

    facts.looks_up_mx = q->host == NULL || q->host->looks_up_mx;
    facts.sts = sts_of(q->sts);
    policy_decide(&facts, arena, out);
}

void decide_mail_own(const struct mail_question *q, struct arena *arena, struct decision *out)
{
    struct policy_facts facts = facts_of(q, arena);

    policy_decide(&facts, arena, out);
}

struct slice decide_mail_words(const struct decision *d, struct slice domain, const struct host *host, struct arena *arena)
{
    return arena_printf(arena, "mail to '%.*s' asks for level %s, by %s%.*s", SLICE_FMT(domain), tls_level_name(d->level),
                        host == NULL ? "MX" : "host ", SLICE_FMT(host == NULL ? slice_str("") : host->demand.name));
}
