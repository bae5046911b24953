/* certs/judge.h: a server's certificates judged by what those demand who send mail to it: what is right, what is wrong,
 * why that matters, and what to do. Bytes in, findings out; nothing is fetched.
 *
 * The same fault weighs differently: a self-signed certificate is fine for DANE with usage 3 and ends delivery under an
 * MTA-STS policy. The table of weights is in judge_table.c. */
#ifndef STERNPOST_CERTS_JUDGE_H
#define STERNPOST_CERTS_JUDGE_H

#include "certs/certificate.h"
#include "certs/ocsp.h"
#include "policy/tlsa.h"

enum judge_how {
    JUDGE_WEBPKI,        /* a trusted authority and the right name (level verify, policy hosts, browsers) */
    JUDGE_MTA_STS,       /* the same for an MX under a policy (RFC 8461 section 4.2) */
    JUDGE_DANE,          /* TLSA records (RFC 7672); which of them matched decides what else counts */
    JUDGE_OPPORTUNISTIC, /* encrypted is enough, nothing is verified (RFC 7435) */
};
const char *judge_how_name(enum judge_how how); /* "mta-sts" */
bool judge_how_parse(struct slice s, enum judge_how *out);

enum severity { SEVERITY_OK, SEVERITY_ADVICE, SEVERITY_WARNING, SEVERITY_ERROR };
const char *severity_name(enum severity s); /* "warning" */

struct judge_context {
    enum judge_how         how;
    struct slice           name;      /* which the certificate must be for; a trailing dot does not count; "": any */
    const struct slice    *further;   /* names that will do as well: for DANE with usage 2 (section 3.2.2) */
    size_t                 further_len;
    const char            *ca_file;   /* NULL: the system's trust store */
    const struct tlsa_set *tlsa;      /* JUDGE_DANE: records of state DANE_USABLE, base_domain set */
    const struct ocsp_facts *staple;  /* what was stapled; NULL: it was not asked for */
    uint16_t               port;      /* for TLSA records in advice; 0: 25 */
    int64_t                now_s;     /* 0: now. Also for the dates of the chain, but for DANE's own, which are now's */
    unsigned               warning_days, advice_days; /* left until expiry; 0: 14 and 30 */
};

enum { JUDGE_WHOLE_CHAIN = -1 };

struct finding {
    const char   *id;       /* "cert.name", as in table judge_table.c */
    enum severity severity; /* in this context */
    int           at;       /* which certificate of the chain as sent; JUDGE_WHOLE_CHAIN */
    struct slice  seen;     /* what was seen, a sentence; printable */
    struct slice  why;      /* why it matters, or why it does not here; may be "" with SEVERITY_OK */
    struct slice  advice;   /* what to do; "" with SEVERITY_OK */
};

struct judgement {
    const struct finding     *findings; /* the gravest first, then in the order of the chain */
    size_t                    findings_len;
    enum severity             worst;
    bool                      is_trusted;   /* the chain leads to an authority of the store, in its dates, for servers */
    bool                      name_matches; /* RFC 9525: DNS names alone, a wildcard for one whole left-most label */
    const struct certificate *chain;        /* as sent, the leaf first */
    size_t                    chain_len;
    struct slice              anchor;       /* subject of the authority that it led to; "" unless is_trusted */
};

/* Everything lives in `arena`. A chain with bytes that are no certificate is ERR_SYNTAX, a bundle that cannot be loaded
 * tls_trust_store()'s status; *out is written only on OK. No certificate at all is a finding. */
MUST_USE enum status judge_chain(const struct slice *chain, size_t chain_len, const struct judge_context *context,
                                 struct arena *arena, struct judgement *out, struct fault *why);

#endif
