#include "certs/ocsp.h"

#include "base/status.h"
#include "net/tls_peer.h"
#include "net/tls_setup.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <stdio.h>

enum { CHAIN_MAX = 16, CLOCK_SLACK_S = 300 };

const char *ocsp_state_name(enum ocsp_state s)
{
    static const char *const names[] = { "absent", "good", "revoked", "unknown", "unusable" };

    return names[s];
}

struct reading {
    OCSP_RESPONSE *response;
    OCSP_BASICRESP *basic;
    STACK_OF(X509) * chain;
    X509 *leaf, *issuer;
    struct ocsp_facts *out;
};

static void PRINTF_LIKE(3, 4) say(struct reading *r, enum ocsp_state state, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(r->out->text, sizeof r->out->text, fmt, ap);
    va_end(ap);
    r->out->state = state;
}

static bool read_chain(struct reading *r, const struct slice *chain, size_t len)
{
    r->chain = sk_X509_new_null();
    tls_must(r->chain != NULL);
    for (size_t i = 0; i < len && i < CHAIN_MAX; i++) {
        const unsigned char *at = (const unsigned char *)chain[i].ptr;
        X509 *cert = d2i_X509(NULL, &at, (long)chain[i].len);

        if (cert == NULL)
            continue;
        tls_must(sk_X509_push(r->chain, cert) > 0);
        if (i == 0)
            r->leaf = cert;
        else if (r->leaf != NULL && r->issuer == NULL && X509_check_issued(cert, r->leaf) == X509_V_OK)
            r->issuer = cert;
    }
    return r->leaf != NULL && r->issuer != NULL;
}

static bool read_response(struct reading *r, struct slice staple)
{
    const unsigned char *at = (const unsigned char *)staple.ptr;
    int status;

    r->response = d2i_OCSP_RESPONSE(NULL, &at, (long)staple.len);
    if (r->response == NULL) {
        say(r, OCSP_UNUSABLE, "what is stapled is no OCSP response");
        return false;
    }
    status = OCSP_response_status(r->response);
    if (status != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
        say(r, OCSP_UNUSABLE, "the stapled response says '%s'", OCSP_response_status_str(status));
        return false;
    }
    r->basic = OCSP_response_get1_basic(r->response);
    if (r->basic == NULL)
        say(r, OCSP_UNUSABLE, "the stapled response is of no known kind");
    return r->basic != NULL;
}

/* The issuer itself, or one that it delegated this to (RFC 6960 section 4.2.2.2). */
static bool is_signed_by_issuer(struct reading *r)
{
    X509_STORE *issuers = X509_STORE_new();
    bool is_good;

    tls_must(issuers != NULL && X509_STORE_add_cert(issuers, r->issuer) == 1);
    tls_must(X509_STORE_set_flags(issuers, X509_V_FLAG_PARTIAL_CHAIN));
    is_good = OCSP_basic_verify(r->basic, r->chain, issuers, 0) == 1;
    X509_STORE_free(issuers);
    return is_good;
}

static int64_t time_s(const ASN1_GENERALIZEDTIME *t)
{
    return t == NULL ? 0 : tls_peer_time_s(t);
}

static void judge_status(struct reading *r, OCSP_CERTID *id)
{
    ASN1_GENERALIZEDTIME *revoked = NULL, *made = NULL, *until = NULL;
    int status = -1, reason = -1;

    if (OCSP_resp_find_status(r->basic, id, &status, &reason, &revoked, &made, &until) != 1) {
        say(r, OCSP_UNUSABLE, "the stapled response is about another certificate");
        return;
    }
    r->out->until_s = time_s(until);
    if (OCSP_check_validity(made, until, CLOCK_SLACK_S, -1) != 1)
        say(r, OCSP_UNUSABLE, "the stapled response is out of its dates");
    else if (status == V_OCSP_CERTSTATUS_GOOD)
        say(r, OCSP_GOOD, "the authority says that the certificate is good");
    else if (status == V_OCSP_CERTSTATUS_REVOKED)
        say(r, OCSP_REVOKED, "the authority has revoked the certificate%s%s", reason >= 0 ? ": " : "",
            reason >= 0 ? OCSP_crl_reason_str(reason) : "");
    else
        say(r, OCSP_UNKNOWN, "the authority does not know the certificate");
}

/* As the response names it: by the hash of the authority's choice (RFC 6960 section 4.1.1); SHA-1 is usual. */
static OCSP_CERTID *id_of_leaf(const struct reading *r)
{
    OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha256(), r->leaf, r->issuer);

    tls_must(id != NULL);
    if (OCSP_resp_find(r->basic, id, -1) >= 0)
        return id;
    OCSP_CERTID_free(id);
    id = OCSP_cert_to_id(EVP_sha1(), r->leaf, r->issuer);
    tls_must(id != NULL);
    return id;
}

static void judge(struct reading *r, struct slice staple, const struct slice *chain, size_t chain_len)
{
    OCSP_CERTID *id;

    if (!read_response(r, staple))
        return;
    if (!read_chain(r, chain, chain_len)) {
        say(r, OCSP_UNUSABLE, "the stapled response cannot be checked: the certificate's issuer was not sent");
        return;
    }
    if (!is_signed_by_issuer(r)) {
        say(r, OCSP_UNUSABLE, "the stapled response is not signed by the certificate's issuer");
        return;
    }
    id = id_of_leaf(r);
    judge_status(r, id);
    OCSP_CERTID_free(id);
}

void ocsp_read(struct slice staple, const struct slice *chain, size_t chain_len, struct ocsp_facts *out)
{
    struct reading r = { .out = out };

    *out = (struct ocsp_facts){ .state = OCSP_ABSENT };
    if (staple.len == 0)
        return;
    tls_setup();
    judge(&r, staple, chain, chain_len);
    OCSP_BASICRESP_free(r.basic);
    OCSP_RESPONSE_free(r.response);
    sk_X509_pop_free(r.chain, X509_free);
    ERR_clear_error();
}
