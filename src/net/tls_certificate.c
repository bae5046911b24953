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
    if (c->names_len == 0)
        log_warning(NULL, "certificate has no DNS name: senders that verify will refuse it",
                    LOG_CSTR("file", chain_file));
}

static void warn_of_dates(const struct tls_certificate *c, const char *chain_file)
{
    if (X509_cmp_current_time(X509_get0_notAfter(c->leaf)) < 0)
        log_warning(NULL, "certificate has expired: senders that verify will refuse it", LOG_CSTR("file", chain_file));
    if (X509_cmp_current_time(X509_get0_notBefore(c->leaf)) > 0)
        log_warning(NULL, "certificate is not valid yet: senders that verify will refuse it",
                    LOG_CSTR("file", chain_file));
}

/* The leaf, then what else there is; the end of the file shows as the error "no start line". */
static enum status read_chain(FILE *f, const char *path, struct tls_certificate *c, struct fault *why)
{
    char reason[160];
    X509 *next;

    c->leaf = PEM_read_X509(f, NULL, NULL, NULL);
    if (c->leaf == NULL)
        return fault_set(why, ERR_SYNTAX, "'%s' holds no certificate in PEM form: %s", path,
                         tls_error_text(reason, sizeof reason));
    c->chain = sk_X509_new_null();
    tls_must(c->chain != NULL);
    while ((next = PEM_read_X509(f, NULL, NULL, NULL)) != NULL) {
        tls_must(sk_X509_push(c->chain, next) > 0);
        if (sk_X509_num(c->chain) >= CHAIN_MAX)
            return fault_set(why, ERR_SYNTAX, "'%s' holds more than %d certificates: keep the leaf and its issuers",
                             path, CHAIN_MAX);
    }
    if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        return fault_set(why, ERR_SYNTAX, "certificate %d in '%s' is damaged: %s", sk_X509_num(c->chain) + 2, path,
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

static enum status load(FILE *f, const char *chain_file, const char *key_file, struct tls_certificate *c,
                        struct fault *why)
{
    enum status st = read_chain(f, chain_file, c, why);

    if (st == OK)
        st = tls_key_load(key_file, &c->key, why);
    if (st != OK)
        return st;
    if (X509_check_private_key(c->leaf, c->key) != 1) {
        ERR_clear_error();
        return fault_set(why, ERR_CONFLICT,
                         "the private key '%s' does not belong to the first certificate in '%s': the server's own "
                         "certificate stands first, its issuers behind it",
                         key_file, chain_file);
    }
    c->kind = kind_of(c->key);
    return OK;
}

enum status tls_certificate_load(const char *chain_file, const char *key_file, struct arena *arena,
                                 struct tls_certificate *out, struct fault *why)
{
    struct tls_certificate c = { 0 };
    FILE *f = fopen(chain_file, "re");
    enum status st;

    tls_setup();
    if (f == NULL)
        return fault_errno(why, "cannot read the certificate '%s'", chain_file);
    st = load(f, chain_file, key_file, &c, why);
    (void)fclose(f);
    if (st != OK) {
        tls_certificate_release(&c);
        return st;
    }
    read_names(arena, &c, chain_file);
    warn_of_dates(&c, chain_file);
    *out = c;
    return OK;
}

void tls_certificate_release(struct tls_certificate *c)
{
    X509_free(c->leaf);
    sk_X509_pop_free(c->chain, X509_free);
    EVP_PKEY_free(c->key);
    *c = (struct tls_certificate){ 0 };
}
