/* certs/protocol_judge.h: what it means that a server accepts such versions, suites and key exchanges: what was seen,
 * why it matters, what to change. Facts in, findings out. */
#ifndef STERNPOST_CERTS_PROTOCOL_JUDGE_H
#define STERNPOST_CERTS_PROTOCOL_JUDGE_H

#include "certs/approach.h"
#include "certs/judge.h"
#include "certs/protocol_plan.h"

struct protocol_judgement {
    const struct finding *findings; /* the gravest first; `at` is JUDGE_WHOLE_CHAIN */
    size_t findings_len;
    enum severity worst;
    bool is_known; /* at least one version was answered */
};

/* Everything lives in `arena`. On port 25 (`way` TLS_WAY_SMTP) most senders verify nobody, so that an anonymous suite
 * is a warning there and an error elsewhere. What was not tested is a finding too, never silence. */
void protocol_judge(const struct protocol_facts *f, enum tls_way way, struct arena *arena,
                    struct protocol_judgement *out);

/* "TLS_RSA_WITH_3DES_EDE_CBC_SHA at TLSv1.2, 168 bits (112 in effect), key exchange RSA 2048" */
struct slice protocol_choice_text(const struct protocol_choice *c, struct arena *arena);
/* "X25519", "DH 2048", "RSA 2048" */
struct slice protocol_exchange_text(const struct protocol_choice *c, struct arena *arena);

#endif
