/* certs/judge_private.h: between the files of certs/judge.h. */
#ifndef STERNPOST_CERTS_JUDGE_PRIVATE_H
#define STERNPOST_CERTS_JUDGE_PRIVATE_H

#include "certs/judge.h"

/* Whose demands weigh: DANE's depend on the record that matched. */
enum weight { WEIGHT_WEBPKI, WEIGHT_MTA_STS, WEIGHT_DANE_EE, WEIGHT_DANE_TA, WEIGHT_OPPORTUNISTIC, WEIGHTS };

/* What there is to find; the order of equally grave findings. */
enum fault_kind {
    FIND_ABSENT,
    FIND_DANE_MATCHED,
    FIND_DANE_MISMATCH,
    FIND_DANE_CHAIN, /* usage 2: a record matched, but name, dates or chain below it are wrong */
    FIND_DANE_ERROR,
    FIND_REVOKED,
    FIND_EXPIRED,
    FIND_FUTURE,
    FIND_NAME,
    FIND_SELF_SIGNED,
    FIND_INCOMPLETE,
    FIND_UNKNOWN_AUTHORITY,
    FIND_ISSUER_EXPIRED,
    FIND_ISSUER_FUTURE,
    FIND_ROOT_EXPIRED,
    FIND_BROKEN, /* a signature, a constraint, an authority that is none: in the library's words */
    FIND_USAGE,
    FIND_KEY_USAGE,
    FIND_WEAK_KEY,
    FIND_WEAK_SIGNATURE,
    FIND_TOO_LONG,
    FIND_MISORDERED,
    FIND_SUPERFLUOUS,
    FIND_REPEATED,
    FIND_NEEDLESS_ROOT,
    FIND_EXPIRES_SOON,
    FIND_EXPIRES,
    FIND_SHORT_KEY, /* RSA 2048: good for now */
    FIND_LONG_LIFE,
    FIND_TRUSTED,
    FIND_NAME_GOOD,
    FIND_KINDS,
};

struct fault_text {
    const char   *id, *why, *advice;
    enum severity severity[WEIGHTS];
};
/* In judge_table.c: the ids, why each matters, and how much to whom. */
extern const struct fault_text fault_texts[FIND_KINDS];

struct judging {
    struct arena               *arena;
    const struct judge_context *context;
    int64_t                     now_s;
    enum weight                 weight;
    struct judgement           *out;
    STACK_OF(X509)             *sent;
    X509_STORE                 *store;
    struct finding             *findings;
    enum fault_kind            *kinds; /* of each finding, for the order */
    size_t                      findings_cap;
};

/* Adds one; `advice` NULL: the table's. Weighed when all are there. */
void judge_find(struct judging *j, enum fault_kind kind, int at, const char *advice, const char *seen, ...)
    PRINTF_LIKE(5, 6);

void judge_path(struct judging *j);  /* judge_path.c: from the leaf to an authority, by the library */
void judge_sent(struct judging *j);  /* judge_sent.c: order and number of what was sent */
void judge_leaf(struct judging *j);  /* judge_leaf.c: names, dates, keys, signatures of each certificate */
void judge_dane(struct judging *j);  /* judge_dane.c: sets the weight, too */

/* "the server's own certificate", "certificate 2 of the chain, 'CN=X'" in the arena. */
struct slice judge_which(const struct judging *j, int at);

#endif
