#include "certs/set_check.h"

#include "base/clock.h"
#include "base/utf8.h"
#include "net/tls_setup.h"
#include "net/tls_trust.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <time.h>

enum { STRENGTH_BITS = 112, SIGNATURE_BITS = 100, NAME_TEXT = 120, DAY_TEXT = 10 };

/* -- one sentence of all faults ------------------------------------------------------------------------------ */

struct faults {
    struct fault *why;
    size_t len;
};

static void find(struct faults *f, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void find(struct faults *f, const char *fmt, ...)
{
    size_t room = sizeof f->why->text - f->len;
    va_list ap;
    int n;

    if (f->len > 0 && room > 2) {
        memcpy(f->why->text + f->len, "; ", 3);
        f->len += 2;
        room -= 2;
    }
    va_start(ap, fmt);
    n = vsnprintf(f->why->text + f->len, room, fmt, ap);
    va_end(ap);
    f->len += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
}

/* -- what a certificate says ---------------------------------------------------------------------------------- */

static int64_t wall_of(const ASN1_TIME *t)
{
    struct tm tm;

    return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

int64_t certificate_not_before_s(const X509 *cert)
{
    return wall_of(X509_get0_notBefore(cert));
}

int64_t certificate_not_after_s(const X509 *cert)
{
    return wall_of(X509_get0_notAfter(cert));
}

bool set_covers(const struct tls_certificate *c, struct slice name)
{
    struct slice parent;

    (void)slice_cut(name, '.', &parent);
    for (size_t i = 0; i < c->names_len; i++) {
        struct slice n = c->names[i];

        if (slice_eq(n, name))
            return true;
        if (parent.len > 0 && slice_starts(n, SLICE_LIT("*.")) && slice_eq(slice_from(n, 2), parent))
            return true;
    }
    return false;
}

/* A subject or issuer, printable. */
static const char *name_text(const X509_NAME *name, char out[static NAME_TEXT])
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    long len;
    struct slice put;

    tls_must(bio != NULL);
    (void)X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
    len = BIO_get_mem_data(bio, &text);
    put = utf8_printable(slice_of(text, (size_t)len), out, NAME_TEXT - 1);
    out[put.len] = '\0';
    BIO_free(bio);
    return out;
}

/* -- the faults ----------------------------------------------------------------------------------------------- */

static const X509 *at(const struct tls_certificate *c, int i)
{
    return i == 0 ? c->leaf : sk_X509_value(c->chain, i - 1);
}

static bool is_issuer(const X509 *issuer, const X509 *cert)
{
    bool is = X509_check_issued((X509 *)(uintptr_t)issuer, (X509 *)(uintptr_t)cert) == X509_V_OK &&
              X509_verify((X509 *)(uintptr_t)cert, X509_get0_pubkey(issuer)) == 1;

    ERR_clear_error();
    return is;
}

static bool is_trusted_issuer_of(X509_STORE *store, const X509 *top)
{
    STACK_OF(X509) *all = X509_STORE_get1_all_certs(store);
    bool found = false;

    for (int i = 0; i < sk_X509_num(all) && !found; i++)
        found = X509_cmp(sk_X509_value(all, i), top) == 0 || is_issuer(sk_X509_value(all, i), top);
    sk_X509_pop_free(all, X509_free);
    return found;
}

static bool reaches_trust(const struct tls_certificate *c, X509_STORE *store)
{
    for (int i = 0; i < 1 + sk_X509_num(c->chain); i++) {
        if (is_trusted_issuer_of(store, at(c, i)))
            return true;
    }
    return false;
}

/* `top` is the last certificate. */
static void check_top(struct faults *f, const struct tls_certificate *c, const X509 *top, const char *ca_file)
{
    char issuer[NAME_TEXT];
    X509_STORE *store;
    struct fault why;

    if (ca_file == NULL && is_issuer(top, top))
        return;
    if (tls_trust_store(ca_file, &store, &why) != OK) {
        find(f, "%s", why.text);
        return;
    }
    if (!reaches_trust(c, store))
        find(f,
             "the chain is not complete: the certificate of '%s' is neither in it nor among the trusted issuers%s%s",
             name_text(X509_get_issuer_name(top), issuer), ca_file == NULL ? "" : " of ",
             ca_file == NULL ? "" : ca_file);
    X509_STORE_free(store);
}

static void check_chain(struct faults *f, const struct tls_certificate *c, const char *ca_file)
{
    int len = 1 + sk_X509_num(c->chain);
    char subject[NAME_TEXT], issuer[NAME_TEXT];

    for (int i = 0; i + 1 < len; i++) {
        if (is_issuer(at(c, i + 1), at(c, i)))
            continue;
        find(f, "the chain is not in order: certificate %d, '%s', did not sign certificate %d, whose issuer is '%s'",
             i + 2, name_text(X509_get_subject_name(at(c, i + 1)), subject), i + 1,
             name_text(X509_get_issuer_name(at(c, i)), issuer));
        return;
    }
    check_top(f, c, at(c, len - 1), ca_file);
}

static void check_names(struct faults *f, const struct tls_certificate *c, const struct set_demand *d)
{
    if (c->names_len == 0)
        find(f, "there is no DNS name in it");
    for (size_t i = 0; i < d->names_len && c->names_len > 0; i++) {
        if (!set_covers(c, d->names[i]))
            find(f, "the name '%.*s' is not in it", SLICE_FMT(d->names[i]));
    }
}

static void check_dates(struct faults *f, const struct tls_certificate *c, int64_t now_s)
{
    for (int i = 0; i < 1 + sk_X509_num(c->chain); i++) {
        int64_t end_s = certificate_not_after_s(at(c, i));
        char text[CLOCK_TEXT];

        if (now_s <= end_s)
            continue;
        (void)clock_rfc3339(end_s, text);
        find(f, i == 0 ? "it expired on %.*s" : "a certificate above it in the chain expired on %.*s", DAY_TEXT, text);
    }
}

static bool has_weak_signature(const X509 *cert)
{
    int bits = 0;

    return X509_get_signature_info((X509 *)(uintptr_t)cert, NULL, NULL, &bits, NULL) == 1 && bits < SIGNATURE_BITS;
}

static void check_strength(struct faults *f, const struct tls_certificate *c)
{
    for (int i = 0; i < 1 + sk_X509_num(c->chain); i++) {
        const X509 *cert = at(c, i);
        const EVP_PKEY *key = X509_get0_pubkey(cert);

        if (key != NULL && EVP_PKEY_get_security_bits(key) < STRENGTH_BITS)
            find(f, "the key of certificate %d is too weak: %d bits of %s", i + 1, EVP_PKEY_get_bits(key),
                 EVP_PKEY_get0_type_name(key));
        if (has_weak_signature(cert) && !is_issuer(cert, cert))
            find(f, "the signature of certificate %d is too weak: %s", i + 1,
                 OBJ_nid2ln(X509_get_signature_nid(cert)));
    }
}

enum status set_check(const struct tls_certificate *c, const struct set_demand *d, struct fault *why)
{
    struct faults f = { .why = why };
    uint32_t usage = X509_get_extended_key_usage(c->leaf);

    check_names(&f, c, d);
    check_dates(&f, c, d->now_s);
    check_chain(&f, c, d->ca_file);
    check_strength(&f, c);
    if ((usage & (XKU_SSL_SERVER | XKU_ANYEKU)) == 0)
        find(&f, "it is not meant for servers (extended key usage)");
    return f.len == 0 ? OK : ERR_PERMANENT;
}
