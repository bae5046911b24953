#include "certs/ocsp.h"

#include "base/test.h"
#include "net/tls_setup.h"

#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

/* minica keeps its keys to itself: an authority of our own, which signs responses. */
static EVP_PKEY *key, *other_key;
static X509 *issuer, *leaf, *other_issuer;
static struct slice chain[2];

static X509 *make(const char *name, long serial, X509 *by, EVP_PKEY *own, EVP_PKEY *signer, bool is_authority)
{
    X509 *cert = X509_new();
    X509V3_CTX ctx;
    X509_EXTENSION *ext;

    CHECK(X509_set_version(cert, X509_VERSION_3) == 1 && ASN1_INTEGER_set(X509_get_serialNumber(cert), serial) == 1);
    CHECK(X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC, (const unsigned char *)name, -1,
                                     -1, 0) == 1);
    CHECK(X509_set_issuer_name(cert, X509_get_subject_name(by == NULL ? cert : by)) == 1);
    CHECK(X509_gmtime_adj(X509_getm_notBefore(cert), -86400) != NULL);
    CHECK(X509_gmtime_adj(X509_getm_notAfter(cert), 86400) != NULL);
    CHECK(X509_set_pubkey(cert, own) == 1);
    X509V3_set_ctx(&ctx, by == NULL ? cert : by, cert, NULL, NULL, 0);
    ext = X509V3_EXT_conf_nid(NULL, &ctx, NID_basic_constraints, is_authority ? "critical,CA:TRUE" : "CA:FALSE");
    CHECK(ext != NULL && X509_add_ext(cert, ext, -1) == 1);
    X509_EXTENSION_free(ext);
    CHECK(X509_sign(cert, signer, EVP_sha256()) > 0);
    return cert;
}

static struct slice der_of(X509 *cert)
{
    unsigned char *der = NULL;
    int len = i2d_X509(cert, &der);

    CHECK(len > 0);
    return slice_of((const char *)der, (size_t)len);
}

struct answer {
    int status; /* V_OCSP_CERTSTATUS_... */
    long from_s, to_s;
    bool by_stranger, of_stranger, by_sha256;
};

/* The caller frees the bytes. */
static struct slice respond(const struct answer *a)
{
    OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
    OCSP_CERTID *id =
        OCSP_cert_to_id(a->by_sha256 ? EVP_sha256() : EVP_sha1(), a->of_stranger ? other_issuer : leaf, issuer);
    ASN1_TIME *from = X509_gmtime_adj(NULL, a->from_s), *to = X509_gmtime_adj(NULL, a->to_s),
              *revoked = X509_gmtime_adj(NULL, -60);
    OCSP_RESPONSE *response;
    unsigned char *der = NULL;
    int len;

    CHECK(OCSP_basic_add1_status(basic, id, a->status, OCSP_REVOKED_STATUS_KEYCOMPROMISE,
                                 a->status == V_OCSP_CERTSTATUS_REVOKED ? revoked : NULL, from, to) != NULL);
    CHECK(OCSP_basic_sign(basic, a->by_stranger ? other_issuer : issuer, a->by_stranger ? other_key : key,
                          EVP_sha256(), NULL, 0) == 1);
    response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
    len = i2d_OCSP_RESPONSE(response, &der);
    CHECK(len > 0);
    OCSP_RESPONSE_free(response);
    OCSP_BASICRESP_free(basic);
    OCSP_CERTID_free(id);
    ASN1_TIME_free(from);
    ASN1_TIME_free(to);
    ASN1_TIME_free(revoked);
    return slice_of((const char *)der, (size_t)len);
}

static const struct {
    const char *name;
    struct answer answer;
    enum ocsp_state state;
    const char *text;
} cases[] = {
    { "good", { V_OCSP_CERTSTATUS_GOOD, -60, 3600, false, false }, OCSP_GOOD, "the certificate is good" },
    { "revoked", { V_OCSP_CERTSTATUS_REVOKED, -60, 3600, false, false }, OCSP_REVOKED, "keyCompromise" },
    { "unknown", { V_OCSP_CERTSTATUS_UNKNOWN, -60, 3600, false, false }, OCSP_UNKNOWN, "does not know" },
    { "too old", { V_OCSP_CERTSTATUS_GOOD, -9000, -3600, false, false }, OCSP_UNUSABLE, "out of its dates" },
    { "too early", { V_OCSP_CERTSTATUS_GOOD, 3600, 7200, false, false }, OCSP_UNUSABLE, "out of its dates" },
    { "by a stranger", { V_OCSP_CERTSTATUS_GOOD, -60, 3600, true, false }, OCSP_UNUSABLE, "not signed by" },
    { "named by SHA-256", { V_OCSP_CERTSTATUS_REVOKED, -60, 3600, .by_sha256 = true }, OCSP_REVOKED, "keyCompromise" },
    { "of another", { V_OCSP_CERTSTATUS_GOOD, -60, 3600, false, true }, OCSP_UNUSABLE, "another certificate" },
};

TEST(states)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct slice staple = respond(&cases[i].answer);
        struct ocsp_facts got;

        ocsp_read(staple, chain, 2, &got);
        if (got.state != cases[i].state || strstr(got.text, cases[i].text) == NULL)
            fail_msg("case '%s': %s, '%s'", cases[i].name, ocsp_state_name(got.state), got.text);
        OPENSSL_free((void *)(uintptr_t)staple.ptr);
    }
}

TEST(what_cannot_be_checked)
{
    const struct answer good = { V_OCSP_CERTSTATUS_GOOD, -60, 3600, false, false };
    struct slice staple = respond(&good);
    static const char refused[] = "\x30\x03\x0a\x01\x06"; /* unauthorized */
    struct ocsp_facts got;

    ocsp_read(SLICE_LIT(""), chain, 2, &got);
    CHECK_INT(got.state, OCSP_ABSENT);
    ocsp_read(staple, chain, 1, &got);
    CHECK(got.state == OCSP_UNUSABLE && strstr(got.text, "issuer was not sent") != NULL);
    ocsp_read(SLICE_LIT(refused), chain, 2, &got);
    CHECK(got.state == OCSP_UNUSABLE && strstr(got.text, "unauthorized") != NULL);
    for (size_t len = 1; len < staple.len; len++) {
        ocsp_read(slice_first(staple, len), chain, 2, &got);
        CHECK_INT(got.state, OCSP_UNUSABLE);
    }
    OPENSSL_free((void *)(uintptr_t)staple.ptr);
}

static int set_up(void **state)
{
    (void)state;
    tls_setup();
    key = EVP_EC_gen("P-256");
    other_key = EVP_EC_gen("P-256");
    issuer = make("Issuer", 1, NULL, key, key, true);
    other_issuer = make("Issuer", 3, NULL, other_key, other_key, true);
    leaf = make("mx.example.test", 2, issuer, other_key, key, false);
    chain[0] = der_of(leaf);
    chain[1] = der_of(issuer);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    OPENSSL_free((void *)(uintptr_t)chain[0].ptr);
    OPENSSL_free((void *)(uintptr_t)chain[1].ptr);
    X509_free(issuer);
    X509_free(other_issuer);
    X509_free(leaf);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other_key);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = { T(states), T(what_cannot_be_checked) };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
