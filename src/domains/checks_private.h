/* domains/checks_private.h: between the files of domains/checks.h. */
#ifndef STERNPOST_DOMAINS_CHECKS_PRIVATE_H
#define STERNPOST_DOMAINS_CHECKS_PRIVATE_H

#include "domains/checks.h"
#include "domains/policy_text.h"
#include "policy/mta_sts.h"

struct checking;

struct check {
    const char *id;
    /* Tells what it found. False: it has nothing to look at here. True with nothing told: `good` is so. */
    bool (*run)(struct checking *c);
    const char *good;
    const char *why;
    const char *change; /* where the check does not name a better one */
    const char *const *findings; /* of certs/judge.h that it stands for; NULL: none */
};

struct check_group {
    const char         *name;
    const struct check *checks;
    size_t              len;
};
extern const struct check_group checks_mx, checks_name_servers, checks_tls, checks_deep, checks_certificate, checks_dane,
    checks_sts_record, checks_policy_host, checks_policy, checks_reports, checks_history;

struct checking {
    const struct domain_facts *f;
    struct arena              *arena;
    const struct check_group  *group;
    const struct check        *check;
    struct check_result       *results;
    size_t                     len, cap;
    /* What several look at. */
    enum record_outcome        sts;             /* of _mta-sts */
    char                       sts_id[STS_ID_TEXT];
    struct fault               sts_why;
    enum record_outcome        reports;         /* of _smtp._tls */
    struct tlsrpt_record       report_record;
    struct fault               reports_why;
    bool                       has_policy_text; /* a policy was fetched, whatever it is worth */
    struct policy_text         text;
    enum status                policy_status;   /* of sts_policy_parse(): OK, and `policy` is there */
    struct sts_policy          policy;
    struct fault               policy_why;
};

/* Results of the check at hand. `change` "": the check's own. What is foreign in the sentence was made printable. */
void checking_tell(struct checking *c, enum check_verdict v, struct slice where, struct slice change, const char *fmt, ...)
    PRINTF_LIKE(5, 6);
/* A finding on a certificate, in its own words; `change` "": the finding's advice. */
void checking_tell_finding(struct checking *c, enum check_verdict v, struct slice where, struct slice change,
                           const struct finding *f);
/* The findings of a closer look at TLS (domains/deep_look.h) whose id is that of the check at hand; true when there was one
 * that told something. */
bool checking_tell_deep(struct checking *c);
#define CHANGE(c, ...) arena_printf((c)->arena, __VA_ARGS__)
#define AS_USUAL SLICE_LIT("")

/* Foreign bytes, printable and not too long, in the arena. */
struct slice checking_shown(struct checking *c, struct slice foreign);

/* The weight of a fault by which senders that obey the policy fail: in enforce an error, in testing a warning, else
 * advice. */
enum check_verdict checking_weight(const struct checking *c);
/* Is there a record and a policy that others see? */
bool checking_has_policy(const struct checking *c);
bool checking_is_enforced(const struct checking *c);
/* DNS that gave no answer is told of as not testable, a forged one as an error; true when there was neither. */
bool checking_dns(struct checking *c, const struct txt_facts *txt);

/* Each server as `s`; each address of a server as `a`. */
#define FOR_SERVERS(c) \
    for (const struct server_facts *s = (c)->f->servers; s < (c)->f->servers + (c)->f->servers_len; s++)
#define FOR_ADDRESSES(of) \
    for (const struct address_facts *a = (of)->addresses; a < (of)->addresses + (of)->addresses_len; a++)

/* An address that this machine has no way to is told of as not testable; true then. */
bool checking_is_out_of_reach(struct checking *c, const struct server_facts *s, const struct address_facts *a);

/* "mx.example.org (192.0.2.1)" */
struct slice checking_place(struct checking *c, const struct server_facts *s, const struct address_facts *a);

#endif
