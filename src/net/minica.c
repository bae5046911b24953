#include "net/minica.h"

#include "base/memory.h"
#include "net/tls_setup.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <unistd.h>

enum { DAY_S = 24 * 60 * 60, ROOT_DAYS = 3650, LEAF_DAYS = 30 };

struct minica {
    const struct minica *parent;
    X509 *root; /* its certificate, though it may stand under another */
    EVP_PKEY *key;
};

static EVP_PKEY *make_key(enum minica_key kind)
{
    EVP_PKEY *key = NULL;

    switch (kind) {
    case MINICA_P256: key = EVP_EC_gen("P-256"); break;
    case MINICA_RSA_2048: key = EVP_RSA_gen(2048); break;
    case MINICA_RSA_1024: key = EVP_RSA_gen(1024); break;
    }
    tls_must(key != NULL);
    return key;
}

static void set_serial(X509 *cert)
{
    uint64_t serial;

    tls_must(RAND_bytes((unsigned char *)&serial, sizeof serial));
    tls_must(ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), serial >> 1 | 1));
}

static X509_NAME *make_name(const char *common)
{
    X509_NAME *name = X509_NAME_new();

    tls_must(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)common, -1, -1, 0));
    return name;
}

static X509 *make_certificate(const char *common, EVP_PKEY *key, int64_t from_s, int64_t for_s)
{
    X509 *cert = X509_new();
    X509_NAME *name = make_name(common);

    tls_must(X509_set_version(cert, X509_VERSION_3));
    set_serial(cert);
    tls_must(X509_set_subject_name(cert, name));
    X509_NAME_free(name);
    tls_must(X509_gmtime_adj(X509_getm_notBefore(cert), from_s) != NULL);
    tls_must(X509_gmtime_adj(X509_getm_notAfter(cert), from_s + for_s) != NULL);
    tls_must(X509_set_pubkey(cert, key));
    return cert;
}

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *ext;

    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    tls_must(ext != NULL);
    tls_must(X509_add_ext(cert, ext, -1));
    X509_EXTENSION_free(ext);
}

static void add_names(X509 *cert, const struct minica_leaf *leaf)
{
    GENERAL_NAMES *all = GENERAL_NAMES_new();

    for (size_t i = 0; i < leaf->names_len; i++) {
        GENERAL_NAME *n = GENERAL_NAME_new();
        ASN1_IA5STRING *text = ASN1_IA5STRING_new();

        tls_must(ASN1_STRING_set(text, leaf->names[i], -1));
        GENERAL_NAME_set0_value(n, GEN_DNS, text);
        tls_must(sk_GENERAL_NAME_push(all, n) > 0);
    }
    tls_must(X509_add1_ext_i2d(cert, NID_subject_alt_name, all, 0, 0));
    GENERAL_NAMES_free(all);
}

static void sign(X509 *cert, const X509 *issuer, EVP_PKEY *key, const EVP_MD *digest)
{
    tls_must(X509_set_issuer_name(cert, X509_get_subject_name(issuer)));
    tls_must(X509_sign(cert, key, digest) > 0);
}

struct minica *minica_new_authority(const struct minica_authority *how)
{
    struct minica *ca = NEW(struct minica);
    bool is_usual = how->valid_for_s == 0;

    tls_setup();
    ca->parent = how->parent;
    ca->key = make_key(how->key);
    ca->root = make_certificate(how->name, ca->key, is_usual ? -(int64_t)DAY_S : how->valid_from_s,
                                is_usual ? (int64_t)ROOT_DAYS * DAY_S : how->valid_for_s);
    add_extension(ca->root, ca->root, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(ca->root, ca->root, NID_key_usage, "critical,keyCertSign,cRLSign");
    add_extension(ca->root, ca->root, NID_subject_key_identifier, "hash");
    if (how->parent != NULL)
        sign(ca->root, how->parent->root, how->parent->key, EVP_sha256());
    else
        sign(ca->root, ca->root, ca->key, EVP_sha256());
    return ca;
}

struct minica *minica_new(const char *name)
{
    return minica_new_authority(&(struct minica_authority){ .name = name });
}

void minica_free(struct minica *ca)
{
    if (ca == NULL)
        return;
    X509_free(ca->root);
    EVP_PKEY_free(ca->key);
    free(ca);
}

/* Beside its place first, then renamed over it, so that no reader sees half a file. */
static enum status write_file(BIO *pem, const char *path, struct fault *why)
{
    char *beside = NULL, *bytes = NULL;
    long len = BIO_get_mem_data(pem, &bytes);
    enum status st = OK;
    int fd;

    tls_must(asprintf(&beside, "%s.new", path) > 0);
    (void)unlink(beside);
    fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        st = fault_errno(why, "cannot create '%s'", beside);
        goto out;
    }
    if (write(fd, bytes, (size_t)len) != len || rename(beside, path) != 0) {
        st = fault_errno(why, "cannot write '%s'", path);
        (void)unlink(beside);
    }
    close(fd);
out:
    free(beside);
    BIO_free(pem);
    return st;
}

static BIO *new_pem(void)
{
    BIO *pem = BIO_new(BIO_s_mem());

    tls_must(pem != NULL);
    return pem;
}

enum status minica_write_root(const struct minica *ca, const char *path, struct fault *why)
{
    BIO *pem = new_pem();

    tls_must(PEM_write_bio_X509(pem, ca->root));
    return write_file(pem, path, why);
}

static enum status write_pair(const struct minica *above, X509 *cert, EVP_PKEY *key, const char *chain_file,
                              const char *key_file, struct fault *why)
{
    BIO *chain = new_pem(), *secret = new_pem();
    enum status st;

    tls_must(PEM_write_bio_X509(chain, cert));
    for (; above != NULL; above = above->parent)
        tls_must(PEM_write_bio_X509(chain, above->root));
    tls_must(PEM_write_bio_PrivateKey(secret, key, NULL, NULL, 0, NULL, NULL));
    st = write_file(secret, key_file, why);
    if (st != OK) {
        BIO_free(chain);
        return st;
    }
    return write_file(chain, chain_file, why);
}

static const char *common_name(const struct minica_leaf *leaf)
{
    if (leaf->common != NULL)
        return leaf->common;
    return leaf->names_len > 0 ? leaf->names[0] : "no name";
}

static void add_issuer_url(X509 *cert, X509 *issuer, const char *url)
{
    char value[256];

    (void)snprintf(value, sizeof value, "caIssuers;URI:%s", url);
    add_extension(cert, issuer, NID_info_access, value);
}

enum status minica_issue(const struct minica *ca, const struct minica_leaf *leaf, const char *chain_file,
                         const char *key_file, struct fault *why)
{
    int64_t for_s = leaf->valid_for_s != 0 ? leaf->valid_for_s : (int64_t)LEAF_DAYS * DAY_S;
    EVP_PKEY *key;
    X509 *cert, *issuer;
    enum status st;

    tls_setup();
    key = make_key(leaf->key);
    cert = make_certificate(common_name(leaf), key, leaf->valid_from_s, for_s);
    issuer = ca != NULL ? ca->root : cert;
    add_extension(cert, issuer, NID_basic_constraints, "critical,CA:FALSE");
    add_extension(cert, issuer, NID_ext_key_usage, leaf->for_clients ? "clientAuth" : "serverAuth");
    if (leaf->names_len > 0 && !leaf->has_common_name_only)
        add_names(cert, leaf);
    if (leaf->issuer_url != NULL)
        add_issuer_url(cert, issuer, leaf->issuer_url);
    sign(cert, issuer, ca != NULL ? ca->key : key, leaf->is_sha1 ? EVP_sha1() : EVP_sha256());
    st = write_pair(leaf->is_alone ? NULL : ca, cert, key, chain_file, key_file, why);
    X509_free(cert);
    EVP_PKEY_free(key);
    return st;
}
