#include "admin/admin_fixture.h"
#include "discovery/sts_facts.h"

/* What is kept of MTA-STS policies, by domain. */
static const struct {
    const char *domain, *id, *policy;
    enum tls_result failure;
    const char *failure_text;
    int64_t next_try_s;
} kept[] = {
    { "a.example", "1", "version: STSv1\nmode: enforce\nmx: *.a.example\nmx: b.example\nmax_age: 86400\n",
      TLS_RESULT_OK, "", 0 },
    { "b.example", "2", "version: STSv1\nmode: testing\nmx: b.example\nmax_age: 86400\n",
      TLS_RESULT_STS_POLICY_FETCH_ERROR, "status 404", 1800000000 },
    { "c.example", "3", "version: STSv1\nmode: none\nmax_age: 86400\n", TLS_RESULT_OK, "", 0 },
};
static size_t forgotten;

static const struct sts_facts *facts_of(size_t i)
{
    struct arena arena = { 0 };
    struct sts_facts draft = {
        .finding = STS_FOUND,
        .domain = slice_str(kept[i].domain),
        .id = slice_str(kept[i].id),
        .fetched_s = 1700000000,
        .expires_s = 1700086400,
        .checked_s = 1700000060,
        .failure = kept[i].failure,
        .failure_text = slice_str(kept[i].failure_text),
    };
    const struct sts_facts *facts;

    CHECK(sts_policy_parse(slice_str(kept[i].policy), &arena, &draft.policy, NULL) == OK);
    facts = sts_facts_new(&draft);
    arena_release(&arena);
    return facts;
}

static void bring(struct sts_request *q, size_t from, size_t len)
{
    struct sts_kept *list = ARENA_ARRAY(&q->arena, struct sts_kept, len);

    for (size_t i = 0; i < len; i++)
        list[i] = (struct sts_kept){ .facts = facts_of(from + i),
                                     .used_s = 1700000120,
                                     .refresh_s = 1700043200,
                                     .next_try_s = kept[from + i].next_try_s,
                                     .failures = kept[from + i].next_try_s != 0 ? 2 : 0 };
    q->list = list;
    q->list_len = len;
}

static size_t find(struct slice domain)
{
    size_t i = 0;

    while (i < COUNT_OF(kept) && !slice_eq(domain, slice_str(kept[i].domain)))
        i++;
    return i;
}

static void list(struct sts_request *q)
{
    size_t from = 0, left;

    while (from < COUNT_OF(kept) && q->after.len > 0 && strcmp(kept[from].domain, q->after.ptr) <= 0)
        from++;
    left = COUNT_OF(kept) - from;
    bring(q, from, left < q->limit ? left : q->limit);
}

/* Answers as discovery/sts.h promises. */
static void answer(struct sts_request *q)
{
    size_t at = find(q->domain);

    if (q->domain.len > 0 && at == COUNT_OF(kept) && q->verb != STS_REFRESH)
        q->status = fault_set(&q->why, ERR_NOT_FOUND, "no policy of '%.*s' is kept", SLICE_FMT(q->domain));
    else if (q->verb == STS_LIST)
        list(q);
    else if (q->verb == STS_SHOW)
        bring(q, at, 1);
    else if (q->verb == STS_FORGET)
        forgotten += q->count = q->domain.len > 0 ? 1 : COUNT_OF(kept);
    else if (at < COUNT_OF(kept))
        q->facts = facts_of(at);
    else
        q->facts = sts_facts_new(&(struct sts_facts){ .finding = STS_NOTHING, .domain = q->domain });
}

TEST(sts_list)
{
    json_t *got;

    CHECK_INT(request(true, "GET", "/v1/sts?limit=2", "", &got), 200);
    CHECK_INT(json_array_size(json_object_get(got, "policies")), 2);
    CHECK_STR(slice_str(json_string_value(json_object_get(got, "next"))), "b.example");
    json_decref(got);
    CHECK_INT(request(true, "GET", "/v1/sts?limit=2&after=b.example", "", &got), 200);
    CHECK_INT(json_array_size(json_object_get(got, "policies")), 1);
    CHECK(json_object_get(got, "next") == NULL);
    json_decref(got);
    check("GET", "/v1/sts?limit=x", "", 400, "{}");
}

TEST(sts_show)
{
    check(
        "GET", "/v1/sts/A.Example", "", 200,
        "{\"domain\":\"a.example\",\"finding\":\"found\",\"mode\":\"enforce\",\"mx\":[\"*.a.example\",\"b.example\"],"
        "\"max_age_s\":86400,\"id\":\"1\",\"source\":\"https://mta-sts.a.example/.well-known/mta-sts.txt\","
        "\"fetched\":\"2023-11-14T22:13:20Z\",\"expires\":\"2023-11-15T22:13:20Z\",\"checked\":\"2023-11-14T22:14:"
        "20Z\","
        "\"used\":\"2023-11-14T22:15:20Z\",\"refresh\":\"2023-11-15T10:13:20Z\",\"failures\":0,\"next_try\":null,"
        "\"policy\":[\"version: STSv1\",\"mode: enforce\",\"mx: *.a.example\",\"mx: b.example\",\"max_age: 86400\"]}");
    check("GET", "/v1/sts/b.example", "", 200,
          "{\"failure\":\"sts-policy-fetch-error\",\"failure_text\":\"status 404\",\"failures\":2,"
          "\"next_try\":\"2027-01-15T08:00:00Z\"}");
    check("GET", "/v1/sts/d.example", "", 404, "{\"status\":\"not-found\"}");
    check("GET", "/v1/sts/exa_mple", "", 400, "{\"status\":\"syntax\"}");
}

TEST(sts_refresh)
{
    check("POST", "/v1/sts/b%C3%BCcher.example/refresh", "", 200,
          "{\"domain\":\"xn--bcher-kva.example\",\"finding\":\"none\",\"checked\":null,\"policy\":[]}");
    check("POST", "/v1/sts/b.example/refresh", "", 200,
          "{\"finding\":\"found\",\"failure\":\"sts-policy-fetch-error\"}");
}

TEST(sts_forget)
{
    forgotten = 0;
    check("POST", "/v1/sts/forget", "", 400, "{}"); /* WEB-09 */
    check("POST", "/v1/sts/forget", "{\"all\":false}", 400, "{}");
    check("POST", "/v1/sts/d.example/forget", "", 404, "{}");
    CHECK_INT(forgotten, 0);
    check("POST", "/v1/sts/a.example/forget", "", 200, "{\"forgotten\":1}");
    check("POST", "/v1/sts/forget", "{\"all\":true}", 200, "{\"forgotten\":3}");
    CHECK_INT(forgotten, 4);
}

static int set_up_sts(void **state)
{
    f.answer_sts = answer;
    return set_up(state);
}

#define WITH_STS(name) cmocka_unit_test_setup_teardown(test_##name, set_up_sts, tear_down)

RUN_TESTS(WITH_STS(sts_list), WITH_STS(sts_show), WITH_STS(sts_refresh), WITH_STS(sts_forget))
