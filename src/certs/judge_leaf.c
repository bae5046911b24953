/* What each certificate says of itself: for which names, until when, with which key and signature. */
#include "certs/describe.h"
#include "certs/judge_private.h"

#include <openssl/x509v3.h>
#include <stdio.h>

enum {
    RSA_LEAST = 2048,
    RSA_GOOD = 3072,
    EC_LEAST = 224,
    WARNING_DAYS = 14,
    ADVICE_DAYS = 30,
    DAY_S = 86400,
    NAMES_SHOWN = 6,
};

/* RFC 9525 section 6.3: DNS names alone, no common name, and a wildcard only for a whole left-most label (TLS-25). */
static bool matches(X509 *cert, struct slice name)
{
    enum { FLAGS = X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT };

    if (name.len > 0 && name.ptr[name.len - 1] == '.')
        name.len--;
    /* The library takes a leading dot for "anything below" and no name for "whatever it is". */
    if (name.len == 0 || name.ptr[0] == '.' || slice_find(name, '\0') != SIZE_MAX)
        return false;
    return X509_check_host(cert, name.ptr, name.len, FLAGS, NULL) == 1;
}

static bool matches_any(const struct judging *j, X509 *cert)
{
    if (matches(cert, j->context->name))
        return true;
    for (size_t i = 0; j->context->how == JUDGE_DANE && i < j->context->further_len; i++)
        if (matches(cert, j->context->further[i]))
            return true;
    return false;
}

static struct slice names_text(const struct judging *j, const struct certificate *leaf)
{
    struct slice out = SLICE_LIT("");

    for (size_t i = 0; i < leaf->names_len && i < NAMES_SHOWN; i++)
        out = arena_printf(j->arena, "%.*s%s%.*s", SLICE_FMT(out), i > 0 ? ", " : "", SLICE_FMT(leaf->names[i]));
    if (leaf->names_len > NAMES_SHOWN)
        out = arena_printf(j->arena, "%.*s and %zu more", SLICE_FMT(out), leaf->names_len - NAMES_SHOWN);
    return out;
}

static bool has_partial_wildcard(const struct certificate *leaf)
{
    for (size_t i = 0; i < leaf->names_len; i++) {
        size_t star = slice_find(leaf->names[i], '*');

        if (star != SIZE_MAX && !(star == 0 && leaf->names[i].len > 1 && leaf->names[i].ptr[1] == '.'))
            return true;
    }
    return false;
}

static void judge_name(struct judging *j, X509 *cert)
{
    const struct certificate *leaf = &j->out->chain[0];
    struct slice name = certificate_escape(j->context->name, j->arena);

    if (name.len == 0)
        return;
    j->out->name_matches = matches_any(j, cert);
    if (j->out->name_matches)
        judge_find(j, FIND_NAME_GOOD, 0, NULL, "the certificate is for '%.*s'", SLICE_FMT(name));
    else if (leaf->names_len > 0)
        judge_find(j, FIND_NAME, 0, NULL, "the certificate is for %.*s, not for '%.*s'%s",
                   SLICE_FMT(names_text(j, leaf)), SLICE_FMT(name),
                   has_partial_wildcard(leaf) ? " (a wildcard stands for one whole left-most label, or for nothing)"
                                              : "");
    else
        judge_find(
            j, FIND_NAME, 0, NULL,
            "the certificate has no DNS name, only the common name '%.*s', where nobody looks any more (RFC 9525)",
            SLICE_FMT(leaf->common_name));
}

static void judge_expiry(struct judging *j)
{
    const struct certificate *leaf = &j->out->chain[0];
    int64_t left = certificate_days_left(leaf, j->now_s);
    int64_t warning = j->context->warning_days > 0 ? j->context->warning_days : WARNING_DAYS;
    int64_t advice = j->context->advice_days > 0 ? j->context->advice_days : ADVICE_DAYS;
    struct slice text = describe_validity(leaf, j->now_s, j->arena);

    if (left < 0)
        judge_find(j, FIND_EXPIRED, 0, NULL, "the server's own certificate is out of date: %.*s", SLICE_FMT(text));
    else if (leaf->not_before_s > j->now_s)
        judge_find(j, FIND_FUTURE, 0, NULL, "the server's own certificate is not valid yet: %.*s", SLICE_FMT(text));
    else if (left < warning)
        judge_find(j, FIND_EXPIRES_SOON, 0, NULL, "the server's own certificate ends soon: %.*s", SLICE_FMT(text));
    else if (left < advice && leaf->not_after_s - leaf->not_before_s > 2 * advice * DAY_S)
        judge_find(j, FIND_EXPIRES, 0, NULL, "the server's own certificate: %.*s", SLICE_FMT(text));
}

static bool is_rsa(const struct certificate *c)
{
    return slice_starts(c->key, SLICE_LIT("RSA"));
}

static void judge_key(struct judging *j, int at)
{
    const struct certificate *c = &j->out->chain[at];
    int least = is_rsa(c) || slice_eq(c->key, SLICE_LIT("DSA")) ? RSA_LEAST : EC_LEAST;
    struct slice which = judge_which(j, at);

    if (c->key_bits == 0)
        judge_find(j, FIND_WEAK_KEY, at, NULL, "%.*s has a key that cannot be read", SLICE_FMT(which));
    else if (c->key_bits < least)
        judge_find(j, FIND_WEAK_KEY, at, NULL, "%.*s has a weak key: %.*s of %d bit", SLICE_FMT(which),
                   SLICE_FMT(c->key), c->key_bits);
    else if (is_rsa(c) && c->key_bits < RSA_GOOD && at == 0)
        judge_find(j, FIND_SHORT_KEY, at, NULL, "%.*s has an RSA key of %d bit", SLICE_FMT(which), c->key_bits);
}

/* A root's own signature proves nothing and is not looked at. */
static void judge_signature(struct judging *j, int at)
{
    const struct certificate *c = &j->out->chain[at];
    struct slice which = judge_which(j, at);

    if (c->is_weakly_signed && !c->is_self_signed)
        judge_find(j, FIND_WEAK_SIGNATURE, at, NULL, "%.*s is signed with %.*s", SLICE_FMT(which),
                   SLICE_FMT(c->signature));
}

static void judge_usage(struct judging *j, X509 *cert)
{
    const struct certificate *leaf = &j->out->chain[0];

    if (leaf->usages.len > 0 && !(X509_get_extended_key_usage(cert) & (XKU_SSL_SERVER | XKU_ANYEKU)))
        judge_find(j, FIND_USAGE, 0, NULL, "the certificate is for %.*s, not for servers", SLICE_FMT(leaf->usages));
    if (!(X509_get_key_usage(cert) & KU_DIGITAL_SIGNATURE))
        judge_find(j, FIND_KEY_USAGE, 0, NULL, "the certificate's key usage leaves out digitalSignature");
}

/* As the server itself has it from the authority; nobody else is asked (TLS-26). */
static void judge_staple(struct judging *j)
{
    const struct ocsp_facts *staple = j->context->staple;

    if (staple != NULL && staple->state == OCSP_REVOKED)
        judge_find(j, FIND_REVOKED, 0, NULL, "stapled by the server: %s", staple->text);
}

void judge_leaf(struct judging *j)
{
    X509 *cert = sk_X509_value(j->sent, 0);

    judge_staple(j);
    judge_name(j, cert);
    judge_expiry(j);
    judge_usage(j, cert);
    for (size_t i = 0; i < j->out->chain_len; i++) {
        judge_key(j, (int)i);
        judge_signature(j, (int)i);
    }
}
