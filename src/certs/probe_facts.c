#include "certs/probe_private.h"

#include "net/tls_peer.h"
#include "net/tls_setup.h"

#include <openssl/ssl.h>
#include <stdio.h>

static void key_exchange(SSL *ssl, struct probe_session *out)
{
    EVP_PKEY *key = NULL;
    char group[32] = "";
    const char *name = "", *nist;
    int kind;

    if (SSL_get_peer_tmp_key(ssl, &key) != 1) { /* the secret travelled under the certificate's key */
        X509 *leaf = SSL_get0_peer_certificate(ssl);

        if (out->version < TLS_VERSION_1_3 && leaf != NULL && X509_get0_pubkey(leaf) != NULL) {
            (void)snprintf(out->group, sizeof out->group, "RSA");
            out->group_bits = EVP_PKEY_get_bits(X509_get0_pubkey(leaf));
        }
        return;
    }
    kind = EVP_PKEY_get_id(key);
    if (kind == EVP_PKEY_EC && EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1) {
        nist = EC_curve_nid2nist(OBJ_sn2nid(group));
        name = nist != NULL ? nist : group;
    } else if (kind > 0) {
        name = OBJ_nid2sn(kind);
    }
    (void)snprintf(out->group, sizeof out->group, "%s", name == NULL ? "" : name);
    out->group_bits = EVP_PKEY_get_bits(key);
    EVP_PKEY_free(key);
}

static void signature(SSL *ssl, struct probe_session *out)
{
    int kind = NID_undef, digest = NID_undef;

    if (SSL_get_peer_signature_type_nid(ssl, &kind) != 1 || kind == NID_undef)
        return;
    if (SSL_get_peer_signature_nid(ssl, &digest) == 1 && digest != NID_undef)
        (void)snprintf(out->signature, sizeof out->signature, "%s %s", OBJ_nid2sn(kind), OBJ_nid2sn(digest));
    else
        (void)snprintf(out->signature, sizeof out->signature, "%s", OBJ_nid2sn(kind));
}

static void chosen_alpn(const SSL *ssl, struct probe_session *out)
{
    const unsigned char *name = NULL;
    unsigned len = 0;

    SSL_get0_alpn_selected(ssl, &name, &len);
    if (len > 0)
        (void)slice_to_cstr(slice_of((const char *)name, len), out->alpn, sizeof out->alpn);
}

static void staple(SSL *ssl, struct arena *arena, struct probe_session *out)
{
    const unsigned char *bytes = NULL;
    long len = SSL_get_tlsext_status_ocsp_resp(ssl, &bytes);

    if (len > 0 && bytes != NULL)
        out->staple = arena_copy(arena, slice_of((const char *)bytes, (size_t)len));
    out->is_stapled = out->staple.len > 0 ? PROBE_YES : PROBE_NO;
}

static void chain(const SSL *ssl, struct arena *arena, struct probe_result *out)
{
    STACK_OF(X509) *sent = SSL_get_peer_cert_chain(ssl);
    int len = sent == NULL ? 0 : sk_X509_num(sent);
    struct slice *all = ARENA_ARRAY(arena, struct slice, (size_t)len);

    for (int i = 0; i < len; i++) {
        unsigned char *der = NULL;
        int size = i2d_X509(sk_X509_value(sent, i), &der);

        tls_must(size > 0);
        all[i] = arena_copy(arena, slice_of((const char *)der, (size_t)size));
        OPENSSL_free(der);
    }
    out->chain = all;
    out->chain_len = (size_t)len;
}

void probe_facts(SSL *ssl, struct arena *arena, struct probe_result *out)
{
    struct probe_session *s = &out->session;
    struct tls_facts facts = { 0 };

    tls_peer_session(ssl, &facts);
    out->has_session = true;
    s->version = facts.version;
    s->cipher_bits = facts.cipher_bits;
    memcpy(s->cipher, facts.cipher, sizeof s->cipher);
    key_exchange(ssl, s);
    signature(ssl, s);
    chosen_alpn(ssl, s);
    if (SSL_get_tlsext_status_type(ssl) == TLSEXT_STATUSTYPE_ocsp)
        staple(ssl, arena, s);
    s->has_secure_renegotiation = s->version >= TLS_VERSION_1_3 || SSL_get_secure_renegotiation_support(ssl) == 1;
    s->has_extended_master_secret = s->version >= TLS_VERSION_1_3 || SSL_get_extms_support(ssl) == 1;
    chain(ssl, arena, out);
}
