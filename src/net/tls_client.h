/* net/tls_client.h: TLS as a client: trust stores, versions, name checks, resumption. One for each worker. */
#ifndef STERNPOST_NET_TLS_CLIENT_H
#define STERNPOST_NET_TLS_CLIENT_H

#include "base/slice.h"
#include "base/status.h"
#include "net/tls_profile.h"
#include "policy/tls_facts.h"
#include "policy/tlsa.h"

struct tls_client; /* contexts by profile and trust bundle, made when first asked for, and the session cache */

struct tls_client *tls_client_new(void);
void tls_client_free(struct tls_client *t); /* after its last stream was closed */

/* Whom we expect. The handshake itself never fails for a certificate: facts are gathered against this target
 * and judged by policy (decision_check) before anything is said inside. */
struct tls_target {
    struct slice        sni;         /* host name to send; empty: none (an IP address) */
    const struct slice *names;       /* reference identifiers; a wildcard in the certificate matches one left-most label */
    size_t              names_len;
    const char         *ca_file;     /* NULL: the system's trust store */
    enum tls_profile    profile;
    bool                is_demanding; /* security level 2 and no legacy renegotiation: for required TLS */
    /* DANE (RFC 7672): NULL, or records of state DANE_USABLE; copied. The facts then tell how they were met, besides the
     * verdict on issuer and name, and neither mends the other (DANE-10). A resumed session shows no chain: that of its
     * first handshake is held against these records anew. Implies TLS 1.2 and security level 1 (DANE-12); its base domain
     * is sent whatever sni says (DANE-11). */
    const struct tlsa_set *tlsa;
    const struct slice *dane_names; /* further names for usage 2, beside the base domain: the domain itself, and what its
                                     * CNAME leads to, where its MX records are secure (section 3.2.2) */
    size_t              dane_names_len;
    struct slice        session_key; /* resumption only between equal keys: server, port and demand; empty: none */
};

/* Checks that a bundle can be loaded (settings validation); NULL: the system's. */
MUST_USE enum status tls_client_check_bundle(const char *ca_file, struct fault *why);

/* For net/stream.h: a session ready to say hello, owned by the caller; copies the target. To be told when the handshake
 * is done. And what became of it: tls_client_facts() judges it against that target. */
struct ssl_st *tls_client_open(struct tls_client *t, const struct tls_target *target);
void tls_client_shaken(struct ssl_st *ssl);
void tls_client_facts(const struct ssl_st *ssl, struct tls_facts *out);

#endif
