/* net/tls_profile.h: which versions and algorithms a context offers, by name. The table is in tls_profile.c. */
#ifndef STERNPOST_NET_TLS_PROFILE_H
#define STERNPOST_NET_TLS_PROFILE_H

#include "base/slice.h"

struct ssl_ctx_st;

/* modern: TLS 1.3 only. intermediate: TLS 1.2 and up. legacy: TLS 1.0 and up, for peers that have nothing better
 * (RFC 8996 forbids 1.0 and 1.1; RFC 9325 lets opportunistic use go there only against clear text).
 * SSLv3, RC4 and anonymous suites never. */
enum tls_profile { TLS_PROFILE_MODERN, TLS_PROFILE_INTERMEDIATE, TLS_PROFILE_LEGACY };

bool tls_profile_parse(struct slice s, enum tls_profile *out); /* "modern"; false on anything else */
const char *tls_profile_name(enum tls_profile p);

/* Sets everything that is alike in all our contexts. `is_demanding` is for required TLS: security level 2 (RSA and
 * DH of 2048 bits and more), and no peers without RFC 5746; it lifts a lower profile. */
void tls_profile_apply(struct ssl_ctx_st *ctx, enum tls_profile profile, bool is_demanding);
/* After it, where TLSA records authenticate the server: TLS 1.2 and up, security level 1 whatever the profile, for a key
 * that DNSSEC vouches for may be short (DANE-12). */
void tls_profile_for_dane(struct ssl_ctx_st *ctx);

#endif
