/* net/tls_identities.h: all certificates of one listener as ready contexts, chosen by the name a client asks for.
 * Immutable once loaded; shared by threads. */
#ifndef STERNPOST_NET_TLS_IDENTITIES_H
#define STERNPOST_NET_TLS_IDENTITIES_H

#include "net/tls_certificate.h"
#include "net/tls_server.h"

#include <openssl/ssl.h>

struct tls_identities;

/* Certificates in order of preference, shared. `fallback` is a name as clients ask for it: who asks for none, or for
 * one that no certificate has, gets what serves that; empty, or had by no certificate: what serves the first name of
 * the first certificate. `new_context` makes contexts that lack nothing but the certificates. ERR_NOT_FOUND without
 * any certificate, ERR_PERMANENT for a key too weak for the profile. */
MUST_USE enum status tls_identities_new(const struct tls_certificate *const *certificates, size_t len,
                                        struct slice fallback, SSL_CTX *(*new_context)(void *arg), void *arg,
                                        struct tls_identities **out, struct fault *why);
void tls_identities_free(struct tls_identities *t); /* sessions that run keep their context alive */

/* The context for a name as it came from the client: an exact name first, then a wildcard for its first label, of
 * each kind of key the first in the list; the default (*is_match false) for any other name, junk and none. Borrowed.
 */
SSL_CTX *tls_identities_find(const struct tls_identities *t, struct slice sni, bool *is_match);

#endif
