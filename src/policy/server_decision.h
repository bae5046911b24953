/* policy/server_decision.h: from the decision on a domain's mail to that on one of its servers: MTA-STS and DANE (RFC 8461 section 4,
 * RFC 7672 section 2.2) say which may be tried and what it must prove. */
#ifndef STERNPOST_POLICY_SERVER_DECISION_H
#define STERNPOST_POLICY_SERVER_DECISION_H

#include "policy/decide.h"
#include "policy/tlsa.h"

struct server_facts {
    struct slice           name;
    bool                   is_proven; /* that this is the right server: its MX records are signed, or we named it ourselves */
    enum dane_state        dane;      /* DANE_UNKNOWN: not looked up, and treated like DANE_NONE */
    const struct tlsa_set *tlsa;      /* DANE_USABLE */
};

enum server_verdict {
    SERVER_TRY,
    SERVER_SKIP, /* it cannot meet the demand: a failure of TLS, see `result` */
    SERVER_WAIT, /* nothing may be concluded about it now (DNS-03): as if it could not be reached */
};

struct server_decision {
    enum server_verdict    verdict;
    enum tls_result        result;   /* SKIP, WAIT */
    const char            *code;     /* the same for reports, more exact: "mx-not-in-policy"; "" where the result says all */
    struct slice           text;     /* a sentence for every verdict */
    struct decision        decision; /* TRY: what the connection must prove */
    const struct tlsa_set *tlsa;     /* TRY: records to hold the certificate against; NULL: none */
};

/* DANE outranks MTA-STS: where records authenticate a proven server, nothing else is asked of its certificate. Records of a server
 * out of unsigned MX records are no proof that it is the right one (DNS-08): they hold besides what else is demanded. Records of
 * which none is usable demand TLS (DANE-05). */
void policy_decide_server(const struct decision *d, const struct server_facts *facts, struct arena *arena,
                          struct server_decision *out);

/* Did the session keep to this policy, as a report tells it? For modes enforce and testing. `code` as above. */
enum tls_result sts_session_check(const struct sts_policy *p, struct slice server, const struct tls_facts *facts,
                                  const char **code);

#endif
