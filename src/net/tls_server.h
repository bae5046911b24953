/* net/tls_server.h: TLS as a server: certificates by SNI, profiles, tickets. One for each listener, shared by
 * all workers' sessions of that listener; thread-safe. */
#ifndef STERNPOST_NET_TLS_SERVER_H
#define STERNPOST_NET_TLS_SERVER_H

#include "base/slice.h"
#include "base/status.h"

/* modern: TLS 1.3 only... see the table in tls_profile.c. SSLv3 and RC4 never. */
enum tls_profile { TLS_PROFILE_MODERN, TLS_PROFILE_INTERMEDIATE, TLS_PROFILE_LEGACY };
bool tls_profile_parse(struct slice s, enum tls_profile *out);

struct tls_server_certificate { /* PEM files; RSA and ECDSA sets for the same name may stand side by side */
    const char *chain_file, *key_file;
};

struct tls_server_config {
    enum tls_profile                     profile;
    const struct tls_server_certificate *certificates; /* the first is the default when SNI matches none */
    size_t                               certificates_len;
    bool                                 asks_client_certificate; /* recorded, never demanded */
};

struct tls_server;

/* Loads and checks every set: readable, key matches, chain parses, not expired (a warning in the log, not an
 * error). Names for SNI come from the leaf's DNS names; a full left-most wildcard counts (RFC 9525). */
MUST_USE enum status tls_server_new(const struct tls_server_config *config, struct tls_server **out,
                                    struct fault *why);
void tls_server_free(struct tls_server *t);
/* Looks whether a file changed and loads it anew; a bad new set leaves the old one in use and logs why. New
 * handshakes see the new set, running sessions go on. Call every few seconds from one thread. */
void tls_server_refresh(struct tls_server *t);

#endif
