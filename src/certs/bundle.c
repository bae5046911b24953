#include "certs/bundle.h"

#include "base/clock.h"
#include "net/tls_setup.h"
#include "net/tls_trust.h"

#include <jansson.h>
#include <openssl/err.h>
#include <openssl/pem.h>

const char *bundle_state_name(enum bundle_state s)
{
    static const char *const names[] = { "trusted", "missing", "expired", "no root" };

    return names[s];
}

/* A root is its name and its key: authorities issue themselves anew with the same key. */
static bool is_in(X509_STORE *store, X509 *cert)
{
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    STACK_OF(X509) * found;
    bool is_there = false;

    tls_must(ctx != NULL && X509_STORE_CTX_init(ctx, store, NULL, NULL) == 1);
    found = X509_STORE_CTX_get1_certs(ctx, X509_get_subject_name(cert));
    for (int i = 0; found != NULL && i < sk_X509_num(found) && !is_there; i++)
        is_there = EVP_PKEY_eq(X509_get0_pubkey(sk_X509_value(found, i)), X509_get0_pubkey(cert)) == 1;
    sk_X509_pop_free(found, X509_free);
    X509_STORE_CTX_free(ctx);
    return is_there;
}

static enum bundle_state state_of(X509_STORE *store, X509 *cert, const struct certificate *c, int64_t now_s)
{
    if (!c->is_self_signed)
        return BUNDLE_NO_ROOT;
    if (certificate_days_left(c, now_s) < 0)
        return BUNDLE_EXPIRED;
    return X509_get0_pubkey(cert) != NULL && is_in(store, cert) ? BUNDLE_TRUSTED : BUNDLE_MISSING;
}

static enum status read_all(BIO *in, X509_STORE *store, int64_t now_s, struct arena *arena, struct bundle_root *roots,
                            size_t *len)
{
    X509 *cert;

    while ((cert = PEM_read_bio_X509(in, NULL, NULL, NULL)) != NULL) {
        if (*len == BUNDLE_MOST) {
            X509_free(cert);
            return ERR_LIMIT;
        }
        certificate_of(cert, arena, &roots[*len].certificate);
        roots[*len].state = state_of(store, cert, &roots[*len].certificate, now_s);
        ++*len;
        X509_free(cert);
    }
    return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE && *len > 0 ? OK : ERR_SYNTAX;
}

enum status bundle_compare(const char *file, const char *ca_file, int64_t now_s, struct arena *arena,
                           struct bundle_root **out, size_t *len, struct fault *why)
{
    struct bundle_root *roots = ARENA_ARRAY(arena, struct bundle_root, BUNDLE_MOST);
    X509_STORE *store = NULL;
    enum status st = tls_trust_store(ca_file, &store, why);
    BIO *in = NULL;

    if (st != OK)
        return st;
    *len = 0;
    in = BIO_new_file(file, "r");
    if (in == NULL) {
        st = fault_errno(why, "cannot open '%s'", file);
        goto out;
    }
    st = read_all(in, store, now_s, arena, roots, len);
    if (st == ERR_LIMIT)
        (void)fault_set(why, st, "'%s' has more than %d certificates", file, BUNDLE_MOST);
    else if (st != OK)
        (void)fault_set(why, st, "certificate %zu of '%s' cannot be read; it must be in PEM form", *len + 1, file);
    *out = roots;
out:
    BIO_free(in);
    X509_STORE_free(store);
    ERR_clear_error();
    return st;
}

static size_t count(const struct bundle_root *roots, size_t len, enum bundle_state state)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++)
        n += roots[i].state == state;
    return n;
}

static void show_json(FILE *out, const struct bundle_root *roots, size_t len)
{
    json_t *all = json_array(), *j = json_pack("{s:b}", "complete", count(roots, len, BUNDLE_MISSING) == 0);
    char text[CLOCK_TEXT];

    for (size_t i = 0; i < len; i++)
        json_array_append_new(all,
                              json_pack("{s:s, s:s%, s:s, s:s}", "state", bundle_state_name(roots[i].state), "subject",
                                        roots[i].certificate.subject.ptr, roots[i].certificate.subject.len,
                                        "not_after", clock_rfc3339(roots[i].certificate.not_after_s, text), "sha256",
                                        roots[i].certificate.sha256));
    json_object_set_new(j, "roots", all);
    (void)json_dumpf(j, out, JSON_INDENT(2));
    (void)fputc('\n', out);
    json_decref(j);
}

bool bundle_show(FILE *out, const struct bundle_root *roots, size_t len, bool as_json)
{
    size_t missing = count(roots, len, BUNDLE_MISSING);
    char text[CLOCK_TEXT];

    if (as_json) {
        show_json(out, roots, len);
        return missing == 0;
    }
    for (size_t i = 0; i < len; i++) {
        const struct certificate *c = &roots[i].certificate;

        if (roots[i].state != BUNDLE_TRUSTED)
            (void)fprintf(out, "%s: %.*s, until %.10s, SHA-256 %s\n", bundle_state_name(roots[i].state),
                          SLICE_FMT(c->subject), clock_rfc3339(c->not_after_s, text), c->sha256);
    }
    (void)fprintf(out, "%zu certificates: %zu trusted here, %zu missing, %zu expired, %zu no roots\n", len,
                  count(roots, len, BUNDLE_TRUSTED), missing, count(roots, len, BUNDLE_EXPIRED),
                  count(roots, len, BUNDLE_NO_ROOT));
    return missing == 0;
}
