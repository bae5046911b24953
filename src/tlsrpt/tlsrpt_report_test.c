#include "tlsrpt/report.h"

#include "base/test.h"

#define STS "{\"policy-type\":\"sts\",\"policy-string\":[\"version: STSv1\",\"mode: enforce\"],\"policy-domain\":\"partner.example\"," \
            "\"mx-host\":[\"*.partner.example\"]}"
#define NONE "{\"policy-type\":\"no-policy-found\",\"policy-domain\":\"partner.example\"}"
#define EXPIRED "{\"result-type\":\"certificate-expired\",\"receiving-mx-hostname\":\"mx.partner.example\",\"receiving-ip\":\"192.0.2.2\"}"
#define UNTRUSTED "{\"result-type\":\"certificate-not-trusted\",\"failure-reason-code\":\"a \\\"b\\\"\"}"
#define CLEAR "{\"result-type\":\"starttls-not-supported\"}"
#define ROW(p, d, n) { { "partner.example", 15 }, { p, sizeof(p) - 1 }, { d, sizeof(d) - 1 }, n }

enum { START_S = 1790035200, END_S = START_S + 86399 }; /* 2026-09-22 */

static const struct tlsrpt_row rows[] = {
    ROW(STS, CLEAR, 2),         ROW(NONE, "", 5), ROW(STS, "", 1), ROW(STS, EXPIRED, 3),
    ROW(STS, "", 99),           ROW(STS, "!", 7), ROW("no JSON", "", 4), ROW("no JSON", "!", 4),
    ROW(STS, "{\"result-type\":[]}", 1), ROW(STS, UNTRUSTED, 2), ROW(STS, CLEAR, 1),
};

static struct tlsrpt_report gather(const struct tlsrpt_row *of, size_t len, struct arena *arena, size_t *odd)
{
    struct tlsrpt_report r = { .organization = SLICE_LIT("Sender"),
                               .contact = SLICE_LIT("postmaster@sender.example"),
                               .start_s = START_S,
                               .end_s = END_S };

    r.id = tlsrpt_report_id(START_S, SLICE_LIT("sender.example"), SLICE_LIT("partner.example"), arena);
    tlsrpt_report_gather(of, len, arena, &r, odd);
    return r;
}

static const char whole[] =
    "{\"organization-name\":\"Sender\",\"date-range\":{\"start-datetime\":\"2026-09-22T00:00:00Z\","
    "\"end-datetime\":\"2026-09-22T23:59:59Z\"},\"contact-info\":\"postmaster@sender.example\","
    "\"report-id\":\"20260922.909759d402ee5669@sender.example\",\"policies\":["
    "{\"policy\":" NONE ",\"summary\":{\"total-successful-session-count\":5,\"total-failure-session-count\":0}},"
    "{\"policy\":" STS ",\"summary\":{\"total-successful-session-count\":100,\"total-failure-session-count\":7},"
    "\"failure-details\":["
    "{\"result-type\":\"certificate-expired\",\"receiving-mx-hostname\":\"mx.partner.example\",\"receiving-ip\":\"192.0.2.2\","
    "\"failed-session-count\":3},"
    "{\"result-type\":\"starttls-not-supported\",\"failed-session-count\":3},"
    "{\"result-type\":\"certificate-not-trusted\",\"failed-session-count\":2,\"failure-reason-code\":\"a \\\"b\\\"\"}]}]}";

TEST(whole)
{
    struct arena arena = { 0 };
    size_t odd;
    struct tlsrpt_report r = gather(rows, COUNT_OF(rows), &arena, &odd);

    CHECK_INT(odd, 3);
    CHECK_STR(tlsrpt_report_write(&r, &arena), whole);
    arena_release(&arena);
}

/* A node that takes over builds the same report, whatever order the store gives its rows in. */
TEST(order_does_not_matter)
{
    struct tlsrpt_row turned[COUNT_OF(rows)];
    struct arena arena = { 0 };
    size_t odd;

    for (size_t shift = 0; shift < COUNT_OF(rows); shift++) {
        struct tlsrpt_report r;

        for (size_t i = 0; i < COUNT_OF(rows); i++)
            turned[i] = rows[(COUNT_OF(rows) - 1 - i + shift) % COUNT_OF(rows)];
        r = gather(turned, COUNT_OF(rows), &arena, &odd);
        CHECK_INT(odd, 3);
        CHECK_STR(tlsrpt_report_write(&r, &arena), whole);
    }
    arena_release(&arena);
}

TEST(nothing)
{
    struct arena arena = { 0 };
    size_t odd;
    struct tlsrpt_report r = gather(NULL, 0, &arena, &odd);

    CHECK(odd == 0 && r.policies_len == 0);
    CHECK(slice_ends_case(tlsrpt_report_write(&r, &arena), SLICE_LIT(",\"policies\":[]}")));
    arena_release(&arena);
}

/* RPT-03. */
TEST(counts_saturate)
{
    static const struct tlsrpt_row huge[] = {
        ROW(NONE, "", TLSRPT_COUNT_MAX), ROW(NONE, "", 1),     ROW(NONE, "!", UINT64_MAX),
        ROW(NONE, CLEAR, UINT64_MAX),    ROW(NONE, CLEAR, 12),
    };
    struct arena arena = { 0 };
    size_t odd;
    struct tlsrpt_report r = gather(huge, COUNT_OF(huge), &arena, &odd);

    CHECK(r.policies_len == 1 && r.policies[0].success == TLSRPT_COUNT_MAX && r.policies[0].failure == TLSRPT_COUNT_MAX);
    CHECK(r.policies[0].policy.failures_len == 1 && r.policies[0].policy.failures[0].count == TLSRPT_COUNT_MAX);
    CHECK(tlsrpt_report_read(tlsrpt_report_write(&r, &arena), &arena, &r, NULL) == OK);
    CHECK(r.policies[0].failure == TLSRPT_COUNT_MAX);
    arena_release(&arena);
}

TEST(too_many_details)
{
    static struct tlsrpt_row many[2 * TLSRPT_DETAILS_MOST];
    struct arena arena = { 0 };
    struct tlsrpt_report r;
    size_t odd;

    for (size_t i = 0; i < COUNT_OF(many); i++) {
        many[i] = rows[0];
        many[i].detail = arena_printf(&arena, "{\"result-type\":\"x%zu\"}", i);
        many[i].count = 1 + i;
    }
    r = gather(many, COUNT_OF(many), &arena, &odd);
    CHECK(odd == 0 && r.policies_len == 1 && r.policies[0].policy.failures_len == TLSRPT_DETAILS_MOST);
    CHECK_INT(r.policies[0].policy.failures[0].count, COUNT_OF(many));
    CHECK_INT(r.policies[0].policy.failures[TLSRPT_DETAILS_MOST - 1].count, COUNT_OF(many) - TLSRPT_DETAILS_MOST + 1);
    arena_release(&arena);
}

/* What a session is cut into comes back as it was. */
TEST(session_and_back)
{
    static const struct slice records[] = { { "[\"2 1 1 aa\"]", 12 }, { "3 1 1 bb", 8 } }, mx = { "mx.a.example", 12 };
    const struct tlsrpt_failure f = { { "dane-required", 13 }, { "192.0.2.1", 9 }, { "mx.a.example", 12 }, { "mx \xc3\xa9", 5 },
                                      { "2001:db8::1", 11 }, { "https://a.example/", 18 }, { "x\r\ny", 4 }, 1 };
    const struct tlsrpt_policy p = { TLSRPT_TLSA, { "", 0 }, { "a.example", 9 }, records, 2, &mx, 1, true, &f, 1 };
    const struct tlsrpt_session s = { .domain = SLICE_LIT("a.example"), .policies = &p, .policies_len = 1 };
    const struct tlsrpt_row *cut;
    struct arena arena = { 0 };
    struct tlsrpt_report r;
    struct tlsrpt_policy back;
    size_t len, odd;

    tlsrpt_rows_of(&s, &arena, &cut, &len);
    r = gather(cut, len, &arena, &odd);
    CHECK(odd == 0 && r.policies_len == 1 && r.policies[0].success == 0 && r.policies[0].failure == 1);
    back = r.policies[0].policy;
    CHECK(back.type == TLSRPT_TLSA && slice_eq(back.domain, p.domain));
    CHECK(back.strings_len == 2 && slice_eq(back.strings[0], records[1]) && slice_eq(back.strings[1], records[0]));
    CHECK(back.mx_hosts_len == 1 && slice_eq(back.mx_hosts[0], mx) && back.failures_len == 1);
    CHECK(slice_eq(back.failures[0].result_type, f.result_type));
    CHECK(slice_eq(back.failures[0].sending_mta_ip, f.sending_mta_ip));
    CHECK(slice_eq(back.failures[0].receiving_mx_hostname, f.receiving_mx_hostname));
    CHECK(slice_eq(back.failures[0].receiving_mx_helo, f.receiving_mx_helo));
    CHECK(slice_eq(back.failures[0].receiving_ip, f.receiving_ip));
    CHECK(slice_eq(back.failures[0].additional_information, f.additional_information));
    CHECK(slice_eq(back.failures[0].failure_reason_code, f.failure_reason_code));
    CHECK(back.failures[0].count == 1);
    arena_release(&arena);
}

static const struct { const char *id, *want; } file_cases[] = {
    { "20260922.ab-9@sender.example", "s.example!p.example!1790035200!1790121599!20260922ab9.json.gz" },
    { "", "s.example!p.example!1790035200!1790121599.json.gz" },
    { "../!@x", "s.example!p.example!1790035200!1790121599.json.gz" },
    { "0123456789012345678901234567890123456789xyz", "s.example!p.example!1790035200!1790121599!0123456789012345678901234567890123456789.json.gz" },
};

TEST(file_names)
{
    struct arena arena = { 0 };

    for (size_t i = 0; i < COUNT_OF(file_cases); i++) {
        struct tlsrpt_report r = { .id = slice_str(file_cases[i].id), .start_s = START_S, .end_s = END_S };

        CHECK_STR(tlsrpt_report_file(&r, SLICE_LIT("s.example"), SLICE_LIT("p.example"), &arena), file_cases[i].want);
    }
    arena_release(&arena);
}

/* One for each domain and day, and the same again. */
TEST(ids)
{
    struct slice s = SLICE_LIT("s.example"), p = SLICE_LIT("p.example");
    struct arena arena = { 0 };
    struct slice id = tlsrpt_report_id(START_S, s, p, &arena);

    CHECK(slice_starts(id, SLICE_LIT("20260922.")) && slice_ends_case(id, SLICE_LIT("@s.example")));
    CHECK(slice_eq(id, tlsrpt_report_id(START_S + 86399, s, p, &arena)));
    CHECK(!slice_eq(id, tlsrpt_report_id(START_S + 86400, s, p, &arena)));
    CHECK(!slice_eq(id, tlsrpt_report_id(START_S, s, SLICE_LIT("q.example"), &arena)));
    arena_release(&arena);
}

static const char words[] =
    "This is a report of how connections that brought mail for partner.example were secured by TLS (RFC 8460).\n"
    "\n"
    "Submitter: sender.example\n"
    "Period: 2026-09-22T00:00:00Z to 2026-09-22T23:59:59Z\n"
    "Contact: postmaster@sender.example\n"
    "\n"
    "A session counts under each policy that applied to it.\n"
    "\n"
    "No policy found for partner.example: 5 sessions succeeded, 0 failed.\n"
    "\n"
    "MTA-STS of partner.example: 100 sessions succeeded, 7 failed.\n"
    "  - 3: the certificate has expired, at mx.partner.example [192.0.2.2]\n"
    "  - 3: STARTTLS was not offered, or refused\n"
    "  - 2: the certificate is from nobody we trust (a \"b\")\n"
    "\n"
    "All of it, for programs, is in the attached report.\n";

TEST(words)
{
    struct arena arena = { 0 };
    size_t odd;
    struct tlsrpt_report r = gather(rows, COUNT_OF(rows), &arena, &odd);

    CHECK_STR(tlsrpt_report_words(&r, SLICE_LIT("sender.example"), SLICE_LIT("partner.example"), &arena), words);
    arena_release(&arena);
}

/* RPT-09: whatever a failure says is one line of ASCII; however much there is, the text stays short. */
TEST(hostile_words)
{
    struct tlsrpt_failure failures[9];
    struct tlsrpt_policy_report policies[30];
    struct tlsrpt_report r = { .policies = policies, .policies_len = COUNT_OF(policies) };
    struct arena arena = { 0 };
    char big[2000];
    struct slice text;

    memset(big, '\n', sizeof big);
    memset(big, '\xc3', 50);
    for (size_t i = 0; i < COUNT_OF(failures); i++)
        failures[i] = (struct tlsrpt_failure){ .result_type = slice_of(big, sizeof big), .receiving_ip = SLICE_LIT("\x1b[2J"),
                                               .receiving_mx_hostname = slice_of(big, sizeof big),
                                               .failure_reason_code = slice_of(big, sizeof big), .count = UINT64_MAX };
    for (size_t i = 0; i < COUNT_OF(policies); i++)
        policies[i] = (struct tlsrpt_policy_report){ { .type = TLSRPT_OTHER, .domain = slice_of(big, sizeof big),
                                                       .failures = failures, .failures_len = COUNT_OF(failures) }, 1, 1 };
    text = tlsrpt_report_words(&r, SLICE_LIT("s"), slice_of(big, sizeof big), &arena);
    CHECK(text.len < 64 * 1024);
    for (size_t i = 0; i < text.len; i++)
        CHECK(text.ptr[i] == '\n' || (text.ptr[i] >= ' ' && text.ptr[i] < 0x7f));
    CHECK(memmem(text.ptr, text.len, "and 4 more kinds of failure\n", 28) != NULL);
    CHECK(memmem(text.ptr, text.len, "\nAnd 10 more policies", 21) != NULL);
    arena_release(&arena);
}

RUN_TESTS(T(whole), T(order_does_not_matter), T(nothing), T(counts_saturate), T(too_many_details), T(session_and_back),
          T(file_names), T(ids), T(words), T(hostile_words))
