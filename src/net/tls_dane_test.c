#include "net/tls_dane.h"

#include "base/test.h"
#include "net/tls_setup.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>

enum { HOUR_S = 3600 };

/* Certificates of all kinds, made once: a root, an authority below it, and what they issued. */
enum who { ROOT, BELOW, LEAF, OLD, EARLY, OTHER_NAME, WILD, COMMON_NAME, FOR_CLIENTS, SHORT_KEY, SHA_1, SELF, OF_ROOT,
           OLD_BELOW, OF_OLD_BELOW, STRANGER, MOST };

static const struct {
    const char *name, *dns, *usage;
    enum who issuer;
    long from_s, for_s;
    bool is_ca, is_rsa_1024, is_sha1;
} wanted[MOST] = {
    [ROOT] = { "Root", NULL, NULL, ROOT, -HOUR_S, 9 * HOUR_S, true, false, false },
    [BELOW] = { "Below", NULL, NULL, ROOT, -HOUR_S, 9 * HOUR_S, true, false, false },
    [LEAF] = { "x", "mx.example.test", "serverAuth", BELOW, -HOUR_S, 9 * HOUR_S, false, false, false },
    [OLD] = { "x", "mx.example.test", "serverAuth", BELOW, -9 * HOUR_S, HOUR_S, false, false, false },
    [EARLY] = { "x", "mx.example.test", "serverAuth", BELOW, HOUR_S, HOUR_S, false, false, false },
    [OTHER_NAME] = { "mx.example.test", "other.test", "serverAuth", BELOW, -HOUR_S, 9 * HOUR_S, false, false, false },
    [WILD] = { "x", "*.example.test", "serverAuth", BELOW, -HOUR_S, 9 * HOUR_S, false, false, false },
    [COMMON_NAME] = { "mx.example.test", NULL, "serverAuth", BELOW, -HOUR_S, 9 * HOUR_S, false, false, false },
    [FOR_CLIENTS] = { "x", "mx.example.test", "clientAuth", BELOW, -HOUR_S, 9 * HOUR_S, false, false, false },
    [SHORT_KEY] = { "x", "mx.example.test", "serverAuth", BELOW, -HOUR_S, 9 * HOUR_S, false, true, false },
    [SHA_1] = { "x", "mx.example.test", "serverAuth", BELOW, -HOUR_S, 9 * HOUR_S, false, false, true },
    [SELF] = { "x", "nobody.test", "serverAuth", SELF, -HOUR_S, 9 * HOUR_S, false, false, false },
    [OF_ROOT] = { "x", "mx.example.test", "serverAuth", ROOT, -HOUR_S, 9 * HOUR_S, false, false, false },
    [OLD_BELOW] = { "Old below", NULL, NULL, ROOT, -9 * HOUR_S, HOUR_S, true, false, false },
    [OF_OLD_BELOW] = { "x", "mx.example.test", "serverAuth", OLD_BELOW, -HOUR_S, 9 * HOUR_S, false, false, false },
    [STRANGER] = { "Stranger", NULL, NULL, STRANGER, -HOUR_S, 9 * HOUR_S, true, false, false },
};

static struct {
    X509     *cert;
    EVP_PKEY *key;
} made[MOST];

static void extend(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *ext;

    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    CHECK(ext != NULL && X509_add_ext(cert, ext, -1) == 1);
    X509_EXTENSION_free(ext);
}

static void make(enum who w)
{
    X509 *cert = made[w].cert = X509_new(), *issuer = made[wanted[w].issuer].cert;
    X509_NAME *name = X509_get_subject_name(cert);
    char dns[80];

    made[w].key = wanted[w].is_rsa_1024 ? EVP_RSA_gen(1024) : EVP_EC_gen("P-256");
    CHECK(X509_set_version(cert, X509_VERSION_3) == 1 && X509_set_pubkey(cert, made[w].key) == 1);
    CHECK(ASN1_INTEGER_set(X509_get_serialNumber(cert), (long)w + 1) == 1);
    CHECK(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)wanted[w].name, -1, -1, 0) == 1);
    CHECK(X509_set_issuer_name(cert, X509_get_subject_name(issuer)) == 1);
    CHECK(X509_gmtime_adj(X509_getm_notBefore(cert), wanted[w].from_s) != NULL);
    CHECK(X509_gmtime_adj(X509_getm_notAfter(cert), wanted[w].from_s + wanted[w].for_s) != NULL);
    extend(cert, issuer, NID_basic_constraints, wanted[w].is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (wanted[w].usage != NULL)
        extend(cert, issuer, NID_ext_key_usage, wanted[w].usage);
    (void)snprintf(dns, sizeof dns, "DNS:%s", wanted[w].dns == NULL ? "" : wanted[w].dns);
    if (wanted[w].dns != NULL)
        extend(cert, issuer, NID_subject_alt_name, dns);
    CHECK(X509_sign(cert, made[wanted[w].issuer].key, wanted[w].is_sha1 ? EVP_sha1() : EVP_sha256()) > 0);
}

static int set_up(void **unused)
{
    (void)unused;
    tls_setup();
    for (enum who w = 0; w < MOST; w++)
        make(w);
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    for (enum who w = 0; w < MOST; w++) {
        X509_free(made[w].cert);
        EVP_PKEY_free(made[w].key);
    }
    return 0;
}

/* "USAGE SELECTOR TYPE" and whose. */
struct spec {
    const char *fields;
    enum who    of;
};

static struct slice rdata_of(const struct spec *s, struct arena *arena)
{
    X509 *cert = made[s->of].cert;
    unsigned char *der = NULL, *out;
    unsigned fields[3];
    int len;

    CHECK(sscanf(s->fields, "%u %u %u", &fields[0], &fields[1], &fields[2]) == 3);
    len = fields[1] == 0 ? i2d_X509(cert, &der) : i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
    CHECK(len > 0);
    out = arena_alloc(arena, (size_t)len + 3 + SHA512_DIGEST_LENGTH);
    for (int i = 0; i < 3; i++)
        out[i] = (unsigned char)fields[i];
    switch (fields[2]) {
    case 1: SHA256(der, (size_t)len, out + 3); len = SHA256_DIGEST_LENGTH; break;
    case 2: SHA512(der, (size_t)len, out + 3); len = SHA512_DIGEST_LENGTH; break;
    default: memcpy(out + 3, der, (size_t)len); break;
    }
    OPENSSL_free(der);
    return slice_of((const char *)out, (size_t)len + 3);
}

#define SENT(...) { __VA_ARGS__, MOST }
#define FULL SENT(LEAF, BELOW, ROOT)

static const struct judged {
    const char       *name;
    struct spec       records[4];
    enum who          sent[5];
    const char       *base, *further;
    enum dane_verdict verdict;
    const char       *text; /* begins so */
} cases[] = {
    /* DANE-01, DANE-12: the key alone. */
    { "3 1 1", { { "3 1 1", LEAF } }, FULL, "mx.example.test", "", DANE_MATCHED, "3 1 1 " },
    { "3 1 2", { { "3 1 2", LEAF } }, FULL, "mx.example.test", "", DANE_MATCHED, "3 1 2 " },
    { "3 0 1", { { "3 0 1", LEAF } }, FULL, "mx.example.test", "", DANE_MATCHED, "3 0 1 " },
    { "3 0 0", { { "3 0 0", LEAF } }, FULL, "mx.example.test", "", DANE_MATCHED, "3 0 0 30" },
    { "3 1 0", { { "3 1 0", LEAF } }, FULL, "mx.example.test", "", DANE_MATCHED, "3 1 0 30" },
    { "3 1 1, leaf alone", { { "3 1 1", LEAF } }, SENT(LEAF), "mx.example.test", "", DANE_MATCHED, "3 1 1 " },
    { "3 1 1, another name", { { "3 1 1", LEAF } }, FULL, "mail.other.test", "", DANE_MATCHED, "3 1 1 " },
    { "3 1 1, expired", { { "3 1 1", OLD } }, SENT(OLD, BELOW), "mx.example.test", "", DANE_MATCHED, "3 1 1 " },
    { "3 1 1, early", { { "3 1 1", EARLY } }, SENT(EARLY), "mx.example.test", "", DANE_MATCHED, "3 1 1 " },
    { "3 0 1, self-signed", { { "3 0 1", SELF } }, SENT(SELF), "mx.example.test", "", DANE_MATCHED, "3 0 1 " },
    { "3 1 1, for clients", { { "3 1 1", FOR_CLIENTS } }, SENT(FOR_CLIENTS), "mx.example.test", "", DANE_MATCHED,
      "3 1 1 " },
    { "3 1 1, RSA-1024", { { "3 1 1", SHORT_KEY } }, SENT(SHORT_KEY), "mx.example.test", "", DANE_MATCHED, "3 1 1 " },
    { "3 1 1, SHA-1", { { "3 1 1", SHA_1 } }, SENT(SHA_1), "mx.example.test", "", DANE_MATCHED, "3 1 1 " },
    { "3 1 1 of another", { { "3 1 1", SELF } }, FULL, "mx.example.test", "", DANE_MISMATCH, "1 can be used" },
    { "3 1 1 of the issuer", { { "3 1 1", BELOW } }, FULL, "mx.example.test", "", DANE_MISMATCH, "1 can be used" },
    { "3 0 0 of another", { { "3 0 0", OLD } }, FULL, "mx.example.test", "", DANE_MISMATCH, "1 can be used" },
    /* DANE-09: rollover; DANE-06: one of several. */
    { "old and new, new shown", { { "3 1 1", OLD }, { "3 1 1", LEAF } }, FULL, "mx.example.test", "", DANE_MATCHED,
      "3 1 1 " },
    { "old and new, old shown", { { "3 1 1", OLD }, { "3 1 1", LEAF } }, SENT(OLD, BELOW), "mx.example.test", "",
      DANE_MATCHED, "3 1 1 " },
    { "leaf or anchor, anchor", { { "3 1 1", OLD }, { "2 0 1", ROOT } }, FULL, "mx.example.test", "", DANE_MATCHED,
      "2 0 1 " },
    { "leaf or anchor, leaf", { { "2 0 1", STRANGER }, { "3 1 1", LEAF } }, FULL, "mx.example.test", "", DANE_MATCHED,
      "3 1 1 " },
    { "neither", { { "2 0 1", STRANGER }, { "3 1 1", OLD } }, FULL, "mx.example.test", "", DANE_MISMATCH, "2 can be used" },
    /* DANE-07: the stronger digest is of something else. */
    { "only the weaker matches", { { "3 1 1", LEAF }, { "3 1 2", OLD } }, FULL, "mx.example.test", "", DANE_MISMATCH,
      "1 can be used" },
    { "whole data beside a digest", { { "3 1 0", LEAF }, { "3 1 2", OLD } }, FULL, "mx.example.test", "",
      DANE_MATCHED, "3 1 0 " },
    { "whole data of another", { { "3 1 0", OLD }, { "3 1 1", LEAF } }, FULL, "mx.example.test", "", DANE_MATCHED,
      "3 1 1 " },
    /* DANE-02: an anchor, with all that a chain must have. */
    { "2 0 1", { { "2 0 1", ROOT } }, FULL, "mx.example.test", "", DANE_MATCHED, "2 0 1 " },
    { "2 1 1", { { "2 1 1", ROOT } }, FULL, "mx.example.test", "", DANE_MATCHED, "2 1 1 " },
    { "2 0 2", { { "2 0 2", ROOT } }, FULL, "mx.example.test", "", DANE_MATCHED, "2 0 2 " },
    { "2 1 1 below the root", { { "2 1 1", BELOW } }, FULL, "mx.example.test", "", DANE_MATCHED, "2 1 1 " },
    { "2 0 1 below, root not sent", { { "2 0 1", BELOW } }, SENT(LEAF, BELOW), "mx.example.test", "", DANE_MATCHED,
      "2 0 1 " },
    { "2 0 1, root not sent", { { "2 0 1", ROOT } }, SENT(LEAF, BELOW), "mx.example.test", "", DANE_MISMATCH, "1 can be used" },
    { "2 1 1, root not sent", { { "2 1 1", ROOT } }, SENT(LEAF, BELOW), "mx.example.test", "", DANE_MISMATCH, "1 can be used" },
    { "2 1 1, nothing but the leaf", { { "2 1 1", BELOW } }, SENT(LEAF), "mx.example.test", "", DANE_MISMATCH,
      "1 can be used" },
    { "2 0 0, root not sent", { { "2 0 0", ROOT } }, SENT(LEAF, BELOW), "mx.example.test", "", DANE_MATCHED,
      "2 0 0 " },
    { "bare key, root not sent", { { "2 1 0", ROOT } }, SENT(LEAF, BELOW), "mx.example.test", "", DANE_MATCHED,
      "2 1 0 " },
    { "bare key, leaf alone", { { "2 1 0", ROOT } }, SENT(OF_ROOT), "mx.example.test", "", DANE_MATCHED, "2 1 0 " },
    { "bare key of another", { { "2 1 0", STRANGER } }, SENT(OF_ROOT), "mx.example.test", "", DANE_MISMATCH, "1 can be used" },
    { "2 1 1, issuers in disorder", { { "2 1 1", ROOT } }, SENT(LEAF, ROOT, BELOW), "mx.example.test", "",
      DANE_MATCHED, "2 1 1 " },
    { "2 0 1 of a bystander", { { "2 0 1", STRANGER } }, SENT(LEAF, BELOW, STRANGER), "mx.example.test", "",
      DANE_MISMATCH, "1 can be used" },
    { "2 0 1, another name", { { "2 0 1", ROOT } }, FULL, "mail.other.test", "", DANE_HOST_MISMATCH, "" },
    { "2 0 1, name of the domain", { { "2 0 1", ROOT } }, SENT(OTHER_NAME, BELOW, ROOT), "mx.example.test",
      "other.test", DANE_MATCHED, "2 0 1 " },
    { "2 0 1, common name beside DNS names", { { "2 0 1", ROOT } }, SENT(OTHER_NAME, BELOW, ROOT), "mx.example.test",
      "", DANE_HOST_MISMATCH, "" },
    { "2 0 1, common name alone", { { "2 0 1", ROOT } }, SENT(COMMON_NAME, BELOW, ROOT), "mx.example.test", "",
      DANE_MATCHED, "2 0 1 " },
    { "2 0 1, wildcard", { { "2 0 1", ROOT } }, SENT(WILD, BELOW, ROOT), "mx.example.test", "", DANE_MATCHED,
      "2 0 1 " },
    { "2 0 1, wildcard two labels up", { { "2 0 1", ROOT } }, SENT(WILD, BELOW, ROOT), "a.mx.example.test", "",
      DANE_HOST_MISMATCH, "" },
    { "2 0 1, a further name with a dot", { { "2 0 1", ROOT } }, SENT(OTHER_NAME, BELOW, ROOT), "mx.example.test",
      "other.test.", DANE_MATCHED, "2 0 1 " },
    { "2 0 1, no further name", { { "2 0 1", ROOT } }, SENT(OTHER_NAME, BELOW, ROOT), "mx.example.test", ".test",
      DANE_HOST_MISMATCH, "" },
    { "2 0 1, expired", { { "2 0 1", ROOT } }, SENT(OLD, BELOW, ROOT), "mx.example.test", "", DANE_EXPIRED,
      "certificate has expired: the server's own" },
    { "2 0 1, early", { { "2 0 1", ROOT } }, SENT(EARLY, BELOW, ROOT), "mx.example.test", "", DANE_INVALID,
      "certificate is not yet valid: the server's own" },
    { "2 0 1, issuer expired", { { "2 0 1", ROOT } }, SENT(OF_OLD_BELOW, OLD_BELOW, ROOT), "mx.example.test", "",
      DANE_EXPIRED, "certificate has expired: certificate 1" },
    { "2 0 1, for clients", { { "2 0 1", ROOT } }, SENT(FOR_CLIENTS, BELOW, ROOT), "mx.example.test", "",
      DANE_INVALID, "" },
    { "2 0 1, SHA-1", { { "2 0 1", ROOT } }, SENT(SHA_1, BELOW, ROOT), "mx.example.test", "", DANE_INVALID, "" },
    { "2 0 1 of the leaf", { { "2 0 1", LEAF } }, FULL, "mx.example.test", "", DANE_MISMATCH, "1 can be used" },
    { "2 0 1 of a self-signed leaf", { { "2 0 1", SELF } }, SENT(SELF), "nobody.test", "", DANE_MISMATCH, "1 can be used" },
    { "nothing shown", { { "3 1 1", LEAF } }, { MOST }, "mx.example.test", "", DANE_MISMATCH, "the server showed no" },
    { "no base domain", { { "3 1 1", LEAF } }, FULL, "", "", DANE_ERROR, "the TLS library does not take" },
};

static STACK_OF(X509) *stack_of(const enum who *sent)
{
    STACK_OF(X509) *all = sk_X509_new_null();

    for (; *sent != MOST; sent++)
        CHECK(sk_X509_push(all, made[*sent].cert) > 0);
    return all;
}

static void check_case(const struct judged *c)
{
    struct arena arena = { 0 };
    struct slice rdata[COUNT_OF(c->records)], further = slice_str(c->further);
    struct tls_dane_names names = { &further, c->further[0] != '\0' };
    struct tlsa_set set = { 0 };
    STACK_OF(X509) *sent = stack_of(c->sent);
    char text[TLS_FACTS_DANE_TEXT] = "";
    enum dane_verdict verdict;
    size_t len = 0;

    for (; len < COUNT_OF(rdata) && c->records[len].fields != NULL; len++)
        rdata[len] = rdata_of(&c->records[len], &arena);
    CHECK_CASE(c->name, tlsa_choose(rdata, len, &arena, &set) == DANE_USABLE);
    set.base_domain = slice_str(c->base);
    verdict = tls_dane_judge(&set, &names, sent, text, sizeof text);
    if (verdict != c->verdict)
        fail_msg("case '%s': %s, want %s (%s)", c->name, dane_verdict_name(verdict), dane_verdict_name(c->verdict),
                 text);
    CHECK_CASE(c->name, text[0] != '\0' && slice_starts(slice_str(text), slice_str(c->text)));
    sk_X509_free(sent);
    arena_release(&arena);
}

TEST(judge)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_case(&cases[i]);
}

/* DANE-04: what tlsa_choose() lets pass by its shape, and the library does not read. */
TEST(takes)
{
    struct arena arena = { 0 };
    struct slice rdata = rdata_of(&(struct spec){ "3 0 0", LEAF }, &arena);
    struct tlsa_record r = { .usage = 3, .data = slice_from(rdata, 3) };
    char *inner = arena_alloc(&arena, r.data.len);

    CHECK(tls_dane_takes(&r));
    memcpy(inner, r.data.ptr, r.data.len);
    inner[10] ^= 0x40; /* within what is signed */
    r.data.ptr = inner;
    CHECK(!tls_dane_takes(&r));
    r.data = slice_of("\x30\x06\x30\x00\x03\x02\x00\x0f", 8);
    r.selector = 1;
    CHECK(!tls_dane_takes(&r));
    arena_release(&arena);
}

/* One record that the library does not read beside one that matches; then alone. */
TEST(a_record_that_is_not_taken)
{
    struct arena arena = { 0 };
    struct slice rdata[] = { { "\3\1\0\x30\x06\x30\x00\x03\x02\x00\x0f", 11 },
                             rdata_of(&(struct spec){ "3 1 1", LEAF }, &arena) };
    static const struct tls_dane_names none = { NULL, 0 };
    struct tlsa_set set = { 0 };
    STACK_OF(X509) *sent = sk_X509_new_null();
    char text[TLS_FACTS_DANE_TEXT];

    CHECK(sk_X509_push(sent, made[LEAF].cert) > 0);
    CHECK(tlsa_choose(rdata, 2, &arena, &set) == DANE_USABLE && set.records_len == 2);
    set.base_domain = SLICE_LIT("mx.example.test");
    CHECK(tls_dane_judge(&set, &none, sent, text, sizeof text) == DANE_MATCHED);
    CHECK(tlsa_choose(rdata, 1, &arena, &set) == DANE_USABLE);
    CHECK(tls_dane_judge(&set, &none, sent, text, sizeof text) == DANE_ERROR);
    sk_X509_free(sent);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = { T(judge), T(takes), T(a_record_that_is_not_taken) };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
