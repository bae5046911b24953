#include "policy/caa.h"

#include "base/test.h"

#define ISSUE "\0\5issue"
#define WILD "\0\11issuewild"
#define RDATA(s)                                                                                                      \
    {                                                                                                                 \
        s, sizeof(s) - 1                                                                                              \
    }
#define LE "CN=R3,O=Let's Encrypt,C=US"

static const struct {
    const char *name, *issuer;
    bool is_wildcard;
    enum caa_answer answer;
    struct slice records[3];
} cases[] = {
    { "no record", LE, false, CAA_ANYBODY, { { 0 } } },
    { "only where to complain", LE, false, CAA_ANYBODY, { RDATA("\0\5iodefmailto:a@b.example") } },
    { "allowed", LE, false, CAA_ALLOWED, { RDATA(ISSUE "letsencrypt.org") } },
    { "in capitals", LE, false, CAA_ALLOWED, { RDATA("\0\5ISSUELetsEncrypt.ORG") } },
    { "with parameters", LE, false, CAA_ALLOWED, { RDATA(ISSUE " letsencrypt.org ; validationmethods=dns-01") } },
    { "the second", LE, false, CAA_ALLOWED, { RDATA(ISSUE "digicert.com"), RDATA(ISSUE "letsencrypt.org") } },
    { "another", LE, false, CAA_OTHERS, { RDATA(ISSUE "digicert.com") } },
    { "a brand of the same house",
      "CN=GeoTrust TLS RSA CA G1,O=DigiCert Inc",
      false,
      CAA_ALLOWED,
      { RDATA(ISSUE "geotrust.com") } },
    { "nobody", LE, false, CAA_NOBODY, { RDATA(ISSUE ";") } },
    { "empty", LE, false, CAA_NOBODY, { RDATA(ISSUE) } },
    { "nobody beside one", LE, false, CAA_ALLOWED, { RDATA(ISSUE ";"), RDATA(ISSUE "letsencrypt.org") } },
    { "an issuer that nobody knows", "CN=x,O=House of Keys", false, CAA_UNCLEAR, { RDATA(ISSUE "letsencrypt.org") } },
    { "one that is called as its domain",
      "CN=x,O=House of Keys",
      false,
      CAA_ALLOWED,
      { RDATA(ISSUE "ca.houseofkeys.example") } },
    { "too short to tell", "CN=x,O=ABC", false, CAA_UNCLEAR, { RDATA(ISSUE "abc.example") } },
    { "no domain", "CN=x,O=House", false, CAA_UNCLEAR, { RDATA(ISSUE "house") } },
    { "wildcards as others", LE, true, CAA_ALLOWED, { RDATA(ISSUE "letsencrypt.org") } },
    { "wildcards by others", LE, true, CAA_OTHERS, { RDATA(ISSUE "letsencrypt.org"), RDATA(WILD "sectigo.com") } },
    { "no wildcards", LE, true, CAA_NOBODY, { RDATA(ISSUE "letsencrypt.org"), RDATA(WILD ";") } },
    { "wildcards alone", LE, false, CAA_ANYBODY, { RDATA(WILD ";") } },
    { "unknown, not critical", LE, false, CAA_ALLOWED, { RDATA("\0\3fooxyz"), RDATA(ISSUE "letsencrypt.org") } },
    { "unknown, critical", LE, false, CAA_NOBODY, { RDATA(ISSUE "letsencrypt.org"), RDATA("\200\3fooxyz") } },
    { "known, critical", LE, false, CAA_ALLOWED, { RDATA("\200\5issueletsencrypt.org") } },
};

TEST(judged)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct caa_record records[3];
        size_t len = 0;

        for (; len < COUNT_OF(records) && cases[i].records[len].ptr != NULL; len++)
            CHECK_CASE(cases[i].name, caa_record_read(cases[i].records[len], &records[len]));
        CHECK_CASE(cases[i].name,
                   caa_judge(records, len, slice_str(cases[i].issuer), cases[i].is_wildcard) == cases[i].answer);
    }
}

TEST(malformed)
{
    static const struct slice bad[] = { RDATA(""), RDATA("\0"), RDATA("\0\0issue"), RDATA("\0\6issue"),
                                        RDATA("\0\377issue") };
    struct caa_record r;

    for (size_t i = 0; i < COUNT_OF(bad); i++)
        CHECK(!caa_record_read(bad[i], &r));
    CHECK(caa_record_read(slice_of("\0\1x", 3), &r) && r.value.len == 0 && r.tag.len == 1);
}

RUN_TESTS(T(judged), T(malformed))
