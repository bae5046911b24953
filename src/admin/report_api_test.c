#include "admin/admin_fixture.h"
#include "base/clock.h"
#include "tlsrpt/gzip.h"
#include "tlsrpt/session.h"

static void put_report(const char *day, const char *domain, const char *id, const char *targets, int64_t next_s)
{
    struct arena a = { 0 };
    struct report_row row = {
        .day = slice_str(day),
        .domain = slice_str(domain),
        .report_id = slice_str(id),
        .document = gzip_pack(SLICE_LIT("{\"report-id\":\"x\"}"), &a),
        .targets = slice_str(targets),
        .made_s = 1700000000,
        .next_s = next_s,
    };
    struct store_request claim = { .verb = STORE_REPORT_CLAIM, .report = &row };
    struct store_request save = { .verb = STORE_REPORT_SAVE, .report = &row };

    CHECK(store_call(f.store, &claim) == OK);
    CHECK(id[0] == '\0' || store_call(f.store, &save) == OK);
    arena_release(&claim.arena);
    arena_release(&save.arena);
    arena_release(&a);
}

TEST(reports_sent)
{
    static const char *const states[] = { "claimed", "failed", "waiting", "sent" };
    json_t *got, *report;
    size_t at;

    put_report("2026-11-20", "a.example", "r0@x", "[{\"uri\":\"mailto:r@a.example\",\"state\":\"queued\"}]", 0);
    put_report("2026-11-21", "b.example", "r1@x", "[{\"uri\":\"https://b.example/\",\"state\":\"waiting\"}]",
               1800000000);
    put_report("2026-11-22", "a.example", "r2@x", "[{\"uri\":\"https://a.example/\",\"state\":\"failed\"}]", 0);
    put_report("2026-11-23", "b.example", "", "", 1800000000);
    CHECK_INT(request(true, "GET", "/v1/reports/sent", "", &got), 200);
    CHECK_INT(json_array_size(json_object_get(got, "reports")), COUNT_OF(states));
    json_array_foreach(json_object_get(got, "reports"), at, report) {
        CHECK_STR(slice_str(json_string_value(json_object_get(report, "state"))), states[at]);
    }
    json_decref(got);
    CHECK_INT(request(true, "GET", "/v1/reports/sent?domain=A.example&since=2026-11-21", "", &got), 200);
    CHECK_INT(json_array_size(json_object_get(got, "reports")), 1);
    json_decref(got);
    CHECK_INT(request(true, "GET", "/v1/reports/sent?limit=2", "", &got), 200);
    CHECK_INT(json_array_size(json_object_get(got, "reports")), 2);
    json_decref(got);
    check(
        "GET", "/v1/reports/sent/r1%40x", "", 200,
        "{\"id\":\"r1@x\",\"day\":\"2026-11-21\",\"domain\":\"b.example\",\"state\":\"waiting\",\"made\":"
        "\"2023-11-14T22:13:20Z\",\"next_try\":\"2027-01-15T08:00:00Z\",\"report\":{\"report-id\":\"x\"},\"targets\":"
        "[{\"uri\":\"https://b.example/\",\"state\":\"waiting\"}]}");
    check("GET", "/v1/reports/sent/nothing", "", 404, "{\"status\":\"not-found\"}");
    check("GET", "/v1/reports/sent?since=yesterday", "", 400, "{}");
    check("GET", "/v1/reports/sent?since=2026-02-30", "", 400, "{}");
    check("GET", "/v1/reports/sent?domain=exa_mple", "", 400, "{}");
}

/* Counts a session to `domain` without a policy, of this day. */
static void count_session(const char *day, const char *domain)
{
    const struct tlsrpt_policy policy = { .type = TLSRPT_NO_POLICY, .domain = slice_str(domain) };
    const struct tlsrpt_session session = { .domain = slice_str(domain), .policies = &policy, .policies_len = 1 };
    const struct tlsrpt_row *row;
    struct report_count_row counted;
    struct store_request r = { .verb = STORE_REPORT_COUNT, .report_counts_in = &counted, .report_counts_in_len = 1 };
    struct arena a = { 0 };
    size_t len;

    tlsrpt_rows_of(&session, &a, &row, &len);
    CHECK_INT(len, 1);
    counted = (struct report_count_row){ slice_str(day), row->domain, row->policy, row->detail, row->count };
    CHECK(store_call(f.store, &r) == OK);
    arena_release(&r.arena);
    arena_release(&a);
}

TEST(report_preview)
{
    char now[CLOCK_TEXT];
    json_t *got, *policy;

    (void)clock_rfc3339(clock_wall_s(), now);
    now[strlen("2026-11-20")] = '\0';
    count_session("2026-11-20", "a.example");
    count_session("2026-11-20", "a.example");
    count_session(now, "b.example");
    CHECK_INT(request(true, "GET", "/v1/reports/preview?domain=A.example&day=2026-11-20", "", &got), 200);
    policy = json_array_get(json_object_get(got, "policies"), 0);
    CHECK_INT(
        json_integer_value(json_object_get(json_object_get(policy, "summary"), "total-successful-session-count")), 2);
    CHECK_STR(slice_str(json_string_value(json_object_get(json_object_get(policy, "policy"), "policy-domain"))),
              "a.example");
    json_decref(got);
    check("GET", "/v1/reports/preview?domain=b.example", "", 200, "{\"organization-name\":\"mx.example.org\"}");
    check("GET", "/v1/reports/preview?domain=a.example", "", 404, "{\"status\":\"not-found\"}");
    check("GET", "/v1/reports/preview?day=2026-11-20", "", 400, "{}");
    check("GET", "/v1/reports/preview?domain=a.example&day=20261120", "", 400, "{}");
}

RUN_TESTS(WITH_ADMIN(reports_sent), WITH_ADMIN(report_preview))
