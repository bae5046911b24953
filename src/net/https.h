/* net/https.h: HTTPS to other people's servers, asynchronous on one loop: policy files (RFC 8461 section 3.3) and reports (RFC
 * 8460 section 5.4). Over libcurl.
 *
 * Names are resolved by our resolver, and the connection goes to what it found: to global unicast addresses alone, unless the
 * configuration allows others (STS-22, STS-23). No redirects, no cache, no cookies, no proxy, no compression. The certificate
 * must be trusted and have the host among its DNS names. */
#ifndef STERNPOST_NET_HTTPS_H
#define STERNPOST_NET_HTTPS_H

#include "base/buf.h"
#include "net/resolver.h"

enum https_outcome {
    HTTPS_ANSWERED,    /* see status; any status */
    HTTPS_NO_ADDRESS,  /* DNS: none, or no answer */
    HTTPS_PRIVATE,     /* it has only addresses that must not be asked */
    HTTPS_UNREACHABLE, /* nobody there */
    HTTPS_CERTIFICATE, /* not trusted, expired, for another name */
    HTTPS_TLS,         /* the handshake failed otherwise */
    HTTPS_TIMEOUT,
    HTTPS_TOO_LARGE,   /* body or header section */
    HTTPS_BROKEN,      /* it does not speak HTTP as it should, or sent what was not asked for */
};
const char *https_outcome_name(enum https_outcome o);

struct https_config {
    const char *ca_file;        /* NULL: the system's; borrowed */
    uint16_t    port;           /* 443 */
    bool        allows_private;
    unsigned    transfers_most; /* at a time; more wait. 0: 16 */
};

struct https_client;

MUST_USE enum status https_client_new(struct loop *loop, struct resolver *r, const struct https_config *config,
                                      struct https_client **out, struct fault *why);
void https_client_free(struct https_client *h); /* open requests are dropped without a callback */

struct https_request { /* embed, zeroed, fill in the first part; valid until `done` or https_cancel() */
    void      (*done)(struct https_request *q); /* from the loop, never inside https_start() */
    struct slice host, path;   /* lower-case host name; path begins with '/', bounded printable ASCII */
    bool         is_post;
    struct slice body, content_type; /* of a POST; borrowed */
    size_t       answer_most;  /* bytes of the answer's body */
    int64_t      deadline_ms;  /* for all of it, DNS included; the wait for a free place is not counted */
    /* Out; valid inside `done`, until https_release(). */
    enum https_outcome outcome;
    int                status;       /* HTTPS_ANSWERED */
    bool               is_encoded;   /* HTTPS_BROKEN since it came compressed, which nobody asked for */
    char               type[128];    /* Content-Type of the answer; empty: none */
    int64_t            retry_after_s; /* 0: not given; at most a day */
    struct buf         answer;
    struct fault       why;          /* in words, unless it was answered */
    /* private */
    void *private_state;
};

void https_start(struct https_client *h, struct https_request *q);
void https_cancel(struct https_client *h, struct https_request *q); /* fine when it is not under way */
void https_release(struct https_request *q); /* frees the answer */

#endif
