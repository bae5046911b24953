/* net/tls_key.h: private keys of certificates. Whoever uses one asks here, so that keys can move to a process of
 * their own (threats.md, isolation). */
#ifndef STERNPOST_NET_TLS_KEY_H
#define STERNPOST_NET_TLS_KEY_H

#include "base/slice.h"
#include "base/status.h"

#include <openssl/evp.h>

/* Reads a PEM file. The caller owns *out (EVP_PKEY_free). A file that others may read gives a warning in the log.
 * ERR_NOT_FOUND, ERR_TEMPORARY (not readable) or ERR_SYNTAX (no key, or behind a passphrase). */
MUST_USE enum status tls_key_load(const char *path, EVP_PKEY **out, struct fault *why);
/* The same from the text of such a file; `what` names it in faults. ERR_SYNTAX. */
MUST_USE enum status tls_key_read(struct slice pem, const char *what, EVP_PKEY **out, struct fault *why);

#endif
