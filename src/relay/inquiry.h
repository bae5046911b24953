/* relay/inquiry.h: questions that need the live world, run on a worker: what would happen to mail to X, does
 * host H work. The answer is JSON that the admin API passes on and the CLI prints. */
#ifndef STERNPOST_RELAY_INQUIRY_H
#define STERNPOST_RELAY_INQUIRY_H

#include "relay/node.h"

#include <jansson.h>

enum inquiry_kind {
    INQUIRY_POLICY,    /* recipient, sender, requires_tls, stays_home -> MTA-STS, decision, reasons, route; for each MX: addresses, TLSA
                          records, the decision on it, and a session as far as STARTTLS */
    INQUIRY_HOST_TEST, /* host name -> for each server and address: connect, greeting, extensions, TLS facts, verdict */
};

struct inquiry {
    struct worker_task task; /* first; set done and reply_to */
    enum inquiry_kind  kind;
    char               recipient[512], sender[512], host[256];
    bool               requires_tls; /* as if it came with REQUIRETLS */
    bool               stays_home;   /* asks DNS and policy hosts, but connects to no mail server */
    struct snapshot   *snapshot; /* held by the inquiry */
    enum status        status;   /* out: OK, ERR_NOT_FOUND (no such host), ERR_SYNTAX (address), ERR_TEMPORARY (we stop) */
    struct fault       why;
    json_t            *answer;   /* out: owned by the caller */
};

/* Prepares an inquiry for node_ask(). It takes at most 30 seconds. */
void inquiry_init(struct inquiry *q, enum inquiry_kind kind, struct snapshot *snapshot);
void inquiry_release(struct inquiry *q);
/* Answers what is under way on this worker, which ends. */
void inquiry_end_all(struct worker *w);

#endif
