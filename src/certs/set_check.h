/* certs/set_check.h: is a certificate of ours fit to be served? Pure but for the file of trusted issuers. */
#ifndef STERNPOST_CERTS_SET_CHECK_H
#define STERNPOST_CERTS_SET_CHECK_H

#include "net/tls_certificate.h"

struct set_demand {
    const struct slice
        *names; /* each must be covered (RFC 9525: by the name itself or a wildcard for its first label) */
    size_t names_len;
    const char *ca_file; /* issuers, one of which must stand above the chain; NULL: the system's */
    int64_t now_s;
};

/* The chain must be in order, each certificate signed by the next one, and complete: the last one is self-signed, or
 * its issuer is trusted. A certificate signed by itself is complete: for DANE-EE it is fine. Besides: names, not
 * expired, for servers, keys and signatures of at least 112 bits of strength. That key and certificate belong together
 * was seen when they were read; that it is not valid yet is no fault but a matter of time. ERR_PERMANENT: `why` tells
 * every fault, with "; " between. */
MUST_USE enum status set_check(const struct tls_certificate *c, const struct set_demand *d, struct fault *why);

/* Does a name (lower case) stand in it, or a wildcard for it? */
bool set_covers(const struct tls_certificate *c, struct slice name);

/* Wall clock, from what the certificate says. */
int64_t certificate_not_before_s(const X509 *cert);
int64_t certificate_not_after_s(const X509 *cert);

#endif
