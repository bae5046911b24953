/* net/tls_identities.h: all certificates of one listener as ready contexts, chosen by the name a client asks for.
 * Immutable once loaded; shared by threads. */
#ifndef STERNPOST_NET_TLS_IDENTITIES_H
#define STERNPOST_NET_TLS_IDENTITIES_H

#include "net/tls_server.h"

#include <openssl/ssl.h>

struct tls_identities;

/* `new_context` makes contexts that lack nothing but the certificates. Errors are those of tls_certificate_load(),
 * and ERR_PERMANENT for a key too weak for the profile. */
MUST_USE enum status tls_identities_load(const struct tls_server_certificate *files, size_t files_len,
                                         SSL_CTX *(*new_context)(void *arg), void *arg, struct tls_identities **out,
                                         struct fault *why);
void tls_identities_free(struct tls_identities *t); /* sessions that run keep their context alive */

/* The context for a name as it came from the client: an exact name first, then a wildcard for its first label, of
 * each kind of key the first in the list; the default (*is_match false) for any other name, junk and none. Borrowed.
 */
SSL_CTX *tls_identities_find(const struct tls_identities *t, struct slice sni, bool *is_match);

#endif
