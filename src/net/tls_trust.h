/* net/tls_trust.h: trust stores by file, loaded once for the process (49 ms for the system's) and shared by threads.
 */
#ifndef STERNPOST_NET_TLS_TRUST_H
#define STERNPOST_NET_TLS_TRUST_H

#include "base/status.h"

struct x509_store_st;

/* The store of a PEM bundle; NULL: the system's. Loaded when first asked for and again when the file changes (the
 * pointer is another one then); a changed file that cannot be loaded leaves the old store in use and logs why.
 * In a bundle of one's own any certificate is an anchor: a server's own or an intermediate one will do.
 * The caller owns a reference. ERR_NOT_FOUND, ERR_SYNTAX or ERR_TEMPORARY with the remedy. */
MUST_USE enum status tls_trust_store(const char *ca_file, struct x509_store_st **out, struct fault *why);

#endif
