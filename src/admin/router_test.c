#include "admin/router.h"

#include "base/test.h"

static void nothing(struct call *c)
{
    (void)c;
}

static const struct endpoint table[] = {
    { HTTP_GET, false, "/v1/status", nothing },
    { HTTP_GET, false, "/v1/queue", nothing },
    { HTTP_GET, false, "/v1/queue/{}", nothing },
    { HTTP_POST, false, "/v1/queue/{}/{}", nothing },
    { HTTP_DELETE, false, "/v1/settings/{}/{}", nothing },
};

static const struct {
    enum http_method method;
    const char *path;
    enum status st;
    int entry;
    const char *params[2];
} cases[] = {
    { HTTP_GET, "/v1/status", OK, 0, { "", "" } },
    { HTTP_HEAD, "/v1/status", OK, 0, { "", "" } },
    { HTTP_POST, "/v1/status", ERR_PERMANENT, 0, { 0 } },
    { HTTP_GET, "/v1/status/", ERR_NOT_FOUND, 0, { 0 } },
    { HTTP_GET, "//v1/status", ERR_NOT_FOUND, 0, { 0 } },
    { HTTP_GET, "/v1//status", ERR_NOT_FOUND, 0, { 0 } },
    { HTTP_GET, "/V1/status", ERR_NOT_FOUND, 0, { 0 } },
    { HTTP_GET, "/v1/./status", ERR_NOT_FOUND, 0, { 0 } },
    { HTTP_GET, "/v1/x/../status", ERR_NOT_FOUND, 0, { 0 } },
    { HTTP_GET, "/v1/%73tatus", ERR_NOT_FOUND, 0, { 0 } },
    { HTTP_GET, "/v1/statusx", ERR_NOT_FOUND, 0, { 0 } },
    { HTTP_GET, "/v1/statu", ERR_NOT_FOUND, 0, { 0 } },
    { HTTP_GET, "/v1", ERR_NOT_FOUND, 0, { 0 } },
    { HTTP_GET, "/", ERR_NOT_FOUND, 0, { 0 } },
    { HTTP_GET, "/v1/queue", OK, 1, { "", "" } },
    { HTTP_GET, "/v1/queue/abc", OK, 2, { "abc", "" } },
    { HTTP_GET, "/v1/queue/", ERR_NOT_FOUND, 0, { 0 } },
    { HTTP_POST, "/v1/queue/a%20b/hold", OK, 3, { "a b", "hold" } },
    { HTTP_POST, "/v1/queue//hold", ERR_NOT_FOUND, 0, { 0 } },
    { HTTP_POST, "/v1/queue/a%2fb/hold", ERR_SYNTAX, 0, { 0 } },
    { HTTP_POST, "/v1/queue/a%00b/hold", ERR_SYNTAX, 0, { 0 } },
    { HTTP_POST, "/v1/queue/a/hold/x", ERR_NOT_FOUND, 0, { 0 } },
    { HTTP_DELETE, "/v1/settings/rule/bank", OK, 4, { "rule", "bank" } },
};

TEST(router_find) /* WEB-04 */
{
    struct arena a = { 0 };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct slice params[ROUTER_PARAMS_MAX] = { 0 };
        const struct endpoint *found = NULL;
        enum status st =
            router_find(table, COUNT_OF(table), cases[i].method, slice_str(cases[i].path), &a, params, &found);

        CHECK_CASE(cases[i].path, st == cases[i].st);
        if (st != OK)
            continue;
        CHECK_CASE(cases[i].path, found == &table[cases[i].entry]);
        CHECK_STR(params[0], cases[i].params[0]);
        CHECK_STR(params[1], cases[i].params[1]);
    }
    arena_release(&a);
}

RUN_TESTS(T(router_find))
