/* discovery/sts_fetch.h: one fetch of a policy file (RFC 8461 section 3.3), and what its answer is worth. */
#ifndef STERNPOST_DISCOVERY_STS_FETCH_H
#define STERNPOST_DISCOVERY_STS_FETCH_H

#include "net/https.h"
#include "policy/mta_sts.h"
#include "policy/tls_result.h"

struct sts_fetch { /* embed, zeroed */
    void (*done)(struct sts_fetch *f); /* from the loop, never inside sts_fetch_start() */
    /* Results, valid from done on until sts_fetch_release(). */
    enum tls_result   failure; /* TLS_RESULT_OK: `policy` is there. Else ..._STS_POLICY_FETCH_ERROR, _INVALID, _WEBPKI_INVALID */
    struct sts_policy policy;
    struct fault      why;
    /* private */
    struct https_client *https;
    struct https_request request;
    struct arena         arena;
};

enum { STS_FETCH_DEADLINE_MS = 60 * 1000 };

void sts_fetch_start(struct sts_fetch *f, struct https_client *https, struct slice domain); /* copies */
void sts_fetch_release(struct sts_fetch *f); /* cancels when under way; zeroed is fine */

/* The pure part: of an answered or failed request. */
enum tls_result sts_fetch_judge(const struct https_request *q, struct arena *arena, struct sts_policy *out,
                                struct fault *why);

#endif
