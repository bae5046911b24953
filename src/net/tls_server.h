/* net/tls_server.h: TLS as a server: certificates by SNI, profiles, tickets. One for each listener, shared by
 * all workers' sessions of that listener; thread-safe. */
#ifndef STERNPOST_NET_TLS_SERVER_H
#define STERNPOST_NET_TLS_SERVER_H

#include "base/slice.h"
#include "base/status.h"
#include "net/tls_profile.h"
#include "policy/tls_facts.h"

struct tls_certificate;

struct tls_server_certificate { /* PEM files; RSA and ECDSA sets for the same name may stand side by side */
    const char *chain_file, *key_file;
};

struct tls_server_config {
    enum tls_profile                     profile;
    const struct tls_server_certificate *certificates; /* the first is the default when SNI matches none */
    size_t                               certificates_len;
    bool                                 asks_client_certificate; /* recorded, never demanded */
    bool                                 serves_http; /* ALPN http/1.1 in place of smtp; any other is refused (TLS-14, WEB-06) */
};

/* What sessions get: certificates in order of preference (net/tls_identities.h). */
struct tls_edition {
    const struct tls_certificate *const *certificates;
    size_t                               certificates_len;
    struct slice                         fallback; /* the name that stands for none and for unknown ones; empty: the first's */
    unsigned                             until;    /* percent: new sessions draw from 0 to 99 and get the first edition
                                                      whose `until` is above; grows, the last is 100 */
};

struct tls_server;

/* Loads and checks every set: readable, key matches, chain parses, not expired (a warning in the log, not an
 * error). Names for SNI come from the leaf's DNS names; a full left-most wildcard counts (RFC 9525). */
MUST_USE enum status tls_server_new(const struct tls_server_config *config, struct tls_server **out,
                                    struct fault *why);
void tls_server_free(struct tls_server *t); /* after its last stream was closed */
/* For a server that nobody hands certificates to: looks whether a file of its configuration changed and loads them anew; a bad
 * new set leaves the old one in use and logs why. Call every few seconds from one thread. */
void tls_server_refresh(struct tls_server *t);
/* Other certificates from now on: new handshakes see them, running sessions go on, tickets stay good. The certificates are
 * shared. Whatever fails leaves what is served as it is: ERR_NOT_FOUND without any, ERR_PERMANENT for a key too weak for the
 * profile. From one thread. */
MUST_USE enum status tls_server_use(struct tls_server *t, const struct tls_edition *editions, size_t len,
                                    struct fault *why);

/* For net/stream.h: a session that waits for its ClientHello, owned by the caller; and what became of it. */
struct ssl_st *tls_server_open(struct tls_server *t);
void tls_server_facts(const struct ssl_st *ssl, struct tls_facts *out);
/* The name a client asked for, as it came (TLS-17); empty: none. Lives as long as the session. */
struct slice tls_server_name(const struct ssl_st *ssl);
/* The same of a finished handshake, with the client's certificate judged by a bundle (NULL: the system's) and names. */
void tls_server_judge(const struct ssl_st *ssl, const char *ca_file, const struct slice *names, size_t names_len,
                      struct tls_facts *out);

#endif
