/* net/tls_peer.h: what a handshake showed of the peer, written into policy/tls_facts.h. For both roles. */
#ifndef STERNPOST_NET_TLS_PEER_H
#define STERNPOST_NET_TLS_PEER_H

#include "policy/tls_facts.h"

#include <openssl/ssl.h>
#include <stdint.h>

/* For SSL_CTX_set_cert_verify_callback(): checks the chain and notes what is wrong with which certificate, but lets
 * the handshake go on: policy judges. */
int tls_peer_verify(X509_STORE_CTX *chain, void *unused);

/* Version, cipher, group and resumption alone. */
void tls_peer_session(const SSL *ssl, struct tls_facts *out);

/* The same, certificate and verdict; name_matches is left alone. */
void tls_peer_facts(const SSL *ssl, struct tls_facts *out);

/* Seconds since 1970; 0 for what is no time. */
int64_t tls_peer_time_s(const ASN1_TIME *t);

/* The verdict on the peer's chain anew, with another store than the handshake's; without a certificate it stays. */
void tls_peer_judge(const SSL *ssl, X509_STORE *store, struct tls_facts *out);

/* Whether a DNS name of the leaf is one of `names` (RFC 9525: no partial wildcards, no common name, one label for a
 * wildcard; TLS-25). A trailing dot of a name does not count. */
void tls_peer_match(const SSL *ssl, const struct slice *names, size_t names_len, struct tls_facts *out);

#endif
