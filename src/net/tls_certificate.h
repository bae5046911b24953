/* net/tls_certificate.h: a server's certificate with its chain and key, loaded from files and checked. */
#ifndef STERNPOST_NET_TLS_CERTIFICATE_H
#define STERNPOST_NET_TLS_CERTIFICATE_H

#include "base/arena.h"

#include <openssl/x509.h>

enum { TLS_CERTIFICATE_NAME_MAX = 253 };

/* OpenSSL keeps one certificate of each kind side by side in a context. */
enum tls_key_kind { TLS_KEY_RSA, TLS_KEY_ECDSA, TLS_KEY_OTHER };
enum { TLS_KEY_KINDS = TLS_KEY_OTHER + 1 };

struct tls_certificate {
    X509 *leaf;
    STACK_OF(X509) * chain; /* what stands behind the leaf in the file */
    EVP_PKEY *key;
    enum tls_key_kind kind;
    struct slice *names; /* DNS names of the leaf, lower case, valid host names, "*." may lead; in the arena */
    size_t names_len;
    const char *what; /* for messages: the chain's file, or what it was called; in the arena */
};

/* ERR_NOT_FOUND, ERR_TEMPORARY, ERR_SYNTAX, or ERR_CONFLICT (key and leaf do not belong together). What is unusual
 * but works (out of its dates, no DNS name) is a warning in the log. *out is written only on OK. */
MUST_USE enum status tls_certificate_load(const char *chain_file, const char *key_file, struct arena *arena,
                                          struct tls_certificate *out, struct fault *why);
/* The same from the texts of such files, without warnings; `what` and `key_what` name them in messages. */
MUST_USE enum status tls_certificate_read(struct slice chain, struct slice key, const char *what, const char *key_what,
                                          struct arena *arena, struct tls_certificate *out, struct fault *why);
/* One more owner of leaf, chain and key; what else there is is copied into `arena`. */
void tls_certificate_share(const struct tls_certificate *from, struct arena *arena, struct tls_certificate *out);
void tls_certificate_release(struct tls_certificate *c);

/* Lower-cases a host name of letters, digits, hyphens and dots into `out`; false when it is anything else (TLS-17). */
bool tls_certificate_name(struct slice name, char out[static TLS_CERTIFICATE_NAME_MAX], struct slice *lower);

#endif
