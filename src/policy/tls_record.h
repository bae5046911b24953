/* policy/tls_record.h: the TXT records by which a domain tells of its MTA-STS policy (RFC 8461 section 3.1) and where
 * it wants TLS reports (RFC 8460 section 3). */
#ifndef STERNPOST_POLICY_TLS_RECORD_H
#define STERNPOST_POLICY_TLS_RECORD_H

#include "base/arena.h"

enum record_outcome {
    RECORD_NONE, /* nothing begins with the version */
    RECORD_VALID,
    RECORD_MANY,    /* several begin with it: there is no record (both RFCs) */
    RECORD_INVALID, /* the one that begins with it is malformed */
};
const char *record_outcome_name(enum record_outcome o); /* "valid" */

enum { STS_ID_TEXT = 33, TLSRPT_URI_MOST = 10, TLSRPT_URI_LENGTH_MOST = 1024, TLSRPT_RECORD_MOST = 4096 };

/* Both choose the record that begins with its version and ";" (blanks may come between); what begins otherwise is not
 * looked at. Fields behind the version may come in any order, unknown ones are ignored, of a repeated one the first
 * counts. `why` is written unless RECORD_VALID, the outputs only then. */

/* Among the TXT records of "_mta-sts.DOMAIN", strings joined. An id of 1 to 32 letters and digits must be there. */
enum record_outcome sts_record_choose(const struct slice *records, size_t len, char id[static STS_ID_TEXT],
                                      struct fault *why);

enum tlsrpt_scheme { TLSRPT_MAILTO, TLSRPT_HTTPS };

struct tlsrpt_uri {
    enum tlsrpt_scheme scheme;
    struct slice       uri;     /* as published */
    struct slice       address; /* MAILTO: decoded, a mail address in ASCII; header fields behind '?' are dropped */
    struct slice       host;    /* HTTPS: lower case */
    struct slice       path;    /* HTTPS: with query, encoded as published, no fragment; begins with '/' */
};

struct tlsrpt_record {
    struct slice             text; /* as published */
    const struct tlsrpt_uri *uris; /* the usable ones in their order, at most TLSRPT_URI_MOST; may be none */
    size_t                   uris_len;
};

/* Among the TXT records of "_smtp._tls.DOMAIN". RECORD_INVALID also when it is longer than TLSRPT_RECORD_MOST or has no
 * rua. Of its URIs those are usable that are well-formed, at most TLSRPT_URI_LENGTH_MOST bytes long, and either
 * mailto: with one ASCII address at a domain name, or https: with a host name, no user, and no port but 443 (threats
 * RPT-10). The others, those that say again what one before them says, and all behind the tenth usable one, are left out. Everything lives in `arena`. */
enum record_outcome tlsrpt_record_choose(const struct slice *records, size_t len, struct arena *arena,
                                         struct tlsrpt_record *out, struct fault *why);

#endif
