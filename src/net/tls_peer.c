#include "net/tls_peer.h"

#include "base/memory.h"
#include "base/status.h"
#include "base/utf8.h"
#include "net/tls_setup.h"

#include <openssl/asn1.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>
#include <pthread.h>

/* What a chain of weaker keys proves is not trusted, however weak a handshake may be: so a policy in testing tells of
 * what it would refuse when enforced (threats.md section 4). */
enum { TRUSTED_LEVEL = 2 };

/* What X509_verify_cert() found; kept with the SSL since only the code outlives the handshake by itself. */
struct finding {
    int error, depth;
    char subject[80];
};

static int finding_index;

static void free_finding(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
    (void)parent, (void)ad, (void)idx, (void)argl, (void)argp;
    free(ptr);
}

static void make_index(void)
{
    finding_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, free_finding);
    tls_must(finding_index >= 0);
}

static int index_of_findings(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, make_index);
    return finding_index;
}

/* RFC 2253 text, cut and made printable: these are the peer's words (TLS-24). */
static void name_text(const X509_NAME *name, char *out, size_t size)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    long len;
    struct slice put;

    tls_must(bio != NULL);
    (void)X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB);
    len = BIO_get_mem_data(bio, &text);
    put = utf8_printable(slice_of(text, len > 0 ? (size_t)len : 0), out, size - 1);
    out[put.len] = '\0';
    BIO_free(bio);
}

static void note_finding(const X509_STORE_CTX *chain, struct finding *f)
{
    X509 *cert = X509_STORE_CTX_get_current_cert(chain);

    f->error = X509_STORE_CTX_get_error(chain);
    f->depth = X509_STORE_CTX_get_error_depth(chain);
    if (cert != NULL)
        name_text(X509_get_subject_name(cert), f->subject, sizeof f->subject);
}

int tls_peer_verify(X509_STORE_CTX *chain, void *unused)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct finding *f;

    (void)unused;
    X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(chain), TRUSTED_LEVEL);
    if (X509_verify_cert(chain) == 1)
        return 1;
    f = SSL_get_ex_data(ssl, index_of_findings());
    if (f == NULL) {
        f = NEW(struct finding);
        tls_must(SSL_set_ex_data(ssl, index_of_findings(), f));
    }
    note_finding(chain, f);
    return 1;
}

static enum cert_verdict verdict_of(long error)
{
    switch (error) {
    case X509_V_OK: return CERT_TRUSTED;
    case X509_V_ERR_CERT_HAS_EXPIRED: return CERT_EXPIRED;
    case X509_V_ERR_CERT_NOT_YET_VALID: return CERT_NOT_YET_VALID;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT: return CERT_SELF_SIGNED;
    default: return CERT_UNTRUSTED;
    }
}

static void verdict_facts(const SSL *ssl, long error, const struct finding *f, struct tls_facts *out)
{
    const char *text = X509_verify_cert_error_string(error);

    out->verdict = verdict_of(error);
    out->verdict_text[0] = '\0';
    if (out->verdict == CERT_TRUSTED)
        return;
    if (f == NULL || f->error != error) /* resumed: the code is remembered, the certificate is not */
        (void)snprintf(out->verdict_text, sizeof out->verdict_text, "%s", text);
    else if (f->depth == 0)
        (void)snprintf(out->verdict_text, sizeof out->verdict_text, "%s: the %s's own certificate '%s'", text,
                       SSL_is_server(ssl) ? "client" : "server", f->subject);
    else
        (void)snprintf(out->verdict_text, sizeof out->verdict_text, "%s: certificate %d of the chain, '%s'", text,
                       f->depth, f->subject);
}

void tls_peer_judge(const SSL *ssl, X509_STORE *store, struct tls_facts *out)
{
    X509 *leaf = SSL_get0_peer_certificate(ssl);
    X509_STORE_CTX *chain;
    struct finding found = { 0 };

    if (leaf == NULL)
        return;
    chain = X509_STORE_CTX_new();
    tls_must(chain != NULL && X509_STORE_CTX_init(chain, store, leaf, SSL_get_peer_cert_chain(ssl)) == 1);
    tls_must(X509_STORE_CTX_set_default(chain, SSL_is_server(ssl) ? "ssl_client" : "ssl_server"));
    X509_STORE_CTX_set_depth(chain, SSL_get_verify_depth(ssl));
    X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(chain), TRUSTED_LEVEL);
    if (X509_verify_cert(chain) != 1)
        note_finding(chain, &found);
    verdict_facts(ssl, found.error, &found, out);
    X509_STORE_CTX_free(chain);
}

int64_t tls_peer_time_s(const ASN1_TIME *t)
{
    static const int64_t day_s = 24 * 60 * 60;
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    int days = 0, secs = 0;

    tls_must(epoch != NULL);
    if (ASN1_TIME_diff(&days, &secs, epoch, t) != 1)
        days = secs = 0;
    ASN1_TIME_free(epoch);
    return days * day_s + secs;
}

static void certificate_facts(X509 *cert, struct tls_facts *out)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    name_text(X509_get_subject_name(cert), out->subject, sizeof out->subject);
    name_text(X509_get_issuer_name(cert), out->issuer, sizeof out->issuer);
    out->not_after_s = tls_peer_time_s(X509_get0_notAfter(cert));
    tls_must(X509_digest(cert, EVP_sha256(), digest, &len));
    for (unsigned i = 0; i < len; i++)
        (void)snprintf(out->fingerprint + 2 * (size_t)i, 3, "%02x", digest[i]);
}

static const struct {
    int openssl;
    enum tls_version ours;
} versions[] = {
    { TLS1_VERSION, TLS_VERSION_1_0 },
    { TLS1_1_VERSION, TLS_VERSION_1_1 },
    { TLS1_2_VERSION, TLS_VERSION_1_2 },
    { TLS1_3_VERSION, TLS_VERSION_1_3 },
};

static enum tls_version version_of(int openssl)
{
    for (size_t i = 0; i < COUNT_OF(versions); i++)
        if (versions[i].openssl == openssl)
            return versions[i].ours;
    return TLS_VERSION_NONE;
}

/* OpenSSL says "prime256v1" where everyone else says P-256. */
static const char *group_name(SSL *ssl)
{
    EVP_PKEY *key = NULL;
    const char *nist;
    int nid;

    if (SSL_get0_session(ssl) == NULL) /* the handshake broke early: OpenSSL looks there without asking */
        return "";
    nid = (int)SSL_get_negotiated_group(ssl);
    if ((nid == NID_undef || nid < 0) && SSL_get_peer_tmp_key(ssl, &key) == 1) {
        nid = EVP_PKEY_get_id(key);
        EVP_PKEY_free(key);
        if (nid == EVP_PKEY_EC || nid == EVP_PKEY_DH)
            return OBJ_nid2sn(nid);
    }
    if (nid == NID_undef || nid < 0)
        return "";
    nist = EC_curve_nid2nist(nid);
    return nist != NULL ? nist : OBJ_nid2sn(nid);
}

void tls_peer_session(const SSL *ssl, struct tls_facts *out)
{
    const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
    const char *group = group_name((SSL *)(uintptr_t)ssl); /* asks, though the type says otherwise */

    out->version = version_of(SSL_version(ssl));
    out->is_resumed = SSL_session_reused(ssl) == 1;
    if (cipher != NULL) {
        (void)snprintf(out->cipher, sizeof out->cipher, "%s", SSL_CIPHER_get_name(cipher));
        out->cipher_bits = SSL_CIPHER_get_bits(cipher, NULL);
    }
    (void)snprintf(out->group, sizeof out->group, "%s", group == NULL ? "" : group);
}

void tls_peer_facts(const SSL *ssl, struct tls_facts *out)
{
    X509 *cert = SSL_get0_peer_certificate(ssl);

    tls_peer_session(ssl, out);
    if (cert == NULL) {
        out->verdict = CERT_ABSENT;
        return;
    }
    certificate_facts(cert, out);
    verdict_facts(ssl, SSL_get_verify_result(ssl), SSL_get_ex_data(ssl, index_of_findings()), out);
}

static bool matches(X509 *cert, struct slice name, struct tls_facts *out)
{
    enum { FLAGS = X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT };
    char *found = NULL;
    struct slice put;
    bool is_match;

    if (name.len > 0 && name.ptr[name.len - 1] == '.')
        name.len--;
    /* OpenSSL takes a leading dot for "anything below" and no name for "whatever it is". */
    if (name.len == 0 || name.ptr[0] == '.' || slice_find(name, '\0') != SIZE_MAX)
        return false;
    is_match = X509_check_host(cert, name.ptr, name.len, FLAGS, &found) == 1;
    if (is_match) {
        put = utf8_printable(found == NULL ? name : slice_str(found), out->matched_name, sizeof out->matched_name - 1);
        out->matched_name[put.len] = '\0';
    }
    OPENSSL_free(found);
    return is_match;
}

void tls_peer_match(const SSL *ssl, const struct slice *names, size_t names_len, struct tls_facts *out)
{
    X509 *cert = SSL_get0_peer_certificate(ssl);

    out->name_matches = false;
    for (size_t i = 0; cert != NULL && i < names_len && !out->name_matches; i++)
        out->name_matches = matches(cert, names[i], out);
}
