/* When a certificate may be served as far as DANE goes (RFC 7671 section 8.1, DANE-08/09: rollover). */
#include "certs/tlsa_guard.h"

#include "base/test.h"

static const struct {
    const char *name;
    struct guard_case c;
    int64_t now_s;
    enum guard_verdict verdict;
    int64_t until_s;
} cases[] = {
    { "no answer yet", { .has_records = true, .matches = true }, 1000, GUARD_UNKNOWN, 0 },
    { "nobody validates", { .is_known = true }, 1000, GUARD_FREE, 0 },
    { "records, none for it", { .is_known = true, .has_records = true, .incumbent_matches = true }, 1000, GUARD_NEEDS_RECORD, 0 },
    { "records, none for it, nor for what is served", { .is_known = true, .has_records = true }, 1000, GUARD_NEEDS_RECORD, 0 },
    { "just published", { .is_known = true, .has_records = true, .matches = true, .incumbent_matches = true, .seen_s = 1000, .ttl_s = 300 }, 1000, GUARD_WAITS_TTL, 1300 },
    { "one second short", { .is_known = true, .has_records = true, .matches = true, .incumbent_matches = true, .seen_s = 1000, .ttl_s = 300 }, 1299, GUARD_WAITS_TTL, 1300 },
    { "long enough", { .is_known = true, .has_records = true, .matches = true, .incumbent_matches = true, .seen_s = 1000, .ttl_s = 300 }, 1300, GUARD_FREE, 1300 },
    { "what is served fails anyway", { .is_known = true, .has_records = true, .matches = true, .seen_s = 1000, .ttl_s = 300 }, 1000, GUARD_FREE, 1300 },
    { "all records withdrawn, caches hold them", { .is_known = true, .seen_s = 1000, .ttl_s = 300 }, 1299, GUARD_WAITS_TTL, 1300 },
    { "all records withdrawn long ago", { .is_known = true, .seen_s = 1000, .ttl_s = 300 }, 1300, GUARD_FREE, 1300 },
};

TEST(verdicts)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t until_s = 0;

        CHECK_CASE(cases[i].name, guard_judge(&cases[i].c, cases[i].now_s, &until_s) == cases[i].verdict);
        if (cases[i].verdict == GUARD_WAITS_TTL)
            CHECK_CASE(cases[i].name, until_s == cases[i].until_s);
    }
}

RUN_TESTS(T(verdicts))
