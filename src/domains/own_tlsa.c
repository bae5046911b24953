#include "domains/own_tlsa.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

enum { USAGE_EE = 3, SELECTOR_SPKI = 1, TYPE_SHA256 = 1, DIGEST_LEN = 32, RDATA_LEN = 3 + DIGEST_LEN };

static X509 *leaf_of(const char *chain_file)
{
    FILE *f = fopen(chain_file, "re");
    X509 *leaf = f == NULL ? NULL : PEM_read_X509(f, NULL, NULL, NULL);

    if (f != NULL)
        (void)fclose(f);
    ERR_clear_error();
    return leaf;
}

static bool digest_key(const X509 *leaf, unsigned char out[static DIGEST_LEN])
{
    unsigned char *spki = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &spki);
    bool is_done = len > 0 && EVP_Digest(spki, (size_t)len, out, NULL, EVP_sha256(), NULL) == 1;

    OPENSSL_free(spki);
    return is_done;
}

static size_t add(const char *chain_file, struct slice host, struct arena *arena, struct slice *out, size_t len)
{
    char rdata[RDATA_LEN] = { USAGE_EE, SELECTOR_SPKI, TYPE_SHA256 };
    X509 *leaf = leaf_of(chain_file);
    bool is_ours = leaf != NULL && X509_check_host(leaf, host.ptr, host.len, 0, NULL) == 1 &&
                   digest_key(leaf, (unsigned char *)rdata + 3);

    X509_free(leaf);
    for (size_t i = 0; i < len && is_ours; i++)
        is_ours = !slice_eq(out[i], slice_of(rdata, sizeof rdata));
    if (!is_ours || len == OWN_TLSA_MOST)
        return len;
    out[len] = arena_copy(arena, slice_of(rdata, sizeof rdata));
    return len + 1;
}

size_t own_tlsa_list(const struct config *config, struct slice host, struct arena *arena,
                     struct slice out[static OWN_TLSA_MOST])
{
    size_t len = 0;

    for (size_t i = 0; i < config->listeners_len; i++) {
        const struct config_listener *l = &config->listeners[i];

        if (l->role != ROLE_MX || l->tls == LISTENER_CLEAR)
            continue;
        for (size_t k = 0; k < l->tls_config.certificates_len; k++)
            len = add(l->tls_config.certificates[k].chain_file, host, arena, out, len);
    }
    return len;
}
