/* The way from the server's certificate to an authority, as the library finds it. */
#include "certs/describe.h"
#include "certs/judge_private.h"

#include "net/tls_setup.h"

#include <inttypes.h>
#include <openssl/x509v3.h>
#include <stdio.h>

enum { FLAWS_MAX = 64, DEPTH_MAX = 400, CERTIFICATES_MOST = 12, LIFE_DAYS = 398, DAY_S = 86400 };

struct flaw {
    int error, depth;
    X509 *cert; /* of the chain that was built */
};

struct path {
    struct judging *j;
    struct flaw flaws[FLAWS_MAX];
    size_t flaws_len;
    STACK_OF(X509) * built;
};

/* Every flaw is wanted, not the first alone. */
static int note_flaw(int is_good, X509_STORE_CTX *ctx)
{
    struct path *p = X509_STORE_CTX_get_app_data(ctx);

    if (!is_good && p->flaws_len < FLAWS_MAX)
        p->flaws[p->flaws_len++] = (struct flaw){ X509_STORE_CTX_get_error(ctx), X509_STORE_CTX_get_error_depth(ctx),
                                                  X509_STORE_CTX_get_current_cert(ctx) };
    return 1;
}

static bool has_flaw(const struct path *p, int error)
{
    for (size_t i = 0; i < p->flaws_len; i++)
        if (p->flaws[i].error == error)
            return true;
    return false;
}

/* Where it stands among those sent; JUDGE_WHOLE_CHAIN: it came from the store. */
static int place_of(const struct judging *j, const X509 *cert)
{
    for (int i = 0; cert != NULL && i < sk_X509_num(j->sent); i++)
        if (X509_cmp(sk_X509_value(j->sent, i), cert) == 0)
            return i;
    return JUDGE_WHOLE_CHAIN;
}

static struct certificate facts_of(struct judging *j, X509 *cert)
{
    int at = place_of(j, cert);
    struct certificate c;

    if (at >= 0)
        return j->out->chain[at];
    certificate_of(cert, j->arena, &c);
    return c;
}

/* Its issuer was not sent, and is not in the store. Of an intermediate nobody can tell whether that is a root that is
 * not trusted or one more intermediate. */
static void no_issuer(struct path *p, const struct flaw *f)
{
    struct judging *j = p->j;
    struct certificate c = facts_of(j, f->cert);
    int at = place_of(j, f->cert);
    struct slice which = judge_which(j, at), advice = { NULL, 0 };

    if (c.issuer_url.len > 0)
        advice = arena_printf(j->arena, "%s; '%.*s' says that it can be had at %.*s",
                              fault_texts[c.is_authority ? FIND_UNKNOWN_AUTHORITY : FIND_INCOMPLETE].advice,
                              SLICE_FMT(c.common_name), SLICE_FMT(c.issuer_url));
    if (!c.is_authority)
        judge_find(j, FIND_INCOMPLETE, at, advice.ptr,
                   "the server does not send the certificate of '%.*s', which issued its own", SLICE_FMT(c.issuer));
    else
        judge_find(j, FIND_UNKNOWN_AUTHORITY, at, advice.ptr,
                   "%.*s was issued by '%.*s', which is neither sent nor among the trusted authorities",
                   SLICE_FMT(which), SLICE_FMT(c.issuer));
}

static void self_signed(struct path *p, const struct flaw *f)
{
    (void)f;
    judge_find(p->j, FIND_SELF_SIGNED, 0, NULL, "the server's certificate is signed by its own key");
}

static void unknown_root(struct path *p, const struct flaw *f)
{
    struct certificate c = facts_of(p->j, f->cert);

    judge_find(p->j, FIND_UNKNOWN_AUTHORITY, place_of(p->j, f->cert), NULL,
               "the chain ends in '%.*s', which is not among the trusted authorities", SLICE_FMT(c.subject));
}

static void out_of_dates(struct path *p, const struct flaw *f)
{
    bool is_early = f->error == X509_V_ERR_CERT_NOT_YET_VALID;
    struct certificate c;
    struct slice when;
    bool is_root;

    if (f->depth == 0) /* judge_leaf() has told */
        return;
    c = facts_of(p->j, f->cert);
    when = describe_validity(&c, p->j->now_s, p->j->arena);
    is_root = c.is_self_signed && f->depth == sk_X509_num(p->built) - 1;
    judge_find(p->j,
               is_early  ? FIND_ISSUER_FUTURE
               : is_root ? FIND_ROOT_EXPIRED
                         : FIND_ISSUER_EXPIRED,
               place_of(p->j, f->cert), NULL, "%s '%.*s': %.*s", is_root ? "the root" : "the intermediate certificate",
               SLICE_FMT(c.subject), SLICE_FMT(when));
}

static void wrong_purpose(struct path *p, const struct flaw *f)
{
    if (f->depth == 0 && p->j->out->chain[0].usages.len > 0)
        return; /* judge_leaf() has told */
    judge_find(p->j, FIND_BROKEN, place_of(p->j, f->cert), NULL, "%.*s may not be used for servers",
               SLICE_FMT(judge_which(p->j, place_of(p->j, f->cert))));
}

static void not_told(struct path *p, const struct flaw *f)
{
    (void)p;
    (void)f;
}

static const struct {
    int error;
    void (*tell)(struct path *p, const struct flaw *f);
} tellers[] = {
    { X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, self_signed },
    { X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, unknown_root },
    { X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, no_issuer },
    { X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, no_issuer },
    { X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, not_told }, /* comes beside the two above */
    { X509_V_ERR_CERT_HAS_EXPIRED, out_of_dates },
    { X509_V_ERR_CERT_NOT_YET_VALID, out_of_dates },
    { X509_V_ERR_INVALID_PURPOSE, wrong_purpose },
    { X509_V_ERR_CERT_UNTRUSTED, not_told },      /* follows from another */
    { X509_V_ERR_CERT_CHAIN_TOO_LONG, not_told }, /* told below, by number */
};

static void tell(struct path *p, const struct flaw *f)
{
    for (size_t i = 0; i < COUNT_OF(tellers); i++) {
        if (tellers[i].error == f->error) {
            tellers[i].tell(p, f);
            return;
        }
    }
    judge_find(p->j, FIND_BROKEN, place_of(p->j, f->cert), NULL, "%.*s: %s",
               SLICE_FMT(judge_which(p->j, place_of(p->j, f->cert))), X509_verify_cert_error_string(f->error));
}

static X509_STORE_CTX *new_verification(struct path *p)
{
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();

    tls_must(ctx != NULL);
    tls_must(X509_STORE_CTX_init(ctx, p->j->store, sk_X509_value(p->j->sent, 0), p->j->sent));
    tls_must(X509_STORE_CTX_set_default(ctx, "ssl_server"));
    X509_STORE_CTX_set_depth(ctx, DEPTH_MAX);
    X509_STORE_CTX_set_time(ctx, 0, (time_t)p->j->now_s);
    /* Short keys and old digests are told of by judge_leaf.c, each with its certificate. */
    X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(ctx), 0);
    X509_STORE_CTX_set_app_data(ctx, p);
    X509_STORE_CTX_set_verify_cb(ctx, note_flaw);
    return ctx;
}

static void tell_trusted(struct path *p)
{
    struct judging *j = p->j;
    const struct certificate *leaf = &j->out->chain[0];
    int64_t days = (leaf->not_after_s - leaf->not_before_s) / DAY_S;
    struct certificate anchor = facts_of(j, sk_X509_value(p->built, sk_X509_num(p->built) - 1));

    j->out->is_trusted = true;
    j->out->anchor = anchor.subject;
    judge_find(j, FIND_TRUSTED, 0, NULL, "the chain leads to '%.*s', which is trusted here",
               SLICE_FMT(anchor.subject));
    if (j->context->ca_file == NULL && days > LIFE_DAYS)
        judge_find(j, FIND_LONG_LIFE, 0, NULL, "the certificate was issued for %" PRId64 " days", days);
}

void judge_path(struct judging *j)
{
    struct path p = { .j = j };
    X509_STORE_CTX *ctx = new_verification(&p);
    int len;

    if (X509_verify_cert(ctx) != 1 && p.flaws_len == 0)
        p.flaws[p.flaws_len++] = (struct flaw){ .error = X509_STORE_CTX_get_error(ctx) };
    p.built = X509_STORE_CTX_get0_chain(ctx);
    for (size_t i = 0; i < p.flaws_len && p.built != NULL; i++)
        tell(&p, &p.flaws[i]);
    len = p.built == NULL ? 0 : sk_X509_num(p.built);
    if (len > CERTIFICATES_MOST || sk_X509_num(j->sent) > CERTIFICATES_MOST ||
        has_flaw(&p, X509_V_ERR_CERT_CHAIN_TOO_LONG))
        judge_find(j, FIND_TOO_LONG, JUDGE_WHOLE_CHAIN, NULL, "the chain has %d certificates",
                   len > sk_X509_num(j->sent) ? len : sk_X509_num(j->sent));
    if (p.flaws_len == 0 && len > 0)
        tell_trusted(&p);
    X509_STORE_CTX_free(ctx);
}
