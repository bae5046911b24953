#include "net/tls_dane.h"

#include "net/tls_setup.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>

enum { CHAIN_MAX_DEPTH = 10, SECURITY_LEVEL = 1, NAME_SIZE = 256 }; /* DANE-12 */

/* The library keeps TLSA records in an SSL only: one that never connects carries them to the verification. */
static SSL_CTX *carriers;

static void make_carriers(void)
{
    tls_setup();
    carriers = SSL_CTX_new(TLS_client_method());
    tls_must(carriers != NULL);
    tls_must(SSL_CTX_dane_enable(carriers));
    (void)SSL_CTX_dane_set_flags(carriers, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
}

/* NULL: the name cannot be one. */
static SSL *new_carrier(struct slice base_domain)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    char name[NAME_SIZE];
    SSL *ssl;

    (void)pthread_once(&once, make_carriers);
    if (base_domain.len == 0 || !slice_to_cstr(base_domain, name, sizeof name))
        return NULL;
    ssl = SSL_new(carriers);
    tls_must(ssl != NULL);
    if (SSL_dane_enable(ssl, name) == 1)
        return ssl;
    SSL_free(ssl);
    return NULL;
}

/* 1: taken; 0: it cannot be used; below: an error of the library. */
static int add(SSL *carrier, const struct tlsa_record *r)
{
    int rc =
        SSL_dane_tlsa_add(carrier, r->usage, r->selector, r->type, (const unsigned char *)r->data.ptr, r->data.len);

    ERR_clear_error();
    return rc;
}

bool tls_dane_takes(const struct tlsa_record *r)
{
    SSL *carrier = new_carrier(SLICE_LIT("any.invalid"));
    bool takes = carrier != NULL && add(carrier, r) != 0;

    SSL_free(carrier);
    return takes;
}

struct words { /* for people */
    char *text;
    size_t size;
};

static enum dane_verdict say(const struct words *w, enum dane_verdict verdict, const char *fmt, ...) PRINTF_LIKE(3, 4);

static enum dane_verdict say(const struct words *w, enum dane_verdict verdict, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(w->text, w->size, fmt, ap);
    va_end(ap);
    return verdict;
}

static bool add_name(X509_VERIFY_PARAM *param, struct slice name)
{
    if (name.len > 0 && name.ptr[name.len - 1] == '.')
        name.len--;
    /* The library takes a leading dot for "anything below" and no name for "whatever it is". */
    if (name.len == 0 || name.ptr[0] == '.' || slice_find(name, '\0') != SIZE_MAX)
        return false;
    tls_must(X509_VERIFY_PARAM_add1_host(param, name.ptr, name.len));
    return true;
}

/* Section 3.2.2: any of the names will do, a wildcard stands for one whole label, and the common name counts when
 * there is no DNS name at all. */
static X509_STORE_CTX *new_verification(X509_STORE *nothing, const struct tlsa_set *set,
                                        const struct tls_dane_names *further, STACK_OF(X509) * sent)
{
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    X509_VERIFY_PARAM *param;

    tls_must(ctx != NULL);
    tls_must(X509_STORE_CTX_init(ctx, nothing, sk_X509_value(sent, 0), sent));
    tls_must(X509_STORE_CTX_set_default(ctx, "ssl_server"));
    param = X509_STORE_CTX_get0_param(ctx);
    X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
    X509_VERIFY_PARAM_set_depth(param, CHAIN_MAX_DEPTH);
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    (void)add_name(param, set->base_domain);
    for (size_t i = 0; i < further->names_len; i++)
        (void)add_name(param, further->names[i]);
    return ctx;
}

static enum dane_verdict say_match(SSL *carrier, const struct words *w)
{
    struct arena arena = { 0 };
    struct tlsa_record r = { 0 };
    const unsigned char *data = NULL;
    size_t len = 0;
    struct slice text;

    if (SSL_get0_dane_tlsa(carrier, &r.usage, &r.selector, &r.type, &data, &len) < 0 || data == NULL)
        return say(w, DANE_ERROR, "the TLS library does not say which TLSA record matched");
    r.data = slice_of((const char *)data, len);
    text = tlsa_text(&r, &arena);
    (void)say(w, DANE_MATCHED, "%.*s", SLICE_FMT(text));
    arena_release(&arena);
    return DANE_MATCHED;
}

static const struct {
    int error;
    enum dane_verdict verdict;
} verdicts[] = {
    { X509_V_ERR_DANE_NO_MATCH, DANE_MISMATCH },
    { X509_V_ERR_CERT_HAS_EXPIRED, DANE_EXPIRED },
    { X509_V_ERR_HOSTNAME_MISMATCH, DANE_HOST_MISMATCH },
    { X509_V_ERR_UNSPECIFIED, DANE_ERROR },
    { X509_V_ERR_OUT_OF_MEM, DANE_ERROR },
    { X509_V_ERR_INVALID_CALL, DANE_ERROR },
    { X509_V_ERR_STORE_LOOKUP, DANE_ERROR },
};

static enum dane_verdict verdict_of(int error)
{
    for (size_t i = 0; i < COUNT_OF(verdicts); i++)
        if (verdicts[i].error == error)
            return verdicts[i].verdict;
    return DANE_INVALID;
}

struct slice tls_dane_record(const X509 *certificate, struct arena *arena)
{
    unsigned char digest[EVP_MAX_MD_SIZE], *key = NULL;
    unsigned digest_len = 0;
    struct tlsa_record r = { .usage = 3, .selector = 1, .type = 1 };
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &key);

    tls_must(len > 0 && EVP_Digest(key, (size_t)len, digest, &digest_len, EVP_sha256(), NULL));
    OPENSSL_free(key);
    r.data = slice_of((const char *)digest, digest_len);
    return tlsa_text(&r, arena);
}

/* The record that would do is what the owner of the server needs to know. */
static enum dane_verdict say_mismatch(const X509 *leaf, size_t records, const struct words *w)
{
    struct arena arena = { 0 };

    (void)say(w, DANE_MISMATCH, "%zu can be used, and the key that the server showed would be '%.*s'", records,
              SLICE_FMT(tls_dane_record(leaf, &arena)));
    arena_release(&arena);
    return DANE_MISMATCH;
}

static enum dane_verdict say_failure(const X509_STORE_CTX *ctx, size_t records, const struct words *w)
{
    int error = X509_STORE_CTX_get_error(ctx), depth = X509_STORE_CTX_get_error_depth(ctx);
    const char *reason = X509_verify_cert_error_string(error);
    enum dane_verdict verdict = verdict_of(error);

    if (verdict == DANE_MISMATCH)
        return say_mismatch(X509_STORE_CTX_get0_cert(ctx), records, w);
    if (depth == 0)
        return say(w, verdict, "%s: the server's own certificate", reason);
    return say(w, verdict, "%s: certificate %d of the chain", reason, depth);
}

static enum dane_verdict verify(SSL *carrier, const struct tlsa_set *set, const struct tls_dane_names *further,
                                STACK_OF(X509) * sent, const struct words *w)
{
    X509_STORE *nothing = X509_STORE_new(); /* no authority but the records' own */
    X509_STORE_CTX *ctx;
    enum dane_verdict verdict;
    int rc;

    tls_must(nothing != NULL);
    ctx = new_verification(nothing, set, further, sent);
    X509_STORE_CTX_set0_dane(ctx, SSL_get0_dane(carrier));
    rc = X509_verify_cert(ctx);
    if (rc == 1)
        verdict = say_match(carrier, w);
    else if (rc == 0)
        verdict = say_failure(ctx, set->records_len, w);
    else
        verdict = say(w, DANE_ERROR, "the TLS library could not check the TLSA records: %s",
                      X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
    ERR_clear_error();
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(nothing);
    return verdict;
}

enum dane_verdict tls_dane_judge(const struct tlsa_set *set, const struct tls_dane_names *further,
                                 STACK_OF(X509) * sent, char *text, size_t size)
{
    const struct words w = { text, size };
    SSL *carrier = new_carrier(set->base_domain);
    bool has_failed = carrier == NULL;
    enum dane_verdict verdict;
    size_t taken = 0;

    for (size_t i = 0; i < set->records_len && !has_failed; i++) {
        int rc = add(carrier, &set->records[i]);

        has_failed = rc < 0;
        taken += rc == 1;
    }
    if (has_failed || taken == 0)
        verdict = say(&w, DANE_ERROR, "the TLS library does not take the TLSA records of '%.*s'",
                      SLICE_FMT(set->base_domain));
    else if (sent == NULL || sk_X509_num(sent) == 0)
        verdict = say(&w, DANE_MISMATCH, "the server showed no certificate");
    else
        verdict = verify(carrier, set, further, sent, &w);
    SSL_free(carrier);
    return verdict;
}
