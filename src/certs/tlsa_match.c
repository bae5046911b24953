#include "certs/tlsa_match.h"

#include "net/tls_setup.h"

#include <openssl/evp.h>

enum { USAGE_TA = 2, USAGE_EE = 3, SELECTOR_CERT = 0, SELECTOR_SPKI = 1, TYPE_FULL = 0, TYPE_256 = 1, TYPE_512 = 2 };
enum { HEAD = 3, DIGEST_MOST = 64 };

bool tlsa_read(struct slice rdata, struct tlsa_record *out)
{
    if (rdata.len < HEAD)
        return false;
    *out = (struct tlsa_record){
        .usage = (uint8_t)rdata.ptr[0],
        .selector = (uint8_t)rdata.ptr[1],
        .type = (uint8_t)rdata.ptr[2],
        .data = slice_from(rdata, HEAD),
    };
    return true;
}

/* The certificate or its key in DER, to be freed with OPENSSL_free(); NULL for a selector that nobody knows. */
static unsigned char *der_of(const X509 *cert, uint8_t selector, size_t *len)
{
    unsigned char *der = NULL;
    int n = -1;

    if (selector == SELECTOR_CERT)
        n = i2d_X509(cert, &der);
    else if (selector == SELECTOR_SPKI)
        n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
    *len = n < 0 ? 0 : (size_t)n;
    return n < 0 ? NULL : der;
}

static bool cert_matches(const struct tlsa_record *r, const X509 *cert)
{
    const EVP_MD *md = r->type == TYPE_256 ? EVP_sha256() : r->type == TYPE_512 ? EVP_sha512() : NULL;
    unsigned char digest[DIGEST_MOST];
    unsigned digest_len = 0;
    size_t len;
    unsigned char *der = der_of(cert, r->selector, &len);
    bool is = false;

    if (der == NULL)
        return false;
    if (r->type == TYPE_FULL)
        is = slice_eq(r->data, slice_of((const char *)der, len));
    else if (md != NULL && EVP_Digest(der, len, digest, &digest_len, md, NULL) == 1)
        is = slice_eq(r->data, slice_of((const char *)digest, digest_len));
    OPENSSL_free(der);
    return is;
}

bool tlsa_matches(const struct tlsa_record *r, const struct tls_certificate *c)
{
    if (r->usage == USAGE_EE)
        return cert_matches(r, c->leaf);
    for (int i = 0; r->usage == USAGE_TA && i < sk_X509_num(c->chain); i++) {
        if (cert_matches(r, sk_X509_value(c->chain, i)))
            return true;
    }
    return false;
}

struct slice tlsa_rdata_for(const struct tls_certificate *c, struct arena *arena)
{
    unsigned char rdata[HEAD + DIGEST_MOST] = { USAGE_EE, SELECTOR_SPKI, TYPE_256 };
    unsigned digest_len = 0;
    size_t len;
    unsigned char *der = der_of(c->leaf, SELECTOR_SPKI, &len);

    tls_must(der != NULL && EVP_Digest(der, len, rdata + HEAD, &digest_len, EVP_sha256(), NULL) == 1);
    OPENSSL_free(der);
    return arena_copy(arena, slice_of((const char *)rdata, HEAD + digest_len));
}

struct slice tlsa_for(const struct tls_certificate *c, struct arena *arena)
{
    struct tlsa_record r;

    tls_must(tlsa_read(tlsa_rdata_for(c, arena), &r));
    return tlsa_text(&r, arena);
}
