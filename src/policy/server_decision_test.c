#include "policy/server_decision.h"

#include "base/test.h"

#define S(text) { (text), sizeof(text) - 1 }

static const struct slice patterns[] = { S("*.good.example") };
static const struct sts_policy enforce = { .mode = STS_MODE_ENFORCE, .mx = patterns, .mx_len = 1 };
static const struct tlsa_record record = { .usage = 3, .selector = 1, .type = 1 };
static const struct tlsa_set records = { .records = &record, .records_len = 1 };

#define MX "mx.good.example"
#define DEFAULT { .level = LEVEL_MAY, .uses_dane = true }
#define ENFORCE { .level = LEVEL_VERIFY, .sts = &enforce, .uses_dane = true }
#define REQUIRE(...) { .level = LEVEL_VERIFY, .needs_requiretls = true, .uses_dane = true, __VA_ARGS__ }

static const struct {
    const char         *name;
    struct decision     decision;
    const char         *server;
    bool                is_proven;
    enum dane_state     dane;
    enum server_verdict verdict;
    enum tls_result     result; /* SKIP, WAIT */
    enum tls_level      level;  /* TRY */
    bool                needs_match;
} cases[] = {
    { "nothing published (DNS-05)", DEFAULT, MX, true, DANE_NONE, SERVER_TRY, 0, LEVEL_MAY, false },
    { "not looked up", DEFAULT, MX, false, DANE_UNKNOWN, SERVER_TRY, 0, LEVEL_MAY, false },
    { "records", DEFAULT, MX, true, DANE_USABLE, SERVER_TRY, 0, LEVEL_DANE, true },
    { "records of an unproven server (DNS-08)", DEFAULT, MX, false, DANE_USABLE, SERVER_TRY, 0, LEVEL_ENCRYPT, true },
    { "unusable records (DANE-05)", DEFAULT, MX, true, DANE_UNUSABLE, SERVER_TRY, 0, LEVEL_ENCRYPT, false },
    { "forged records (DNS-03)", DEFAULT, MX, true, DANE_BOGUS, SERVER_WAIT, TLS_RESULT_DNSSEC_INVALID, 0, false },
    { "no answer for records (DNS-03)", DEFAULT, MX, true, DANE_FAILED, SERVER_WAIT, TLS_RESULT_DNSSEC_INVALID, 0, false },
    { "exempted", { .level = LEVEL_MAY }, MX, true, DANE_BOGUS, SERVER_TRY, 0, LEVEL_MAY, false },
    { "exempted from records", { .level = LEVEL_MAY }, MX, true, DANE_USABLE, SERVER_TRY, 0, LEVEL_MAY, false },
    { "in the policy", ENFORCE, MX, false, DANE_NONE, SERVER_TRY, 0, LEVEL_VERIFY, false },
    { "not in the policy (STS-21)", ENFORCE, "mx.bad.example", true, DANE_NONE, SERVER_SKIP,
      TLS_RESULT_VALIDATION_FAILURE, 0, false },
    { "two labels (STS-12)", ENFORCE, "a.mx.good.example", true, DANE_NONE, SERVER_SKIP, TLS_RESULT_VALIDATION_FAILURE, 0,
      false },
    { "records outrank the policy", ENFORCE, MX, true, DANE_USABLE, SERVER_TRY, 0, LEVEL_DANE, true },
    { "records outrank the policy's list", ENFORCE, "mx.bad.example", true, DANE_USABLE, SERVER_TRY, 0, LEVEL_DANE, true },
    { "records of an unproven server do not outrank it (DNS-08)", ENFORCE, MX, false, DANE_USABLE, SERVER_TRY, 0,
      LEVEL_VERIFY, true },
    { "nor let it out of the list", ENFORCE, "mx.bad.example", false, DANE_USABLE, SERVER_SKIP,
      TLS_RESULT_VALIDATION_FAILURE, 0, false },
    { "unusable records do not lower it", ENFORCE, MX, true, DANE_UNUSABLE, SERVER_TRY, 0, LEVEL_VERIFY, false },
    { "forged records are not saved by it (DANE-10)", ENFORCE, MX, true, DANE_BOGUS, SERVER_WAIT,
      TLS_RESULT_DNSSEC_INVALID, 0, false },
    { "dane demanded, records", { .level = LEVEL_DANE, .uses_dane = true }, MX, true, DANE_USABLE, SERVER_TRY, 0,
      LEVEL_DANE, true },
    { "dane demanded, none", { .level = LEVEL_DANE, .uses_dane = true }, MX, true, DANE_NONE, SERVER_SKIP,
      TLS_RESULT_DANE_REQUIRED, 0, false },
    { "dane demanded, unusable", { .level = LEVEL_DANE, .uses_dane = true }, MX, true, DANE_UNUSABLE, SERVER_SKIP,
      TLS_RESULT_DANE_REQUIRED, 0, false },
    { "dane demanded, unproven", { .level = LEVEL_DANE, .uses_dane = true }, MX, false, DANE_USABLE, SERVER_SKIP,
      TLS_RESULT_DANE_REQUIRED, 0, false },
    { "REQUIRETLS by DANE", REQUIRE(), MX, true, DANE_USABLE, SERVER_TRY, 0, LEVEL_DANE, true },
    { "REQUIRETLS by a policy", REQUIRE(.sts = &enforce), MX, false, DANE_NONE, SERVER_TRY, 0, LEVEL_VERIFY, false },
    { "REQUIRETLS by signed MX and a trusted issuer (RTL-02)", REQUIRE(), MX, true, DANE_NONE, SERVER_TRY, 0, LEVEL_VERIFY,
      false },
    { "REQUIRETLS by nothing (RTL-02)", REQUIRE(), MX, false, DANE_NONE, SERVER_SKIP, TLS_RESULT_VALIDATION_FAILURE, 0,
      false },
    { "REQUIRETLS, records of an unproven server (DNS-08)", REQUIRE(), MX, false, DANE_USABLE, SERVER_SKIP,
      TLS_RESULT_VALIDATION_FAILURE, 0, false },
    { "REQUIRETLS, the policy could not be had", REQUIRE(.is_uncertain = true), MX, false, DANE_NONE, SERVER_WAIT,
      TLS_RESULT_VALIDATION_FAILURE, 0, false },
    { "REQUIRETLS by a host of ours", { .level = LEVEL_VERIFY, .needs_requiretls = true }, MX, true, DANE_UNKNOWN, SERVER_TRY,
      0, LEVEL_VERIFY, false },
};

TEST(policy_decide_server)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct server_facts facts = { slice_str(cases[i].server), cases[i].is_proven, cases[i].dane,
                                      cases[i].dane == DANE_USABLE ? &records : NULL };
        struct server_decision out;
        struct arena arena = { 0 };

        policy_decide_server(&cases[i].decision, &facts, &arena, &out);
        CHECK_CASE(cases[i].name, out.verdict == cases[i].verdict && out.text.len > 0);
        CHECK_CASE(cases[i].name, out.verdict == SERVER_TRY || out.result == cases[i].result);
        CHECK_CASE(cases[i].name, out.verdict != SERVER_TRY || out.decision.level == cases[i].level);
        CHECK_CASE(cases[i].name, out.verdict != SERVER_TRY || out.decision.needs_tlsa_match == cases[i].needs_match);
        CHECK_CASE(cases[i].name, (out.tlsa != NULL) == cases[i].needs_match);
        arena_release(&arena);
    }
}

TEST(sts_session_check)
{
    struct tls_facts good = { .is_tls = true, .version = TLS_VERSION_1_3, .verdict = CERT_TRUSTED, .name_matches = true };
    struct tls_facts expired = good, old = good, clear = { .is_tls = false };
    const char *code;

    expired.verdict = CERT_EXPIRED;
    old.version = TLS_VERSION_1_1;
    CHECK(sts_session_check(&enforce, SLICE_LIT(MX), &good, &code) == TLS_RESULT_OK && code[0] == '\0');
    CHECK(sts_session_check(&enforce, SLICE_LIT(MX), &expired, &code) == TLS_RESULT_CERTIFICATE_EXPIRED);
    CHECK(sts_session_check(&enforce, SLICE_LIT(MX), &old, &code) == TLS_RESULT_VALIDATION_FAILURE);
    CHECK(sts_session_check(&enforce, SLICE_LIT(MX), &clear, &code) == TLS_RESULT_STARTTLS_NOT_SUPPORTED);
    CHECK(sts_session_check(&enforce, SLICE_LIT("mx.bad.example"), &good, &code) == TLS_RESULT_VALIDATION_FAILURE);
    CHECK_STR(slice_str(code), "mx-not-in-policy");
}

RUN_TESTS(T(policy_decide_server), T(sts_session_check))
