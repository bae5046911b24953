#include "policy/decide.h"

#include "base/test.h"

#define S(text) { (text), sizeof(text) - 1 }

static const struct slice names[] = { S("a.example"), S("b.example"), S("c.example") };

#define TLS13 .is_tls = true, .version = TLS_VERSION_1_3
#define TRUSTED .verdict = CERT_TRUSTED

static const struct {
    const char      *name;
    struct decision  d;
    struct tls_facts facts;
    enum tls_result  result;
    const char      *why;
} cases[] = {
    { "none, clear", { .level = LEVEL_NONE }, { .is_tls = false }, TLS_RESULT_OK, "" },
    { "may, clear (TLS-07)", { .level = LEVEL_MAY }, { .is_tls = false }, TLS_RESULT_OK, "" },
    { "may, clear after a failed handshake", { .level = LEVEL_MAY }, { .handshake_error = "no shared cipher" },
      TLS_RESULT_OK, "" },
    { "may, TLS, nothing known of the certificate (TLS-26)", { .level = LEVEL_MAY }, { TLS13 }, TLS_RESULT_OK, "" },
    { "encrypt, clear (TLS-06)", { .level = LEVEL_ENCRYPT }, { .is_tls = false }, TLS_RESULT_STARTTLS_NOT_SUPPORTED,
      "'mx1' does not offer STARTTLS, and TLS is demanded" },
    { "encrypt, handshake failed", { .level = LEVEL_ENCRYPT }, { .handshake_error = "no shared cipher" },
      TLS_RESULT_VALIDATION_FAILURE, "TLS handshake with 'mx1' failed: no shared cipher" },
    { "encrypt, TLS", { .level = LEVEL_ENCRYPT }, { TLS13, .verdict = CERT_SELF_SIGNED }, TLS_RESULT_OK, "" },
    { "a version demanded, clear", { .level = LEVEL_MAY, .min_version = TLS_VERSION_1_2 }, { .is_tls = false },
      TLS_RESULT_STARTTLS_NOT_SUPPORTED, "'mx1' does not offer STARTTLS, and TLS is demanded" },
    { "version too low", { .level = LEVEL_ENCRYPT, .min_version = TLS_VERSION_1_3 },
      { .is_tls = true, .version = TLS_VERSION_1_2 }, TLS_RESULT_VALIDATION_FAILURE,
      "'mx1' speaks TLS 1.2, and TLS 1.3 or higher is demanded" },
    { "version just right", { .level = LEVEL_ENCRYPT, .min_version = TLS_VERSION_1_2 },
      { .is_tls = true, .version = TLS_VERSION_1_2 }, TLS_RESULT_OK, "" },
    { "verify, all good", { .level = LEVEL_VERIFY }, { TLS13, TRUSTED, .name_matches = true }, TLS_RESULT_OK, "" },
    { "verify, clear", { .level = LEVEL_VERIFY }, { .is_tls = false }, TLS_RESULT_STARTTLS_NOT_SUPPORTED,
      "'mx1' does not offer STARTTLS, and TLS is demanded" },
    { "verify, expired", { .level = LEVEL_VERIFY },
      { TLS13, .verdict = CERT_EXPIRED, .not_after_s = 1767225600, .name_matches = true },
      TLS_RESULT_CERTIFICATE_EXPIRED, "certificate of 'mx1' expired 2026-01-01" },
    { "verify, an issuer expired", { .level = LEVEL_VERIFY },
      { TLS13, .verdict = CERT_EXPIRED, .verdict_text = "CN=Old Root" },
      TLS_RESULT_CERTIFICATE_EXPIRED, "certificate of 'mx1' expired: CN=Old Root" },
    { "verify, not yet valid", { .level = LEVEL_VERIFY }, { TLS13, .verdict = CERT_NOT_YET_VALID },
      TLS_RESULT_VALIDATION_FAILURE, "certificate of 'mx1' is not valid yet" },
    { "verify, self-signed, although the name matches", { .level = LEVEL_VERIFY },
      { TLS13, .verdict = CERT_SELF_SIGNED, .name_matches = true },
      TLS_RESULT_CERTIFICATE_NOT_TRUSTED, "certificate of 'mx1' is self-signed" },
    { "verify, self-signed and another name: the exact cause (section 8)", { .level = LEVEL_VERIFY },
      { TLS13, .verdict = CERT_SELF_SIGNED }, TLS_RESULT_CERTIFICATE_NOT_TRUSTED, "certificate of 'mx1' is self-signed" },
    { "verify, unknown issuer", { .level = LEVEL_VERIFY },
      { TLS13, .verdict = CERT_UNTRUSTED, .verdict_text = "unable to get local issuer certificate" },
      TLS_RESULT_CERTIFICATE_NOT_TRUSTED,
      "certificate of 'mx1' is not trusted: unable to get local issuer certificate" },
    { "verify, no certificate", { .level = LEVEL_VERIFY }, { TLS13, .verdict = CERT_ABSENT },
      TLS_RESULT_CERTIFICATE_NOT_TRUSTED, "certificate of 'mx1' is missing" },
    { "verify, another name", { .level = LEVEL_VERIFY }, { TLS13, TRUSTED, .subject = "CN=else.example" },
      TLS_RESULT_CERTIFICATE_HOST_MISMATCH, "certificate of 'mx1' is for another name (subject 'CN=else.example'): "
      "expected the server's own name or the domain" },
    { "verify, another name than those of the rule", { .level = LEVEL_VERIFY, .names = names, .names_len = 3 },
      { TLS13, TRUSTED, .subject = "CN=else.example" },
      TLS_RESULT_CERTIFICATE_HOST_MISMATCH, "certificate of 'mx1' is for another name (subject 'CN=else.example'): "
      "expected 'a.example', 'b.example' or 'c.example'" },
    { "verify, any name", { .level = LEVEL_VERIFY, .any_name = true }, { TLS13, TRUSTED }, TLS_RESULT_OK, "" },
    { "verify, any name, but untrusted", { .level = LEVEL_VERIFY, .any_name = true }, { TLS13, .verdict = CERT_UNTRUSTED },
      TLS_RESULT_CERTIFICATE_NOT_TRUSTED, "certificate of 'mx1' is not trusted" },
    { "dane, nothing to hold it against", { .level = LEVEL_DANE }, { TLS13, TRUSTED, .name_matches = true },
      TLS_RESULT_DANE_REQUIRED,
      "certificate of 'mx1' was held against no TLSA record, and level dane is demanded" },
    { "dane, matched, expired and of another name (DANE-01)", { .level = LEVEL_DANE },
      { TLS13, .verdict = CERT_EXPIRED, .dane = DANE_MATCHED }, TLS_RESULT_OK, "" },
    { "dane, mismatch, however trusted (DANE-10)", { .level = LEVEL_DANE },
      { TLS13, TRUSTED, .name_matches = true, .dane = DANE_MISMATCH }, TLS_RESULT_TLSA_INVALID,
      "certificate of 'mx1' matches none of its TLSA records" },
    { "dane, usage 2, expired (DANE-02)", { .level = LEVEL_DANE }, { TLS13, .dane = DANE_EXPIRED },
      TLS_RESULT_CERTIFICATE_EXPIRED,
      "certificate of 'mx1' has expired, though a TLSA record matches its issuer" },
    { "dane, usage 2, another name (DANE-02)", { .level = LEVEL_DANE }, { TLS13, .dane = DANE_HOST_MISMATCH },
      TLS_RESULT_CERTIFICATE_HOST_MISMATCH,
      "certificate of 'mx1' is for another name, though a TLSA record matches its issuer" },
    { "dane, the library failed (DANE-04)", { .level = LEVEL_DANE },
      { TLS13, TRUSTED, .name_matches = true, .dane = DANE_ERROR, .dane_text = "no memory" },
      TLS_RESULT_VALIDATION_FAILURE, "certificate of 'mx1' could not be held against its TLSA records: no memory" },
    { "dane, clear", { .level = LEVEL_DANE }, { .is_tls = false }, TLS_RESULT_STARTTLS_NOT_SUPPORTED,
      "'mx1' does not offer STARTTLS, and TLS is demanded" },
    { "verify and a record besides (DNS-08), both good", { .level = LEVEL_VERIFY, .needs_tlsa_match = true },
      { TLS13, TRUSTED, .name_matches = true, .dane = DANE_MATCHED }, TLS_RESULT_OK, "" },
    { "verify and a record besides, the record fails", { .level = LEVEL_VERIFY, .needs_tlsa_match = true },
      { TLS13, TRUSTED, .name_matches = true, .dane = DANE_MISMATCH }, TLS_RESULT_TLSA_INVALID,
      "certificate of 'mx1' matches none of its TLSA records" },
    { "verify and a record besides, the issuer fails", { .level = LEVEL_VERIFY, .needs_tlsa_match = true },
      { TLS13, .verdict = CERT_UNTRUSTED, .dane = DANE_MATCHED }, TLS_RESULT_CERTIFICATE_NOT_TRUSTED,
      "certificate of 'mx1' is not trusted" },
};

TEST(decision_check)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fault why = { "" };
        enum tls_result r = decision_check(&cases[i].d, &cases[i].facts, SLICE_LIT("mx1"), &why);

        if (r != cases[i].result || strcmp(why.text, cases[i].why) != 0)
            fail_msg("case '%s': got %s, '%s'", cases[i].name, tls_result_name(r), why.text);
    }
}

/* F8, TLS-06: whatever is true of a connection in clear, no demand for TLS lets it pass. */
TEST(clear_text_never_meets_a_demand)
{
    for (enum tls_level l = LEVEL_ENCRYPT; l <= LEVEL_DANE; l++) {
        for (enum cert_verdict v = CERT_ABSENT; v <= CERT_UNTRUSTED; v++) {
            struct decision d = { .level = l, .any_name = true };
            struct tls_facts facts = { .version = TLS_VERSION_1_3, .verdict = v, .name_matches = true };

            CHECK(decision_check(&d, &facts, SLICE_LIT("mx1"), NULL) != TLS_RESULT_OK);
        }
    }
}

TEST(tls_result_names)
{
    CHECK_STR(slice_str(tls_result_name(TLS_RESULT_OK)), "ok");
    CHECK_STR(slice_str(tls_result_name(TLS_RESULT_STARTTLS_NOT_SUPPORTED)), "starttls-not-supported");
    CHECK_STR(slice_str(tls_result_name(TLS_RESULT_STS_WEBPKI_INVALID)), "sts-webpki-invalid");
}

RUN_TESTS(T(decision_check), T(clear_text_never_meets_a_demand), T(tls_result_names))
