#include "tlsrpt/datagram.h"

#include "base/test.h"

#include <stdlib.h>

#define TOP                                                                                                           \
    "{\"dpv\": \"1\",\"d\": \"partner.example\",\"pr\": \"v=TLSRPTv1;rua=mailto:r@partner.example\",\"policies\":["
#define PLAIN "{\"policy-type\":9,\"t\":0,\"f\":0}"
#define ONE(failure) TOP "{\"policy-type\":2,\"failure-details\":[" failure "],\"t\":1,\"f\":1}]}"

static const char full[] =
    "{\"dpv\": \"1\",\"d\": \"Partner.Example.\",\"pr\": \"v=TLSRPTv1;rua=mailto:r@partner.example\",\"policies\":["
    "{\"policy-type\":1,\"policy-domain\": \"MX.partner.example\",\"policy-string\":[\"3 1 1 ABCD\",\"2 1 1 EF\"],"
    "\"mx-host\":[\"mx.partner.example\"],\"failure-details\":[{\"c\":304,\"s\": \"192.0.2.1\","
    "\"n\": \"mx.partner.example\",\"h\": \"mx.partner.example greets you\\u000d\\u000aSTARTTLS\",\"r\": "
    "\"192.0.2.2\","
    "\"a\": \"https://x.example/\",\"f\": \"all-TLSA-records-unusable\"},{\"c\":201}],\"t\":2,\"f\":1},"
    "{\"policy-type\":2,\"policy-string\":[\"version: STSv1\"],\"t\":0,\"f\":0}," PLAIN "]}";

TEST(whole)
{
    struct arena arena = { 0 };
    struct tlsrpt_session s;
    struct fault why = { "" };
    bool has_warning;

    CHECK(tlsrpt_datagram_parse(slice_str(full), &arena, &s, &has_warning, &why) == OK && !has_warning);
    CHECK_STR(s.domain, "partner.example");
    CHECK_STR(s.record, "v=TLSRPTv1;rua=mailto:r@partner.example");
    CHECK_INT(s.policies_len, 3);
    CHECK(s.policies[0].type == TLSRPT_TLSA && s.policies[1].type == TLSRPT_STS);
    CHECK(s.policies[2].type == TLSRPT_NO_POLICY);
    CHECK(s.policies[0].is_failed && !s.policies[1].is_failed && !s.policies[2].is_failed);
    CHECK_STR(s.policies[0].domain, "mx.partner.example");
    CHECK_STR(s.policies[1].domain, "partner.example");
    CHECK_INT(s.policies[0].strings_len, 2);
    CHECK_STR(s.policies[0].strings[1], "2 1 1 EF");
    CHECK_INT(s.policies[0].mx_hosts_len, 1);
    CHECK_STR(s.policies[0].mx_hosts[0], "mx.partner.example");
    CHECK_INT(s.policies[0].failures_len, 2);
    CHECK_STR(s.policies[0].failures[0].result_type, "tlsa-invalid");
    CHECK_STR(s.policies[0].failures[0].sending_mta_ip, "192.0.2.1");
    CHECK_STR(s.policies[0].failures[0].receiving_mx_hostname, "mx.partner.example");
    CHECK_STR(s.policies[0].failures[0].receiving_mx_helo, "mx.partner.example greets you");
    CHECK_STR(s.policies[0].failures[0].receiving_ip, "192.0.2.2");
    CHECK_STR(s.policies[0].failures[0].additional_information, "https://x.example/");
    CHECK_STR(s.policies[0].failures[0].failure_reason_code, "all-TLSA-records-unusable");
    CHECK_INT(s.policies[0].failures[0].count, 1);
    CHECK_STR(s.policies[0].failures[1].result_type, "starttls-not-supported");
    CHECK_INT(s.policies[0].failures[1].sending_mta_ip.len, 0);
    CHECK_INT(s.policies[1].failures_len, 0);
    arena_release(&arena);
}

static const struct {
    int code;
    const char *result, *reason;
} codes[] = {
    { 201, "starttls-not-supported", "" },
    { 202, "certificate-host-mismatch", "" },
    { 203, "certificate-not-trusted", "" },
    { 204, "certificate-expired", "" },
    { 205, "validation-failure", "" },
    { 301, "sts-policy-fetch-error", "" },
    { 302, "sts-policy-invalid", "" },
    { 303, "sts-webpki-invalid", "" },
    { 304, "tlsa-invalid", "" },
    { 305, "dnssec-invalid", "" },
    { 306, "dane-required", "" },
    { 901, "validation-failure", "901" },
    { 0, "validation-failure", "0" },
    { -7, "validation-failure", "-7" },
};

TEST(codes)
{
    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        struct arena arena = { 0 };
        struct tlsrpt_session s;
        char text[512];
        bool has_warning;

        (void)snprintf(text, sizeof text, ONE("{\"c\":%d}"), codes[i].code);
        CHECK_CASE(codes[i].result, tlsrpt_datagram_parse(slice_str(text), &arena, &s, &has_warning, NULL) == OK);
        CHECK_STR(s.policies[0].failures[0].result_type, codes[i].result);
        CHECK_STR(s.policies[0].failures[0].failure_reason_code, codes[i].reason);
        CHECK_CASE(codes[i].result, has_warning == (codes[i].reason[0] != '\0'));
        arena_release(&arena);
    }
}

/* What is taken all the same, and the words by which it is told; NULL: nothing is odd. */
static const struct {
    const char *name, *text, *warning;
} taken[] = {
    { "before 0.5.0", "{\"d\":\"a.example\",\"pr\":\"v=TLSRPTv1;\",\"policies\":[" PLAIN "]}", NULL },
    { "no record", "{\"d\":\"a.example\",\"policies\":[" PLAIN "]}", NULL },
    { "another version", "{\"dpv\":\"2\",\"d\":\"a.example\",\"policies\":[" PLAIN "]}", "version" },
    { "version as a number", "{\"dpv\":1,\"d\":\"a.example\",\"policies\":[" PLAIN "]}", "version" },
    { "keys we do not know",
      "{\"d\":\"a.example\",\"x\":{\"y\":[1]},\"policies\":[{\"policy-type\":9,\"t\":0,\"f\":0,\"z\":null}]}", NULL },
    { "wrong number of details", TOP "{\"policy-type\":9,\"t\":3,\"f\":0}]}", "'t' is not" },
    { "no number of details", TOP "{\"policy-type\":9,\"f\":0}]}", "'t' is not" },
    { "success with failures", TOP "{\"policy-type\":1,\"failure-details\":[{\"c\":201}],\"t\":1,\"f\":0}]}", NULL },
    { "failure without any", TOP "{\"policy-type\":1,\"t\":0,\"f\":1}]}", NULL },
    { "no details, empty lists",
      TOP "{\"policy-type\":1,\"policy-string\":[],\"mx-host\":[],\"failure-details\":[],\"t\":0,\"f\":0}]}", NULL },
    { "an odd policy-domain", TOP "{\"policy-type\":1,\"policy-domain\":\"a b\",\"t\":0,\"f\":0}]}",
      "'policy-domain'" },
    { "bytes that are not UTF-8", ONE("{\"c\":201,\"f\":\"a\xff\xc3\"}"), NULL },
};

TEST(taken)
{
    for (size_t i = 0; i < COUNT_OF(taken); i++) {
        struct arena arena = { 0 };
        struct tlsrpt_session s;
        struct fault why = { "" };
        bool has_warning;

        if (tlsrpt_datagram_parse(slice_str(taken[i].text), &arena, &s, &has_warning, &why) != OK)
            fail_msg("case '%s': %s", taken[i].name, why.text);
        CHECK_CASE(taken[i].name, has_warning == (taken[i].warning != NULL));
        CHECK_CASE(taken[i].name, taken[i].warning == NULL || strstr(why.text, taken[i].warning) != NULL);
        CHECK_CASE(taken[i].name, s.policies_len == 1);
        arena_release(&arena);
    }
}

static const struct {
    const char *name, *text, *why;
} refused[] = {
    { "nothing", "", "no JSON" },
    { "no JSON", "hello", "no JSON" },
    { "cut short", "{\"dpv\": \"1\",\"d\": \"a.exa", "no JSON" },
    { "something behind", TOP PLAIN "]}x", "no JSON" },
    { "two objects", TOP PLAIN "]}" TOP PLAIN "]}", "no JSON" },
    { "an array", "[]", "no object" },
    { "a key twice", TOP PLAIN "],\"policies\":[" PLAIN "]}", "duplicate" },
    { "NUL", ONE("{\"c\":201,\"f\":\"a\\u0000b\"}"), "no JSON" },
    { "half a surrogate", ONE("{\"c\":201,\"f\":\"a\\ud800b\"}"), "no JSON" },
    { "a raw control byte", ONE("{\"c\":201,\"f\":\"a\nb\"}"), "no JSON" },
    { "a number too large", ONE("{\"c\":99999999999999999999}"), "no JSON" },
    { "no d", "{\"policies\":[" PLAIN "]}", "'d' is missing" },
    { "d is a number", "{\"d\":1,\"policies\":[" PLAIN "]}", "'d' is no string" },
    { "d is empty", "{\"d\":\"\",\"policies\":[" PLAIN "]}", "'d' is no domain" },
    { "d is a dot", "{\"d\":\".\",\"policies\":[" PLAIN "]}", "'d' is no domain" },
    { "d is no domain", "{\"d\":\"a b\",\"policies\":[" PLAIN "]}", "'d' is no domain" },
    { "d is no A-label", "{\"d\":\"\xc3\xa9.example\",\"policies\":[" PLAIN "]}", "'d' is no domain" },
    { "pr is a number", "{\"d\":\"a.example\",\"pr\":1,\"policies\":[" PLAIN "]}", "'pr' is no string" },
    { "no policies", "{\"d\":\"a.example\"}", "'policies' is missing" },
    { "empty policies", TOP "]}", "'policies' is empty" },
    { "policies is an object", "{\"d\":\"a.example\",\"policies\":{}}", "'policies' is no array" },
    { "a policy is a string", TOP "\"x\"]}", "'policies' holds" },
    { "no type", TOP "{\"t\":0,\"f\":0}]}", "'policy-type' is missing" },
    { "type is a string", TOP "{\"policy-type\":\"tlsa\",\"t\":0,\"f\":0}]}", "'policy-type' is no whole number" },
    { "type is not known", TOP "{\"policy-type\":3,\"t\":0,\"f\":0}]}", "'policy-type' is none of" },
    { "no result", TOP "{\"policy-type\":9,\"t\":0}]}", "'f' is missing" },
    { "result is 2", TOP "{\"policy-type\":9,\"t\":0,\"f\":2}]}", "'f' is neither" },
    { "result is a string", TOP "{\"policy-type\":9,\"t\":0,\"f\":\"0\"}]}", "'f' is no whole number" },
    { "mx-host is a string", TOP "{\"policy-type\":9,\"mx-host\":\"a\",\"t\":0,\"f\":0}]}", "'mx-host' is no array" },
    { "a policy-string is a number", TOP "{\"policy-type\":9,\"policy-string\":[1],\"t\":0,\"f\":0}]}",
      "'policy-string' holds" },
    { "details are an object", TOP "{\"policy-type\":9,\"failure-details\":{},\"t\":0,\"f\":0}]}",
      "'failure-details' is no" },
    { "a detail is a number", ONE("1"), "'failure-details' holds" },
    { "no code", ONE("{\"s\":\"192.0.2.1\"}"), "'c' is missing" },
    { "code is a fraction", ONE("{\"c\":201.5}"), "'c' is no whole number" },
    { "reason is a number", ONE("{\"c\":201,\"f\":0}"), "'f' is no string" },
    { "the second policy is bad", TOP PLAIN ",{}]}", "'policy-type' is missing" },
    { "too deep", "{\"d\":\"a.example\",\"x\":[[[[[[[[[]]]]]]]]],\"policies\":[" PLAIN "]}", "nested deeper" },
};

TEST(refused)
{
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        struct arena arena = { 0 };
        struct tlsrpt_session s;
        struct fault why = { "" };
        bool has_warning;

        CHECK_CASE(refused[i].name,
                   tlsrpt_datagram_parse(slice_str(refused[i].text), &arena, &s, &has_warning, &why) == ERR_SYNTAX);
        if (has_warning || strstr(why.text, refused[i].why) == NULL)
            fail_msg("case '%s': '%s'", refused[i].name, why.text);
        arena_release(&arena);
    }
}

TEST(bad_bytes_are_replaced)
{
    struct arena arena = { 0 };
    struct tlsrpt_session s;
    bool has_warning;

    CHECK(tlsrpt_datagram_parse(SLICE_LIT(ONE("{\"c\":999,\"f\":\"a\xff \xc3\xa9\xed\xa0\x80z\"}")), &arena, &s,
                                &has_warning, NULL) == OK);
    CHECK_STR(s.policies[0].failures[0].failure_reason_code,
              "999 a\xef\xbf\xbd \xc3\xa9\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz");
    arena_release(&arena);
}

/* `head`, then `item` as often as fits into `size` bytes with commas between, then `tail`. */
static struct slice fill(char *out, size_t size, const char *head, const char *item, const char *tail)
{
    size_t len = (size_t)snprintf(out, size, "%s%s", head, item);

    while (len + strlen(item) + 1 + strlen(tail) < size)
        len += (size_t)snprintf(out + len, size - len, ",%s", item);
    len += (size_t)snprintf(out + len, size - len, "%s", tail);
    return slice_of(out, len);
}

/* RPT-02: what is too much is refused, or only the first of it kept; it costs no more than its bytes. */
static const struct {
    const char *name;
    size_t size;
    const char *head, *item, *tail;
    enum status want;
} floods[] = {
    { "too long", TLSRPT_DATAGRAM_MAX + 2, TOP PLAIN "],\"x\":[", "\"xxxxxxxxxxxxxxxxxxxxxxxxxx\"", "]}  ",
      ERR_SYNTAX },
    { "many values", 200 * 1024, TOP PLAIN "],\"x\":[", "0", "]}", ERR_SYNTAX },
    { "many policies", 2000, TOP, PLAIN, "]}", ERR_SYNTAX },
    { "many strings", 200 * 1024, TOP "{\"policy-type\":9,\"t\":0,\"f\":0,\"policy-string\":[", "\"abcd\"", "]}]}",
      OK },
    { "many failures", 200 * 1024, TOP "{\"policy-type\":9,\"f\":1,\"failure-details\":[", "{\"c\":201}", "]}]}", OK },
};

TEST(floods)
{
    char *text = malloc(TLSRPT_DATAGRAM_MAX + 64);

    for (size_t i = 0; i < COUNT_OF(floods); i++) {
        struct slice in = fill(text, floods[i].size, floods[i].head, floods[i].item, floods[i].tail);
        struct arena arena = { 0 };
        struct tlsrpt_session s;
        struct fault why = { "" };
        bool has_warning;

        if (i == 0)
            in.len = TLSRPT_DATAGRAM_MAX + 1;
        CHECK_CASE(floods[i].name, tlsrpt_datagram_parse(in, &arena, &s, &has_warning, &why) == floods[i].want);
        CHECK_CASE(floods[i].name, why.text[0] != '\0' && has_warning == (floods[i].want == OK));
        arena_release(&arena);
    }
    free(text);
}

RUN_TESTS(T(whole), T(codes), T(taken), T(refused), T(bad_bytes_are_replaced), T(floods))
