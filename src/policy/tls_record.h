/* policy/tls_record.h: the TXT records by which a domain tells of its MTA-STS policy (RFC 8461 section 3.1) and where it
 * wants TLS reports (RFC 8460 section 3). */
#ifndef STERNPOST_POLICY_TLS_RECORD_H
#define STERNPOST_POLICY_TLS_RECORD_H

#include "base/arena.h"

enum record_outcome {
    RECORD_NONE,    /* nothing begins with the version */
    RECORD_VALID,
    RECORD_MANY,    /* several begin with it: there is no record (both RFCs) */
    RECORD_INVALID, /* the one that begins with it is malformed */
};
const char *record_outcome_name(enum record_outcome o); /* "valid" */

enum { STS_ID_TEXT = 33, TLSRPT_URI_MOST = 10 };

/* Chooses among the TXT records of "_mta-sts.DOMAIN", strings joined. `id` is written when RECORD_VALID; `why` otherwise. */
enum record_outcome sts_record_choose(const struct slice *records, size_t len, char id[static STS_ID_TEXT],
                                      struct fault *why);

enum tlsrpt_scheme { TLSRPT_MAILTO, TLSRPT_HTTPS };

struct tlsrpt_uri {
    enum tlsrpt_scheme scheme;
    struct slice       uri;     /* as published */
    struct slice       address; /* MAILTO: decoded, a mail address; header fields behind '?' are dropped */
    struct slice       host;    /* HTTPS: lower case */
    struct slice       path;    /* HTTPS: with query, begins with '/' */
};

struct tlsrpt_record {
    struct slice             text; /* as published */
    const struct tlsrpt_uri *uris; /* the usable ones in their order, at most TLSRPT_URI_MOST; may be none */
    size_t                   uris_len;
};

/* Chooses among the TXT records of "_smtp._tls.DOMAIN". Everything lives in `arena`. */
enum record_outcome tlsrpt_record_choose(const struct slice *records, size_t len, struct arena *arena,
                                         struct tlsrpt_record *out, struct fault *why);

#endif
