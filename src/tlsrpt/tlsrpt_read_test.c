#include "tlsrpt/report.h"

#include "base/test.h"

#include <stdlib.h>

#define HEAD(org, start, end, contact, id) "{\"organization-name\":\"" org "\",\"date-range\":{\"start-datetime\":\"" start "\"," \
    "\"end-datetime\":\"" end "\"},\"contact-info\":\"" contact "\",\"report-id\":\"" id "\",\"policies\":["
#define UNTOLD HEAD("", "1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "", "")
#define SUMMARY(good, bad) "\"summary\":{\"total-successful-session-count\":" good ",\"total-failure-session-count\":" bad "}"
#define ONE(policy) "{\"policies\":[{\"policy\":{" policy "}," SUMMARY("1", "0") "}]}"
#define ONE_READ(policy) UNTOLD "{\"policy\":{" policy "}," SUMMARY("1", "0") "}]}"

/* Reports as they come (values invented), and what is written of what was read. */
static const struct { const char *name, *in, *out; } quirks[] = {
    { "RFC 8460 appendix B: mx-host is a string",
      HEAD("Company-X", "2016-04-01T00:00:00Z", "2016-04-01T23:59:59Z", "sts@company-x.example", "5065427c-23d3@company-x.example")
      "{\"policy\":{\"policy-type\":\"sts\",\"policy-string\":[\"version: STSv1\",\"mode: testing\"],"
      "\"policy-domain\":\"company-y.example\",\"mx-host\":\"*.mail.company-y.example\"}," SUMMARY("5326", "303") ","
      "\"failure-details\":[{\"result-type\":\"certificate-expired\",\"sending-mta-ip\":\"2001:db8:abcd:0012::1\","
      "\"receiving-mx-hostname\":\"mx1.mail.company-y.example\",\"failed-session-count\":100},"
      "{\"result-type\":\"starttls-not-supported\",\"failed-session-count\":200,"
      "\"additional-information\":\"https://reports.company-x.example/ report_info ? id = 5065427 c - 23 d3\"}]}]}",
      HEAD("Company-X", "2016-04-01T00:00:00Z", "2016-04-01T23:59:59Z", "sts@company-x.example", "5065427c-23d3@company-x.example")
      "{\"policy\":{\"policy-type\":\"sts\",\"policy-string\":[\"version: STSv1\",\"mode: testing\"],"
      "\"policy-domain\":\"company-y.example\",\"mx-host\":[\"*.mail.company-y.example\"]}," SUMMARY("5326", "303") ","
      "\"failure-details\":[{\"result-type\":\"certificate-expired\",\"sending-mta-ip\":\"2001:db8:abcd:0012::1\","
      "\"receiving-mx-hostname\":\"mx1.mail.company-y.example\",\"failed-session-count\":100},"
      "{\"result-type\":\"starttls-not-supported\",\"failed-session-count\":200,"
      "\"additional-information\":\"https://reports.company-x.example/ report_info ? id = 5065427 c - 23 d3\"}]}]}" },
    { "Microsoft: no zone, an array within the string, no mx-host",
      HEAD("M", "2024-01-02T00:00:00", "2024-01-02T23:59:59", "t@m.example", "1+a.example")
      "{\"policy\":{\"policy-type\":\"tlsa\",\"policy-string\":[\"[\\\"3 1 1 AB\\\",\\\"2 1 1 CD\\\"]\"],"
      "\"policy-domain\":\"A.Example\"}," SUMMARY("3", "0") "}]}",
      HEAD("M", "2024-01-02T00:00:00Z", "2024-01-02T23:59:59Z", "t@m.example", "1+a.example")
      "{\"policy\":{\"policy-type\":\"tlsa\",\"policy-string\":[\"3 1 1 AB\",\"2 1 1 CD\"],"
      "\"policy-domain\":\"a.example\"}," SUMMARY("3", "0") "}]}" },
    { "the end is the next midnight, contact is null",
      "{\"organization-name\":\"S\",\"contact-info\":null,\"date-range\":{\"start-datetime\":\"2024-01-02T00:00:00Z\","
      "\"end-datetime\":\"2024-01-03T00:00:00Z\"},\"report-id\":1704153600,\"policies\":[]}",
      HEAD("S", "2024-01-02T00:00:00Z", "2024-01-02T23:59:59Z", "", "1704153600") "]}" },
    { "zones, fractions, small letters",
      HEAD("", "2024-01-02t01:30:00.25+01:30", "2024-01-02 22:59:59-01:00", "", "") "]}",
      HEAD("", "2024-01-02T00:00:00Z", "2024-01-02T23:59:59Z", "", "") "]}" },
    { "a byte order mark", "\xef\xbb\xbf{\"policies\":[]}", UNTOLD "]}" },
    { "keys in another case", "{\"Policies\":[{\"POLICY\":{\"Policy-Type\":\"STS\"},\"Summary\":{\"Total-Successful-Session-Count\":1}}]}",
      ONE_READ("\"policy-type\":\"sts\"") },
    { "strings for arrays", ONE("\"policy-type\":\"sts\",\"policy-string\":\"version: STSv1\",\"mx-host\":\"a\""),
      ONE_READ("\"policy-type\":\"sts\",\"policy-string\":[\"version: STSv1\"],\"mx-host\":[\"a\"]") },
    { "a string that is no array after all", ONE("\"policy-type\":\"sts\",\"policy-string\":[\"[1]\",\"[x\"]"),
      ONE_READ("\"policy-type\":\"sts\",\"policy-string\":[\"[1]\",\"[x\"]") },
    { "types that are not known", "{\"policies\":[{\"policy\":{\"policy-type\":\"bimi\"}," SUMMARY("1", "2")
      ",\"failure-details\":[{\"result-type\":\"odd\",\"failed-session-count\":2}]}]}",
      UNTOLD "{\"policy\":{\"policy-type\":\"bimi\"}," SUMMARY("1", "2")
      ",\"failure-details\":[{\"result-type\":\"odd\",\"failed-session-count\":2}]}]}" },
    { "numbers as strings, and as fractions", "{\"policies\":[{\"policy\":{\"policy-type\":\"sts\"}," SUMMARY("\" 12\"", "7.0") "}]}",
      UNTOLD "{\"policy\":{\"policy-type\":\"sts\"}," SUMMARY("12", "7") "}]}" },
    { "no total of failures", "{\"policies\":[{\"policy\":{\"policy-type\":\"sts\"},\"summary\":{\"total-successful-session-count\":5},"
      "\"failure-details\":[{\"result-type\":\"a\",\"failed-session-count\":2},{\"result-type\":\"b\"}]}]}",
      UNTOLD "{\"policy\":{\"policy-type\":\"sts\"}," SUMMARY("5", "3") ",\"failure-details\":["
      "{\"result-type\":\"a\",\"failed-session-count\":2},{\"result-type\":\"b\",\"failed-session-count\":1}]}]}" },
    { "sums that do not agree stay as they are", "{\"policies\":[{\"policy\":{\"policy-type\":\"sts\"}," SUMMARY("0", "1")
      ",\"failure-details\":[{\"result-type\":\"a\",\"failed-session-count\":9}]}]}",
      UNTOLD "{\"policy\":{\"policy-type\":\"sts\"}," SUMMARY("0", "1")
      ",\"failure-details\":[{\"result-type\":\"a\",\"failed-session-count\":9}]}]}" },
    { "null is absent", "{\"date-range\":null,\"policies\":[{\"policy\":{\"policy-type\":\"sts\",\"mx-host\":null},\"summary\":null,"
      "\"failure-details\":null}]}", UNTOLD "{\"policy\":{\"policy-type\":\"sts\"}," SUMMARY("0", "0") "}]}" },
    { "RPT-03: a total beyond every count", "{\"policies\":[{\"policy\":{\"policy-type\":\"sts\"}," SUMMARY("\"18446744073709551615\"", "0") "}]}",
      UNTOLD "{\"policy\":{\"policy-type\":\"sts\"}," SUMMARY("9223372036854775807", "0") "}]}" },
};

TEST(quirks)
{
    for (size_t i = 0; i < COUNT_OF(quirks); i++) {
        struct arena arena = { 0 };
        struct tlsrpt_report r;
        struct fault why = { "" };
        struct slice text;

        if (tlsrpt_report_read(slice_str(quirks[i].in), &arena, &r, &why) != OK)
            fail_msg("case '%s': %s", quirks[i].name, why.text);
        text = tlsrpt_report_write(&r, &arena);
        if (!slice_eq(text, slice_str(quirks[i].out)))
            fail_msg("case '%s': got '%.*s', want '%s'", quirks[i].name, SLICE_FMT(text), quirks[i].out);
        CHECK_CASE(quirks[i].name, r.refused_len == 0 && why.text[0] == '\0');
        arena_release(&arena);
    }
}

#define DATED(start, end) HEAD("", start, end, "", "") "]}"

/* RPT-02, RPT-07: refused whole, with a reason. */
static const struct { const char *name, *text, *why; } refused[] = {
    { "nothing", "", "no JSON" },
    { "gzip", "\x1f\x8b\x08", "no JSON" },
    { "an array", "[{\"policies\":[]}]", "no object" },
    { "cut short", "{\"policies\":[", "no JSON" },
    { "a comment", "{\"policies\":[]/* */}", "no JSON" },
    { "something behind", "{\"policies\":[]} x", "no JSON" },
    { "NUL", "{\"policies\":[],\"a\":\"\\u0000\"}", "no JSON" },
    { "half a surrogate", "{\"policies\":[],\"a\":\"\\udc00\"}", "no JSON" },
    { "no UTF-8", "{\"policies\":[],\"a\":\"\xff\"}", "no JSON" },
    { "NaN", "{\"policies\":[],\"a\":NaN}", "no JSON" },
    { "a number beyond 64 bits", "{\"policies\":[],\"a\":99999999999999999999}", "no JSON" },
    { "a key twice", "{\"policies\":[],\"policies\":[]}", "duplicate" },
    { "no policies", "{}", "'policies' is missing" },
    { "policies are null", "{\"policies\":null}", "'policies' is missing" },
    { "policies are an object", "{\"policies\":{}}", "'policies' is no array" },
    { "every policy is bad", "{\"policies\":[1,2]}", "no policy is good" },
    { "organization is an object", "{\"organization-name\":{},\"policies\":[]}", "'organization-name' is no string" },
    { "no time", DATED("yesterday", "2024-01-02T00:00:00Z"), "'start-datetime' is no time" },
    { "no month", DATED("2024-13-02T00:00:00Z", "2024-01-02T00:00:00Z"), "'start-datetime' is no time" },
    { "no day", DATED("2024-01-02T00:00:00Z", "2024-01-00T00:00:00Z"), "'end-datetime' is no time" },
    { "a date alone", DATED("2024-01-02", "2024-01-02T00:00:00Z"), "'start-datetime' is no time" },
    { "before 1970", DATED("1969-12-31T23:59:59Z", "2024-01-02T00:00:00Z"), "'start-datetime' is no time" },
    { "before 1970 by its zone", DATED("1970-01-01T00:00:00+01:00", "2024-01-02T00:00:00Z"), "'start-datetime' is no time" },
    { "behind 9999 by its zone", DATED("2024-01-02T00:00:00Z", "9999-12-31T23:59:59-01:00"), "'end-datetime' is no time" },
    { "something behind the zone", DATED("2024-01-02T00:00:00Zx", "2024-01-02T00:00:00Z"), "'start-datetime' is no time" },
    { "ends before it begins", DATED("2024-01-03T00:00:00Z", "2024-01-02T00:00:00Z"), "'date-range' ends before" },
};

TEST(refused)
{
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        struct arena arena = { 0 };
        struct tlsrpt_report r;
        struct fault why = { "" };

        CHECK_CASE(refused[i].name, tlsrpt_report_read(slice_str(refused[i].text), &arena, &r, &why) == ERR_SYNTAX);
        if (strstr(why.text, refused[i].why) == NULL)
            fail_msg("case '%s': '%s'", refused[i].name, why.text);
        arena_release(&arena);
    }
}

#define GOOD "{\"policy\":{\"policy-type\":\"sts\"}," SUMMARY("1", "0") "}"

/* A bad policy does not cost the good ones beside it. */
static const struct { const char *bad, *why; } bad_policies[] = {
    { "7", "policy 2: 'policies' holds" },
    { "{}", "policy 2: 'policy' is missing" },
    { "{\"policy\":\"sts\"}", "policy 2: 'policy' is no object" },
    { "{\"policy\":{\"policy-type\":[]}}", "'policy-type' is no string" },
    { "{\"policy\":{\"mx-host\":{}}}", "'mx-host' is neither" },
    { "{\"policy\":{\"policy-string\":[1]}}", "'policy-string' holds" },
    { "{\"policy\":{}," SUMMARY("-1", "0") "}", "'total-successful-session-count' is no count" },
    { "{\"policy\":{}," SUMMARY("0", "\"many\"") "}", "'total-failure-session-count' is no count" },
    { "{\"policy\":{}," SUMMARY("0", "true") "}", "'total-failure-session-count' is no count" },
    { "{\"policy\":{},\"failure-details\":{}}", "'failure-details' is no array" },
    { "{\"policy\":{},\"failure-details\":[1]}", "'failure-details' holds" },
    { "{\"policy\":{},\"failure-details\":[{\"failed-session-count\":[]}]}", "'failed-session-count' is no count" },
};

TEST(bad_policies)
{
    for (size_t i = 0; i < COUNT_OF(bad_policies); i++) {
        struct arena arena = { 0 };
        struct tlsrpt_report r;
        struct fault why = { "" };
        struct slice text = arena_printf(&arena, "{\"policies\":[" GOOD ",%s," GOOD ",3]}", bad_policies[i].bad);

        CHECK_CASE(bad_policies[i].bad, tlsrpt_report_read(text, &arena, &r, &why) == OK);
        CHECK_CASE(bad_policies[i].bad, r.policies_len == 2 && r.refused_len == 2);
        if (strstr(why.text, bad_policies[i].why) == NULL)
            fail_msg("case '%s': '%s'", bad_policies[i].bad, why.text);
        arena_release(&arena);
    }
}

#define FAILURE(type) "{\"result-type\":\"" type "\",\"failed-session-count\":2}"

/* A report is cut into policies and failures before it is parsed: what that must make no difference to. */
static const struct { const char *name, *text; size_t policies, refused, failures; const char *first; } cut_cases[] = {
    { "failures plain and odd", "{\"policies\":[{\"policy\":{},\"failure-details\":[" FAILURE("a") " , " FAILURE("b\\u0063")
      ",{\"Result-Type\":\"d\",\"x\":[{\"failure-details\":[1]}]}]}]}", 1, 0, 3, "a" },
    { "an escape in the keys", "{\"polic\\u0069es\":[{\"policy\":{},\"failure\\u002ddetails\":[" FAILURE("a") "]}]}", 1, 0, 1, "a" },
    { "an escape in a key of the failures alone", "{\"policies\":[{\"policy\":{},\"failure\\u002ddetails\":[" FAILURE("a") "]}]}", 1, 0, 1, "a" },
    { "the same keys elsewhere", "{\"x\":{\"policies\":[1]},\"failure-details\":[2],\"policies\":[{\"policy\":{},"
      "\"y\":[{\"failure-details\":[3]}],\"failure-details\":[" FAILURE("a") "],\"policies\":[4]}]}", 1, 0, 1, "a" },
    { "the first of two that differ by case", "{\"Policies\":[{\"policy\":{},\"Failure-Details\":[" FAILURE("a") "],\"failure-details\":7}],"
      "\"policies\":[]}", 1, 0, 1, "a" },
    { "brackets and quotes in strings", "{\"a\":\"]}\\\"[{\\\\\",\"policies\":[{\"policy\":{\"policy-string\":[\"],[\\\"\"]},"
      "\"failure-details\":[" FAILURE("],{") "]}]}", 1, 0, 1, "],{" },
    { "blanks", " {\n\"policies\"\t:\r[ {\"policy\" : { } , \"failure-details\" : [ ] } ] } ", 1, 0, 0, "" },
    { "a bad failure costs its policy", "{\"policies\":[{\"policy\":{},\"failure-details\":[7," FAILURE("a") "]},{\"policy\":{}}]}", 1, 1, 0, "" },
};

TEST(cut_cases)
{
    for (size_t i = 0; i < COUNT_OF(cut_cases); i++) {
        struct arena arena = { 0 };
        struct tlsrpt_report r;
        struct fault why = { "" };

        if (tlsrpt_report_read(slice_str(cut_cases[i].text), &arena, &r, &why) != OK)
            fail_msg("case '%s': %s", cut_cases[i].name, why.text);
        CHECK_CASE(cut_cases[i].name, r.policies_len == cut_cases[i].policies && r.refused_len == cut_cases[i].refused);
        CHECK_CASE(cut_cases[i].name, r.policies[0].policy.failures_len == cut_cases[i].failures);
        if (cut_cases[i].failures > 0)
            CHECK_STR(r.policies[0].policy.failures[0].result_type, cut_cases[i].first);
        arena_release(&arena);
    }
}

/* RPT-02: never part-stored. One piece that is no JSON, and none of it is taken. */
static const char *const broken[] = {
    "{\"policies\":[" GOOD ",]}",
    "{\"policies\":[," GOOD "]}",
    "{\"policies\":[" GOOD " " GOOD "]}",
    "{\"policies\":[" GOOD "}}",
    "{\"policies\":[" GOOD "],}",
    "{\"policies\":[" GOOD "]",
    "{\"policies\":[" GOOD "]}}",
    "{\"policies\":[" GOOD "]}{\"policies\":[]}",
    "{\"policies\" [" GOOD "]}",
    "{\"policies\":[" GOOD ",{\"policy\":{},\"policy\":{}}]}",
    "{\"policies\":[" GOOD ",{\"policy\":{},\"failure-details\":[" FAILURE("a") ",{\"a\":1,\"a\":2}]}]}",
    "{\"policies\":[" GOOD ",{\"policy\":{},\"failure-details\":[7,{\"result-type\":\"a}]}]}",
    "{\"policies\":[" GOOD ",{\"policy\":{},\"failure-details\":[" FAILURE("a") "," FAILURE("\xff") "]}]}",
    "{\"policies\":[" GOOD ",{\"policy\":{},\"failure-details\":[{\"failed-session-count\":01}]}]}",
    "{\"policies\":[" GOOD ",{\"policy\":{},\"failure-details\":[{\"result-type\":\"a\nb\"}]}]}",
    "{\"policies\":[" GOOD ",{\"policy\":{},\"failure-details\":[" FAILURE("a") "}]}]}",
    "{\"policies\":[" GOOD ",{\"policy\":{},\"failure-details\":[" FAILURE("a") "],\"failure-details\":[]}]}",
};

TEST(broken)
{
    for (size_t i = 0; i < COUNT_OF(broken); i++) {
        struct arena arena = { 0 };
        struct tlsrpt_report r;
        struct fault why = { "" };

        CHECK_CASE(broken[i], tlsrpt_report_read(slice_str(broken[i]), &arena, &r, &why) == ERR_SYNTAX);
        CHECK_CASE(why.text, strstr(why.text, "no JSON") != NULL);
        arena_release(&arena);
    }
}

/* `head`, then `item` over and over, then `tail`: as many as fit into `size` bytes. */
static struct slice fill(char *out, size_t size, const char *head, const char *item, const char *tail)
{
    size_t len = 0, item_len = strlen(item), tail_len = strlen(tail);

    memcpy(out, head, strlen(head));
    for (len = strlen(head); len + item_len + tail_len <= size; len += item_len)
        memcpy(out + len, item, item_len);
    memcpy(out + len, tail, tail_len);
    return slice_of(out, len + tail_len);
}

/* RPT-02: what is too much is refused before it is built. */
static const struct { const char *name; size_t size; const char *head, *item, *tail, *why; } floods[] = {
    { "long", TLSRPT_REPORT_MAX + 1, "{\"policies\":[],\"a\":\"", "x", "\"}", "longer than" },
    { "deep", 1000, "{\"policies\":", "[", "", "nested deeper" },
    { "many values", 1 << 20, "{\"policies\":[],\"a\":[0", ",0", "]}", "more than 200000 values" },
    { "long beside the policies", TLSRPT_PIECE_MAX + 64, "{\"policies\":[],\"a\":\"", "x", "\"}", "more than 1048576 bytes beside" },
    { "a long policy", TLSRPT_PIECE_MAX + 64, "{\"policies\":[{\"failure-details\":[],\"a\":\"", "x", "\"}]}", "more than 1048576 bytes beside" },
    { "a long failure", TLSRPT_PIECE_MAX + 99, "{\"policies\":[{\"failure-details\":[{\"result-type\":\"", "x", "\"}]}]}", "failure 1: longer" },
    { "many keys", 1 << 20, "{\"policies\":[],\"a\":[{}", ",{}", "]}", "more than 200000 values" },
};

TEST(floods)
{
    char *text = malloc(TLSRPT_REPORT_MAX + 64);

    for (size_t i = 0; i < COUNT_OF(floods); i++) {
        struct slice in = fill(text, floods[i].size, floods[i].head, floods[i].item, floods[i].tail);
        struct arena arena = { 0 };
        struct tlsrpt_report r;
        struct fault why = { "" };

        CHECK_CASE(floods[i].name, tlsrpt_report_read(in, &arena, &r, &why) == ERR_LIMIT);
        CHECK_CASE(floods[i].name, strstr(why.text, floods[i].why) != NULL);
        arena_release(&arena);
    }
    free(text);
}

/* RPT-02: long strings are cut between characters; arrays within strings are few, and not deep. */
TEST(long_strings)
{
    char *text = malloc(1 << 20);
    struct arena arena = { 0 };
    struct tlsrpt_report r;
    struct fault why = { "" };
    struct slice in = fill(text, 8000, "{\"policies\":[],\"contact-info\":\"x", "\xc3\xa9", "\"}");

    CHECK(tlsrpt_report_read(in, &arena, &r, &why) == OK && r.contact.len == TLSRPT_KEPT_MAX - 1);
    in = fill(text, 900000, "{\"policies\":[{\"policy\":{\"policy-string\":[\"[]\"", ",\"[\\\"\\\",\\\"\\\",\\\"\\\",\\\"\\\",\\\"\\\"]\"", "]}}]}");
    CHECK(tlsrpt_report_read(in, &arena, &r, &why) == ERR_SYNTAX && strstr(why.text, "too many strings") != NULL);
    arena_release(&arena);
    free(text);
}

RUN_TESTS(T(quirks), T(refused), T(bad_policies), T(cut_cases), T(broken), T(floods), T(long_strings))
