#include "admin/admin_fixture.h"
#include "base/clock.h"

#include <sodium.h>

#define POLICY(domain, good, bad)                                                                                     \
    "{\"policy\":{\"policy-type\":\"sts\",\"policy-domain\":\"" domain                                                \
    "\"},\"summary\":{\"total-successful-session-count\":" good ",\"total-failure-session-count\":" bad               \
    "},\"failure-details\":[{\"result-type\":\"certificate-expired\","                                                \
    "\"receiving-mx-hostname\":\"mx.example.org\",\"failed-session-count\":" bad "}]}"

static void have_domain(void)
{
    const struct setting_row row = { .kind = SLICE_LIT("domain"),
                                     .name = SLICE_LIT("example.org"),
                                     .after = SLICE_LIT("{}") };
    struct snapshot *fresh;
    struct fault why;

    CHECK_INT(snapshot_new(&row, 1, 1, &fresh, &why), OK);
    receiver_publish(f.receiver, fresh);
}

/* An item of a request, of yesterday. */
static json_t *item_of(const char *id, const char *policies)
{
    char text[2048], day[CLOCK_TEXT], encoded[4096];
    json_t *item;
    int len;

    (void)clock_rfc3339(clock_wall_s() - 86400, day);
    len = snprintf(
        text, sizeof text,
        "{\"organization-name\":\"=1+1\",\"contact-info\":\"t@sender.example\",\"report-id\":\"%s\",\"date-range\":{"
        "\"start-datetime\":\"%.10sT00:00:00Z\",\"end-datetime\":\"%.10sT23:59:59Z\"},\"policies\":[%s]}",
        id, day, day, policies);
    (void)sodium_bin2base64(encoded, sizeof encoded, (const unsigned char *)text, (size_t)len,
                            sodium_base64_VARIANT_ORIGINAL);
    item = json_pack("{s:s, s:s}", "name", "r.json", "data", encoded);
    return item;
}

static json_t *import(json_t *items, bool is_trusted)
{
    json_t *body = json_pack("{s:o, s:b}", "items", items, "trust", (int)is_trusted), *got = NULL;
    char *text = json_dumps(body, JSON_COMPACT);

    CHECK_INT(request(true, "POST", "/v1/reports/received", text, &got), 200);
    free(text);
    json_decref(body);
    return got;
}

static struct slice member(const json_t *got, size_t item, const char *name)
{
    const json_t *report =
        json_array_get(json_object_get(json_array_get(json_object_get(got, "items"), item), "reports"), 0);

    return slice_str(json_string_value(json_object_get(report, name)));
}

static void import_some(void)
{
    json_t *items = json_array(), *got;

    have_domain();
    (void)json_array_append_new(items, item_of("r1", POLICY("example.org", "90", "10")));
    (void)json_array_append_new(items, item_of("r1", POLICY("example.org", "90", "10")));
    (void)json_array_append_new(items, item_of("r1", POLICY("example.org", "91", "10")));
    (void)json_array_append_new(items, item_of("r2", POLICY("else.example", "1", "1")));
    (void)json_array_append_new(items, json_pack("{s:s, s:s}", "name", "x", "data", "SGVsbG8="));
    got = import(items, true);
    CHECK_STR(member(got, 0, "outcome"), "kept");
    CHECK_STR(member(got, 1, "outcome"), "duplicate");
    CHECK_STR(member(got, 2, "outcome"), "differs");
    CHECK_STR(member(got, 3, "outcome"), "refused");
    CHECK_STR(member(got, 3, "why"), "'else.example' is no domain of ours");
    CHECK_STR(
        slice_str(json_string_value(json_object_get(json_array_get(json_object_get(got, "items"), 4), "status"))),
        "syntax");
    json_decref(got);
    items = json_array();
    (void)json_array_append_new(items, item_of("r3", POLICY("example.org", "7", "0")));
    json_decref(import(items, false));
}

TEST(import_list_show)
{
    json_t *got, *report;

    import_some();
    CHECK_INT(request(true, "GET", "/v1/reports/received?domain=Example.org", "", &got), 200);
    CHECK_INT(json_array_size(json_object_get(got, "reports")), 2);
    report = json_array_get(json_object_get(got, "reports"), 0);
    CHECK(json_is_false(json_object_get(report, "verified")));
    report = json_array_get(json_object_get(got, "reports"), 1);
    CHECK(json_is_true(json_object_get(report, "verified")) && json_is_true(json_object_get(report, "counted")));
    CHECK_STR(slice_str(json_string_value(json_object_get(report, "organization"))), "=1+1");
    json_decref(got);
    CHECK_INT(request(true, "GET", "/v1/reports/received/1", "", &got), 200);
    report = json_array_get(json_object_get(got, "policies"), 0);
    CHECK_INT(json_integer_value(json_object_get(report, "failure")), 10);
    report = json_array_get(json_object_get(report, "failures"), 0);
    CHECK_STR(slice_str(json_string_value(json_object_get(report, "meaning"))), "The certificate has expired.");
    CHECK(json_is_object(json_object_get(got, "report")));
    json_decref(got);
    check("GET", "/v1/reports/received/99", "", 404, "{\"status\":\"not-found\"}");
    check("GET", "/v1/reports/received/x", "", 400, "{}");
    check("GET", "/v1/reports/received?since=yesterday", "", 400, "{}");
    check("POST", "/v1/reports/received", "{\"items\":[]}", 400, "{}");
    check("POST", "/v1/reports/received", "{}", 400, "{}");
}

TEST(summary)
{
    json_t *got, *types;

    import_some();
    CHECK_INT(request(true, "GET", "/v1/reports/summary?domain=example.org&since=2026-01-01", "", &got), 200);
    types = json_array_get(json_object_get(json_object_get(got, "verified"), "types"), 0);
    CHECK_INT(json_integer_value(json_object_get(types, "success")), 90);
    CHECK(json_real_value(json_object_get(types, "rate")) == 0.9);
    CHECK_INT(json_array_size(json_object_get(json_object_get(got, "verified"), "failures")), 1);
    types = json_array_get(json_object_get(json_object_get(got, "unverified"), "types"), 0);
    CHECK_INT(json_integer_value(json_object_get(types, "success")), 7);
    json_decref(got);
    check("GET", "/v1/reports/summary", "", 400, "{}");
}

RUN_TESTS(WITH_ADMIN(import_list_show), WITH_ADMIN(summary))
