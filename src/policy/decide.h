/* policy/decide.h: the decision on one recipient domain's mail, as a pure function: facts in, decision and reasons out. */
#ifndef STERNPOST_POLICY_DECIDE_H
#define STERNPOST_POLICY_DECIDE_H

#include "policy/mta_sts.h"
#include "policy/rule.h"
#include "policy/tls_result.h"

enum alternate_mode { ALTERNATE_OFF, ALTERNATE_REQUIRED, ALTERNATE_ALWAYS };

/* What the host of the route demands of itself (settings/snapshot.h); not there for delivery by MX. */
struct host_demand {
    struct slice        name;
    enum tls_level      level;
    enum tls_version    min_version;
    struct slice        ca_file;
    const struct slice *names;
    size_t              names_len;
    bool                any_name;
};

/* The MTA-STS policy of the recipient domain (of the host's, when that is a domain whose MX are used), as far as it is known. */
struct sts_policy_facts {
    const struct sts_policy *policy;       /* NULL: none */
    struct slice             domain, id;
    bool                     is_uncertain; /* there may be one, but it could not be had */
};

struct policy_facts {
    struct rule_address       sender, recipient;
    const struct rule_set    *rules;          /* NULL for mail that stays inside: it matches no rule (T3) */
    enum tls_level            default_level;  /* the gateway's; LEVEL_MAY unless set */
    enum alternate_mode       alternate_mode; /* the gateway's alternate secure route */
    struct slice              alternate_host;
    const struct host_demand *host;           /* NULL: by MX */
    bool                      looks_up_mx;    /* the servers come out of MX records: DANE and MTA-STS count */
    struct sts_policy_facts   sts;
    bool                      requires_tls;    /* the message came with REQUIRETLS (RFC 8689 section 2) */
    bool                      tls_required_no; /* its header says "TLS-Required: No" (section 3) */
    int64_t                   now_s;           /* wall clock, for rules that end */
};

enum reason_source { REASON_DEFAULT, REASON_RULE, REASON_HOST, REASON_REQUIRETLS, REASON_DANE, REASON_MTA_STS };
const char *reason_source_name(enum reason_source s);

/* One weighing: what spoke, and what it asked for. Kept for those that lost too. */
struct reason {
    enum reason_source source;
    struct slice       name; /* the rule's or host's; empty for the default */
    struct slice       text; /* a sentence: "rule 'bank' demands verify, TLS 1.2 or higher" */
    bool               decided;    /* it is the strictest, and made the level */
    bool               is_testing; /* a rule that only records */
};

struct decision {
    enum tls_level       level;
    enum tls_version     min_version; /* TLS_VERSION_NONE: none demanded beyond the profile's floor */
    struct slice         ca_file;     /* empty: the system's */
    const struct slice  *names;       /* expected names; none: the server's own name or the recipient domain */
    size_t               names_len;
    bool                 any_name;
    enum on_failure      on_failure;  /* never ON_FAILURE_DEFAULT; what happens once `alternate` failed too */
    int64_t              defer_for_s; /* ON_FAILURE_DEFER; 0: the queue's limit */
    struct slice         alternate;   /* host that is tried first when the demand is not met; empty: none serves */
    bool                 always_alternate; /* go there at once, without trying the recipient's own servers */
    const struct sts_policy *sts;  /* in mode enforce, and it holds: servers must be in it; NULL: none */
    struct slice         sts_id;
    bool                 uses_dane; /* TLSA records of a server hold where there are some (policy/server_decision.h) */
    bool                 needs_tlsa_match; /* of one server: a record must match, besides what the level asks */
    bool                 needs_requiretls; /* every hop must be authenticated and offer REQUIRETLS itself */
    bool                 is_uncertain;     /* an MTA-STS policy may be missing here that could not be had */
    const struct reason *reasons;
    size_t               reasons_len;
};

/* Weighs rules, and the host of the route or (by MX) the default: the strictest level, the highest version and the
 * shortest patience win. When matching rules name different bundles or names, those of the strictest (first in
 * order) rule hold; with a host always the host's, for its certificate is the one that is shown.
 * Patience, from short to long: bounce, defer by its time, alternate, defer without a time. A rule that leaves it
 * open means alternate where there is a host for it, else defer without a time. The alternate secure route serves
 * delivery by MX alone, and not a rule that says defer (semantics section 7); ON_FAILURE_ALTERNATE
 * without success there defers.
 *
 * What the destination publishes is weighed, too: an MTA-STS policy in mode enforce demands verify with the server's own
 * name, and waits where it is not met (RFC 8461 section 5). A rule with an end date exempts from it and from DANE, and so does
 * TLS-Required: No, which also lowers the default to may; rules, hosts and REQUIRETLS still hold. REQUIRETLS demands
 * verify, never waits for a server to mend its ways, and outranks TLS-Required: No (RFC 8689 section 4.1). Neither of the two
 * widens the issuers that a rule of level verify trusts alone.
 *
 * `alternate` is set also where TLS is not required yet: a server's TLSA records may do so. Everything in *out lives in `arena` or is borrowed from `facts` and its rules. */
void policy_decide(const struct policy_facts *facts, struct arena *arena, struct decision *out);

static inline bool decision_requires_tls(const struct decision *d)
{
    return d->level >= LEVEL_ENCRYPT || d->min_version != TLS_VERSION_NONE;
}

/* The demand that travels along to the alternate host: the host's own demand and the decision's level and
 * version together; CA and names are the host's (RTL-06: never less than demanded). */
void policy_decide_alternate(const struct decision *d, const struct host_demand *host, struct arena *arena,
                             struct decision *out);

/* Does this connection meet the decision? TLS_RESULT_OK, or the result type that names the failure; `why` gets the
 * sentence ("certificate of 'mx1' expired 2026-01-01"). `facts` were gathered with the decision's CA and names.
 * LEVEL_DANE and needs_tlsa_match ask for a matching TLSA record; with LEVEL_DANE nothing else of the certificate counts. */
enum tls_result decision_check(const struct decision *d, const struct tls_facts *facts, struct slice server,
                               struct fault *why);

/* One inbound rule that matches, and the session as the rule sees it. */
struct inbound_case {
    const struct rule      *rule;
    const struct slice     *names; /* the client's certificate may have: the rule's, else the sender's domain */
    size_t                  names_len;
    const struct tls_facts *facts; /* for level verify gathered with the rule's bundle and these names */
};
/* The rules that match mail from `sender` to `recipient`, in order; facts are left to the caller. The null sender stands
 * under the name its client said in EHLO (RFC 7208 section 2.4 takes it likewise). In `arena`. */
size_t policy_inbound_cases(const struct rule_set *rules, struct rule_address sender, struct rule_address recipient,
                            struct slice helo, struct arena *arena, struct inbound_case **out);

/* May the mail be taken from this session? */
struct inbound_verdict {
    bool               is_allowed;
    const struct rule *refused_by;  /* the strictest rule that refuses; NULL when allowed */
    const struct rule **testing;    /* testing rules that would have refused; in the arena */
    size_t             testing_len;
    struct slice       reason;      /* in words, for log and counter */
    struct slice       reply;       /* what the client is told of why it was refused */
};
void policy_inbound(const struct inbound_case *cases, size_t len, struct arena *arena, struct inbound_verdict *out);

#endif
