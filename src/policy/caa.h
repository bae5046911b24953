/* policy/caa.h: CAA records as data (RFC 8659): which authorities may issue certificates for a name. */
#ifndef STERNPOST_POLICY_CAA_H
#define STERNPOST_POLICY_CAA_H

#include "base/slice.h"

enum { CAA_CRITICAL = 128, CAA_MOST = 64 }; /* records looked at */

struct caa_record {
    uint8_t      flags;
    struct slice tag, value; /* as they stand; borrowed from the RDATA */
};

/* RDATA as on the wire (section 4.1). False: malformed. */
bool caa_record_read(struct slice rdata, struct caa_record *out);
/* The authority that an "issue" or "issuewild" property names, "letsencrypt.org"; "" for nobody (section 4.2). */
struct slice caa_issuer(const struct caa_record *r);

enum caa_answer {
    CAA_ANYBODY, /* no property says who may issue */
    CAA_ALLOWED, /* the issuer is among them */
    CAA_OTHERS,  /* the issuer is known under other names than those that are allowed */
    CAA_NOBODY,  /* nobody is allowed, or a critical property is unknown to all */
    CAA_UNCLEAR, /* authorities are named, and under which name the issuer goes is not known */
};

/* May the authority with this name in its certificate ("CN=R3,O=Let's Encrypt,C=US") issue again? `is_wildcard`: for
 * "*.NAME", where "issuewild" counts before "issue" (section 4.3). */
enum caa_answer caa_judge(const struct caa_record *records, size_t len, struct slice issuer, bool is_wildcard);

#endif
