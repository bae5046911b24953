#include "net/tls_profile.h"

#include "base/status.h"
#include "net/tls_setup.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

enum { CERT_CHAIN_MAX_BYTES = 100 * 1024, CHAIN_MAX_DEPTH = 10, DEMANDED_LEVEL = 2, DANE_LEVEL = 1 }; /* TLS-23 */

#define AEAD "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20"
#define NEVER ":!aNULL:!eNULL:!CAMELLIA:!ARIA:!PSK:!SRP:!DSS:!RC4:!3DES:!MD5:!AESCCM8"

/* As a server we have no DH parameters, so DHE is never chosen (it costs us more than the peer); as a client we take
 * it. At level 0 OpenSSL speaks TLS 1.0 and 1.1, whose signatures use SHA-1. */
static const struct {
    const char *name;
    int min_version, security_level;
    const char *ciphers; /* up to TLS 1.2 */
} profiles[] = {
    [TLS_PROFILE_MODERN] = { "modern", TLS1_3_VERSION, 2, "ECDHE+AESGCM:ECDHE+CHACHA20" NEVER },
    [TLS_PROFILE_INTERMEDIATE] = { "intermediate", TLS1_2_VERSION, 1, AEAD ":ECDHE+AES:DHE+AES:kRSA+AES" NEVER },
    [TLS_PROFILE_LEGACY] = { "legacy", TLS1_VERSION, 0, AEAD ":ECDHE+AES:DHE+AES:kRSA+AES" NEVER },
};

static const char suites_13[] = "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256";
static const char groups_pq[] = "X25519MLKEM768:X25519:P-256:P-384"; /* known from OpenSSL 3.5 on */
static const char groups[] = "X25519:P-256:P-384";

bool tls_profile_parse(struct slice s, enum tls_profile *out)
{
    for (size_t i = 0; i < COUNT_OF(profiles); i++) {
        if (slice_eq(s, slice_str(profiles[i].name))) {
            *out = (enum tls_profile)i;
            return true;
        }
    }
    return false;
}

const char *tls_profile_name(enum tls_profile p)
{
    return profiles[p].name;
}

void tls_profile_apply(SSL_CTX *ctx, enum tls_profile profile, bool is_demanding)
{
    int min_version = profiles[profile].min_version, level = profiles[profile].security_level;

    if (is_demanding && min_version < TLS1_2_VERSION)
        min_version = TLS1_2_VERSION;
    if (is_demanding && level < DEMANDED_LEVEL)
        level = DEMANDED_LEVEL;
    SSL_CTX_set_security_level(ctx, level);
    tls_must(SSL_CTX_set_min_proto_version(ctx, min_version));
    tls_must(SSL_CTX_set_cipher_list(ctx, profiles[profile].ciphers));
    tls_must(SSL_CTX_set_ciphersuites(ctx, suites_13));
    if (SSL_CTX_set1_groups_list(ctx, groups_pq) != 1)
        tls_must(SSL_CTX_set1_groups_list(ctx, groups));
    ERR_clear_error();

    SSL_CTX_clear_options(ctx, SSL_OP_LEGACY_SERVER_CONNECT);
    SSL_CTX_set_options(ctx, SSL_OP_NO_SSLv3 | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | (is_demanding ? 0 : SSL_OP_LEGACY_SERVER_CONNECT));
    /* 14 KiB for an idle session instead of 23; and one read for a record's header and body together. */
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_read_ahead(ctx, 1);
    tls_must(SSL_CTX_set_max_early_data(ctx, 0)); /* TLS-20 */
    SSL_CTX_set_max_cert_list(ctx, CERT_CHAIN_MAX_BYTES);
    SSL_CTX_set_verify_depth(ctx, CHAIN_MAX_DEPTH);
}

void tls_profile_for_dane(SSL_CTX *ctx)
{
    SSL_CTX_set_security_level(ctx, DANE_LEVEL);
    if (SSL_CTX_get_min_proto_version(ctx) < TLS1_2_VERSION)
        tls_must(SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION));
}
