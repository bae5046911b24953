#include "tlsrpt/session.h"

#include "base/test.h"
#include "base/utf8.h"

#include <jansson.h>

enum { LONG = 40 * 1024 };

#define LITERAL(s)                                                                                                    \
    {                                                                                                                 \
        (s), sizeof(s) - 1                                                                                            \
    }

static const struct tlsrpt_failure expired = { .result_type = LITERAL("certificate-expired"),
                                               .sending_mta_ip = LITERAL("192.0.2.1"),
                                               .receiving_mx_hostname = LITERAL("mx.a.example"),
                                               .failure_reason_code = LITERAL("a \"quoted\"\r\n\x01\\ one\xff"),
                                               .count = 7 };

static void cut(const struct tlsrpt_policy *policies, size_t policies_len, struct arena *arena,
                const struct tlsrpt_row **rows, size_t *len)
{
    struct tlsrpt_session s = { .domain = SLICE_LIT("a.example"), .policies = policies, .policies_len = policies_len };

    tlsrpt_rows_of(&s, arena, rows, len);
}

TEST(texts)
{
    static const struct slice records[] = { LITERAL("3 1 1 bb"), LITERAL("2 0 1 aa"), LITERAL("3 1 1 b") };
    static const struct slice mx = LITERAL("mx.a.example");
    const struct tlsrpt_policy p = { .type = TLSRPT_TLSA,
                                     .domain = SLICE_LIT("mx.a.example"),
                                     .strings = records,
                                     .strings_len = COUNT_OF(records),
                                     .mx_hosts = &mx,
                                     .mx_hosts_len = 1,
                                     .is_failed = true,
                                     .failures = &expired,
                                     .failures_len = 1 };
    const struct tlsrpt_row *rows;
    struct arena arena = { 0 };
    size_t len;

    cut(&p, 1, &arena, &rows, &len);
    CHECK_INT(len, 2);
    CHECK_STR(rows[0].domain, "a.example");
    CHECK_STR(rows[0].policy, "{\"policy-type\":\"tlsa\",\"policy-string\":[\"2 0 1 aa\",\"3 1 1 b\",\"3 1 1 bb\"],"
                              "\"policy-domain\":\"mx.a.example\",\"mx-host\":[\"mx.a.example\"]}");
    CHECK_STR(rows[0].detail, "!");
    CHECK_INT(rows[0].count, 1);
    CHECK(slice_eq(rows[1].policy, rows[0].policy));
    CHECK_STR(rows[1].detail,
              "{\"result-type\":\"certificate-expired\",\"sending-mta-ip\":\"192.0.2.1\","
              "\"receiving-mx-hostname\":\"mx.a.example\","
              "\"failure-reason-code\":\"a \\\"quoted\\\"\\u000d\\u000a\\u0001\\\\ one\xef\xbf\xbd\"}");
    CHECK_INT(rows[1].count, 1);
    arena_release(&arena);
}

/* Two policies, one session under each; the same failure told twice is one session. */
TEST(several_policies)
{
    static const struct slice lines[] = { LITERAL("version: STSv1"), LITERAL("mode: enforce"), LITERAL("mx: b"),
                                          LITERAL("mx: a") };
    const struct tlsrpt_failure twice[] = { expired, expired };
    const struct tlsrpt_policy policies[] = {
        { .type = TLSRPT_STS, .domain = SLICE_LIT("a.example"), .strings = lines, .strings_len = COUNT_OF(lines) },
        { .type = TLSRPT_NO_POLICY, .domain = SLICE_LIT("a.example"), .failures = twice, .failures_len = 2 },
        { .type = TLSRPT_NO_POLICY, .domain = SLICE_LIT("a.example") },
    };
    const struct tlsrpt_row *rows;
    struct arena arena = { 0 };
    size_t len;

    cut(policies, COUNT_OF(policies), &arena, &rows, &len);
    CHECK_INT(len, 3);
    CHECK_STR(rows[0].policy,
              "{\"policy-type\":\"sts\",\"policy-string\":[\"version: STSv1\",\"mode: enforce\",\"mx: b\","
              "\"mx: a\"],\"policy-domain\":\"a.example\"}");
    CHECK_STR(rows[0].detail, "");
    CHECK_STR(rows[1].policy, "{\"policy-type\":\"no-policy-found\",\"policy-domain\":\"a.example\"}");
    CHECK_STR(rows[1].detail, "");
    CHECK(slice_eq(rows[2].policy, rows[1].policy) && rows[2].detail.len > 1);
    arena_release(&arena);
}

static void check_text(struct slice text)
{
    json_t *top = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL);

    CHECK(text.len <= TLSRPT_TEXT_MAX && utf8_is_valid(text) && json_is_object(top));
    json_decref(top);
}

/* RPT-02: whatever the strings are, the texts are JSON within their bounds. */
TEST(overlong)
{
    static const char fills[] = { 'x', '\x01', '"', '\xff' };
    static char big[LONG];
    const struct tlsrpt_row *rows;

    for (size_t i = 0; i < COUNT_OF(fills); i++) {
        struct slice all = slice_of(memset(big, fills[i], sizeof big), sizeof big), list[1000];
        struct tlsrpt_failure f = { all, all, all, all, all, all, all, 1 };
        struct tlsrpt_policy p = {
            .domain = all, .strings = list, .mx_hosts = list, .failures = &f, .failures_len = 1
        };
        struct arena arena = { 0 };
        size_t len;

        for (size_t j = 0; j < COUNT_OF(list); j++)
            list[j] = j % 2 == 0 ? all : slice_first(all, j);
        p.strings_len = p.mx_hosts_len = COUNT_OF(list);
        cut(&p, 1, &arena, &rows, &len);
        CHECK_INT(len, 2);
        check_text(rows[0].policy);
        check_text(rows[1].detail);
        for (size_t j = 0; j < COUNT_OF(list); j++)
            list[j] = slice_first(all, 10 + j % 7);
        cut(&p, 1, &arena, &rows, &len);
        check_text(rows[0].policy);
        arena_release(&arena);
    }
}

TEST(too_many)
{
    struct tlsrpt_policy policies[100];
    struct tlsrpt_failure failures[100];
    char names[100][16];
    const struct tlsrpt_row *rows;
    struct arena arena = { 0 };
    size_t len;

    for (size_t i = 0; i < COUNT_OF(failures); i++) {
        (void)snprintf(names[i], sizeof names[i], "n%zu.example", i);
        failures[i] = (struct tlsrpt_failure){ .result_type = slice_str(names[i]) };
    }
    for (size_t i = 0; i < COUNT_OF(policies); i++)
        policies[i] = (struct tlsrpt_policy){
            .type = TLSRPT_STS, .domain = slice_str(names[i]), .failures = failures, .failures_len = 100
        };
    cut(policies, 3, &arena, &rows, &len);
    CHECK_INT(len, TLSRPT_ROWS_MOST);
    for (size_t i = 0; i < len; i++)
        CHECK((rows[i].detail.len == 0) == (i < 3));
    cut(policies, COUNT_OF(policies), &arena, &rows, &len);
    CHECK_INT(len, TLSRPT_ROWS_MOST);
    for (size_t i = 0; i < len; i++)
        CHECK(rows[i].detail.len == 0);
    arena_release(&arena);
}

/* RPT-03. */
TEST(counts_saturate)
{
    CHECK(tlsrpt_count_add(2, 3) == 5);
    CHECK(tlsrpt_count_add(TLSRPT_COUNT_MAX, 0) == TLSRPT_COUNT_MAX);
    CHECK(tlsrpt_count_add(TLSRPT_COUNT_MAX - 1, 2) == TLSRPT_COUNT_MAX);
    CHECK(tlsrpt_count_add(1, UINT64_MAX) == TLSRPT_COUNT_MAX);
    CHECK(tlsrpt_count_add(UINT64_MAX, UINT64_MAX) == TLSRPT_COUNT_MAX);
}

RUN_TESTS(T(texts), T(several_policies), T(overlong), T(too_many), T(counts_saturate))
