#include "mail/dkim_key.h"

#include <assert.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

enum { RSA_BITS_NEW = 2048, ED25519_BYTES = 32, DER_MAX = 1024 };

/* No terminal is asked: a key with a passphrase is one we cannot read. */
static int no_passphrase(char *out, int size, int is_writing, void *user)
{
    (void)out, (void)size, (void)is_writing, (void)user;
    return -1;
}

static EVP_PKEY *read_key(struct slice pem)
{
    BIO *in = pem.len > MAIL_DKIM_PEM_MAX ? NULL : BIO_new_mem_buf(pem.ptr, (int)pem.len);
    EVP_PKEY *key = in == NULL ? NULL : PEM_read_bio_PrivateKey(in, NULL, no_passphrase, NULL);

    BIO_free(in);
    return key;
}

static enum status judge_key(const EVP_PKEY *key, enum mail_dkim_algorithm *out, struct fault *why)
{
    int bits = EVP_PKEY_get_bits(key);

    if (EVP_PKEY_is_a(key, "ED25519")) {
        *out = MAIL_DKIM_ED25519_SHA256;
        return OK;
    }
    if (!EVP_PKEY_is_a(key, "RSA"))
        return fault_set(why, ERR_PERMANENT, "a DKIM key is RSA or ed25519; this one is neither");
    if (bits < MAIL_DKIM_RSA_BITS_MIN || bits > MAIL_DKIM_RSA_BITS_MAX)
        return fault_set(why, ERR_PERMANENT, "the RSA key has %d bits; DKIM takes %d to %d, and 2048 is right", bits,
                         MAIL_DKIM_RSA_BITS_MIN, MAIL_DKIM_RSA_BITS_MAX);
    *out = MAIL_DKIM_RSA_SHA256;
    return OK;
}

EVP_PKEY *dkim_key_load(struct slice pem, enum mail_dkim_algorithm *algorithm, enum status *st, struct fault *why)
{
    EVP_PKEY *key = read_key(pem);

    *st = key == NULL ? fault_set(why, ERR_SYNTAX, "the DKIM key is no private key in PEM without a passphrase")
                      : judge_key(key, algorithm, why);
    if (*st == OK)
        return key;
    EVP_PKEY_free(key);
    return NULL;
}

enum status mail_dkim_key_check(struct slice pem, enum mail_dkim_algorithm *out, struct fault *why)
{
    enum status st;

    EVP_PKEY_free(dkim_key_load(pem, out, &st, why));
    return st;
}

enum status mail_dkim_key_generate(enum mail_dkim_algorithm algorithm, struct buf *pem)
{
    bool is_rsa = algorithm == MAIL_DKIM_RSA_SHA256;
    EVP_PKEY *key =
        is_rsa ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)RSA_BITS_NEW) : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    BIO *mem = BIO_new(BIO_s_secmem());
    char *text;
    long len;
    enum status st;

    /* Only without memory or randomness: neither is to be survived. */
    if (key == NULL || mem == NULL || PEM_write_bio_PKCS8PrivateKey(mem, key, NULL, NULL, 0, NULL, NULL) != 1)
        abort();
    len = BIO_get_mem_data(mem, &text);
    st = buf_add(pem, slice_of(text, (size_t)len));
    OPENSSL_cleanse(text, (size_t)len);
    BIO_free(mem);
    EVP_PKEY_free(key);
    return st;
}

/* What stands in p=: RFC 6376 section 3.6.1 for RSA, RFC 8463 section 4 for ed25519. Returns its length. */
static size_t public_bytes(EVP_PKEY *key, enum mail_dkim_algorithm algorithm, unsigned char out[static DER_MAX])
{
    size_t len = DER_MAX;

    if (algorithm == MAIL_DKIM_ED25519_SHA256) {
        len = EVP_PKEY_get_raw_public_key(key, out, &len) == 1 ? len : 0;
    } else {
        int der_len = i2d_PUBKEY(key, NULL);

        len = der_len > 0 && der_len <= DER_MAX ? (size_t)i2d_PUBKEY(key, &out) : 0;
    }
    assert(len >= ED25519_BYTES);
    return len;
}

enum status mail_dkim_key_record(struct slice pem, struct buf *out, struct fault *why)
{
    enum mail_dkim_algorithm algorithm;
    unsigned char bytes[DER_MAX], text[DER_MAX * 4 / 3 + 8];
    enum status st;
    EVP_PKEY *key = dkim_key_load(pem, &algorithm, &st, why);

    if (key == NULL)
        return st;
    (void)EVP_EncodeBlock(text, bytes, (int)public_bytes(key, algorithm, bytes));
    EVP_PKEY_free(key);
    st = buf_addf(out, "v=DKIM1; k=%s; s=email:tlsrpt; p=%s", algorithm == MAIL_DKIM_RSA_SHA256 ? "rsa" : "ed25519",
                  (const char *)text);
    return st == OK ? OK : fault_set(why, st, "the DKIM record does not fit");
}
