#include "net/tls_certificate.h"

#include "base/log.h"
#include "net/tls_key.h"
#include "net/tls_setup.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

enum { CHAIN_MAX = 10 };

static bool is_host_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

bool tls_certificate_name(struct slice name, char out[static TLS_CERTIFICATE_NAME_MAX], struct slice *lower)
{
    if (name.len == 0 || name.len > TLS_CERTIFICATE_NAME_MAX || name.ptr[0] == '.' || name.ptr[name.len - 1] == '.')
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (!is_host_char(name.ptr[i]) || (name.ptr[i] == '.' && name.ptr[i + 1] == '.'))
            return false;
    *lower = slice_lower(name, out);
    return true;
}

static bool add_name(struct arena *arena, struct tls_certificate *c, struct slice name)
{
    const struct slice star = SLICE_LIT("*.");
    char text[TLS_CERTIFICATE_NAME_MAX];
    bool is_wild = slice_starts(name, star);
    struct slice host;

    if (!tls_certificate_name(slice_from(name, is_wild ? star.len : 0), text, &host))
        return false;
    c->names[c->names_len++] = arena_printf(arena, "%s%.*s", is_wild ? "*." : "", SLICE_FMT(host));
    return true;
}

static void read_names(struct arena *arena, struct tls_certificate *c, const char *chain_file)
{
    GENERAL_NAMES *all = X509_get_ext_d2i(c->leaf, NID_subject_alt_name, NULL, NULL);
    int all_len = all == NULL ? 0 : sk_GENERAL_NAME_num(all);

    c->names = ARENA_ARRAY(arena, struct slice, (size_t)all_len);
    for (int i = 0; i < all_len; i++) {
        const GENERAL_NAME *n = sk_GENERAL_NAME_value(all, i);
        struct slice text;

        if (n->type != GEN_DNS)
            continue;
        text = slice_of((const char *)ASN1_STRING_get0_data(n->d.dNSName), (size_t)ASN1_STRING_length(n->d.dNSName));
        if (!add_name(arena, c, text))
            log_warning(NULL, "skipping a name of a certificate that no server can have", LOG_CSTR("file", chain_file),
                        LOG_STR("name", text));
    }
    GENERAL_NAMES_free(all);
}

static void warn_of_oddities(const struct tls_certificate *c, const char *chain_file)
{
    if (c->names_len == 0)
        log_warning(NULL, "certificate has no DNS name: senders that verify will refuse it",
                    LOG_CSTR("file", chain_file));
    if (X509_cmp_current_time(X509_get0_notAfter(c->leaf)) < 0)
        log_warning(NULL, "certificate has expired: senders that verify will refuse it", LOG_CSTR("file", chain_file));
    if (X509_cmp_current_time(X509_get0_notBefore(c->leaf)) > 0)
        log_warning(NULL, "certificate is not valid yet: senders that verify will refuse it",
                    LOG_CSTR("file", chain_file));
}

/* The leaf, then what else there is; the end of the text shows as the error "no start line". */
static enum status read_chain(BIO *bio, const char *what, struct tls_certificate *c, struct fault *why)
{
    char reason[160];
    X509 *next;

    c->leaf = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    if (c->leaf == NULL)
        return fault_set(why, ERR_SYNTAX, "'%s' holds no certificate in PEM form: %s", what,
                         tls_error_text(reason, sizeof reason));
    c->chain = sk_X509_new_null();
    tls_must(c->chain != NULL);
    while ((next = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        tls_must(sk_X509_push(c->chain, next) > 0);
        if (sk_X509_num(c->chain) >= CHAIN_MAX)
            return fault_set(why, ERR_SYNTAX, "'%s' holds more than %d certificates: keep the leaf and its issuers",
                             what, CHAIN_MAX);
    }
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        return fault_set(why, ERR_SYNTAX, "certificate %d in '%s' is damaged: %s", sk_X509_num(c->chain) + 2, what,
                         tls_error_text(reason, sizeof reason));
    ERR_clear_error();
    return OK;
}

static enum tls_key_kind kind_of(const EVP_PKEY *key)
{
    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA: return TLS_KEY_RSA;
    case EVP_PKEY_EC: return TLS_KEY_ECDSA;
    default: return TLS_KEY_OTHER;
    }
}

/* Takes what was read; *out is written only on OK. */
static enum status finish(struct tls_certificate *c, enum status st, const char *what, const char *key_what,
                          struct arena *arena, struct tls_certificate *out, struct fault *why)
{
    if (st == OK && X509_check_private_key(c->leaf, c->key) != 1) {
        ERR_clear_error();
        st = fault_set(why, ERR_CONFLICT,
                       "the private key '%s' does not belong to the first certificate in '%s': the server's own "
                       "certificate stands first, its issuers behind it",
                       key_what, what);
    }
    if (st != OK) {
        tls_certificate_release(c);
        return st;
    }
    c->kind = kind_of(c->key);
    c->what = arena_copy(arena, slice_str(what)).ptr;
    read_names(arena, c, what);
    *out = *c;
    return OK;
}

enum status tls_certificate_load(const char *chain_file, const char *key_file, struct arena *arena,
                                 struct tls_certificate *out, struct fault *why)
{
    struct tls_certificate c = { 0 };
    FILE *f = fopen(chain_file, "re");
    enum status st;
    BIO *bio;

    tls_setup();
    if (f == NULL)
        return fault_errno(why, "cannot read the certificate '%s'", chain_file);
    bio = BIO_new_fp(f, BIO_CLOSE);
    tls_must(bio != NULL);
    st = read_chain(bio, chain_file, &c, why);
    BIO_free(bio);
    if (st == OK)
        st = tls_key_load(key_file, &c.key, why);
    st = finish(&c, st, chain_file, key_file, arena, out, why);
    if (st == OK)
        warn_of_oddities(out, chain_file);
    return st;
}

enum status tls_certificate_read(struct slice chain, struct slice key, const char *what, const char *key_what,
                                 struct arena *arena, struct tls_certificate *out, struct fault *why)
{
    struct tls_certificate c = { 0 };
    enum status st;
    BIO *bio;

    tls_setup();
    bio = BIO_new_mem_buf(chain.ptr, (int)chain.len);
    tls_must(bio != NULL);
    st = read_chain(bio, what, &c, why);
    BIO_free(bio);
    if (st == OK)
        st = tls_key_read(key, key_what, &c.key, why);
    return finish(&c, st, what, key_what, arena, out, why);
}

void tls_certificate_share(const struct tls_certificate *from, struct arena *arena, struct tls_certificate *out)
{
    *out = *from;
    tls_must(X509_up_ref(from->leaf) && EVP_PKEY_up_ref(from->key));
    out->chain = X509_chain_up_ref(from->chain);
    tls_must(out->chain != NULL);
    out->what = arena_copy(arena, slice_str(from->what)).ptr;
    out->names = ARENA_ARRAY(arena, struct slice, from->names_len);
    for (size_t i = 0; i < from->names_len; i++)
        out->names[i] = arena_copy(arena, from->names[i]);
}

void tls_certificate_release(struct tls_certificate *c)
{
    X509_free(c->leaf);
    sk_X509_pop_free(c->chain, X509_free);
    EVP_PKEY_free(c->key);
    *c = (struct tls_certificate){ 0 };
}
