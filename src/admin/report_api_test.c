#include "admin/admin_fixture.h"

#include "tlsrpt/gzip.h"

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

RUN_TESTS(WITH_ADMIN(reports_sent))
