#include "net/https_route.h"

#include "base/test.h"

static bool is_policy_host(void *ctx, struct slice host)
{
    (void)ctx;
    return slice_eq(host, SLICE_LIT("mta-sts.example.test"));
}

static bool is_any_host(void *ctx, struct slice host)
{
    (void)ctx, (void)host;
    return true;
}

static const char *const types[] = { "application/tlsrpt+gzip", "application/tlsrpt+json" };

static const struct https_route routes[] = {
    { .has_host = is_policy_host, .method = HTTP_GET, .path = "/.well-known/mta-sts.txt" },
    { .has_host = is_any_host,
      .method = HTTP_POST,
      .path = "/reports",
      .types = types,
      .types_len = COUNT_OF(types),
      .body_bytes_max = 1000 },
};

static const struct {
    const char *name, *sni, *head;
    unsigned code;
} cases[] = {
    { "the policy", "mta-sts.example.test", "GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.example.test\r\n",
      0 },
    { "HEAD of it", "mta-sts.example.test", "HEAD /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.example.test\r\n",
      0 },
    { "with a port", "mta-sts.example.test",
      "GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.example.test:443\r\n", 0 },
    { "upper case and a dot", "MTA-STS.example.test",
      "GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: Mta-Sts.Example.Test.\r\n", 0 },
    { "Range is ignored", "mta-sts.example.test",
      "GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.example.test\r\nRange: bytes=0-1\r\n", 0 },
    { "HTTP/1.0 with Host", "mta-sts.example.test",
      "GET /.well-known/mta-sts.txt HTTP/1.0\r\nHost: mta-sts.example.test\r\n", 0 },
    { "HTTP/1.0 without", "mta-sts.example.test", "GET /.well-known/mta-sts.txt HTTP/1.0\r\n", 421 },
    { "dot segments", "mta-sts.example.test",
      "GET /x/../.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.example.test\r\n", 404 },
    { "escaped", "mta-sts.example.test", "GET /.well-known/mta%2dsts.txt HTTP/1.1\r\nHost: mta-sts.example.test\r\n",
      404 },
    { "two slashes", "mta-sts.example.test",
      "GET //.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.example.test\r\n", 404 },
    { "case of the path", "mta-sts.example.test",
      "GET /.well-known/MTA-STS.txt HTTP/1.1\r\nHost: mta-sts.example.test\r\n", 404 },
    { "a query", "mta-sts.example.test", "GET /.well-known/mta-sts.txt?x HTTP/1.1\r\nHost: mta-sts.example.test\r\n",
      404 },
    { "anything else", "mta-sts.example.test", "GET / HTTP/1.1\r\nHost: mta-sts.example.test\r\n", 404 },
    { "not that host's", "mx.example.test", "GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mx.example.test\r\n",
      404 },
    { "another host's name", "mx.example.test",
      "GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.example.test\r\n", 421 },
    { "no name in TLS", "", "GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.example.test\r\n", 421 },
    { "an address", "", "GET / HTTP/1.1\r\nHost: 192.0.2.1\r\n", 421 },
    { "an IPv6 address", "", "GET / HTTP/1.1\r\nHost: [2001:db8::1]\r\n", 421 },
    { "a path for a host", "a/b", "GET / HTTP/1.1\r\nHost: a/b\r\n", 421 },
    { "a port that is none", "mta-sts.example.test",
      "GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.example.test:x\r\n", 421 },
    { "an empty port", "mta-sts.example.test",
      "GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.example.test:\r\n", 421 },
    { "another method", "mta-sts.example.test",
      "DELETE /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.example.test\r\n", 405 },
    { "a body where there is none", "mta-sts.example.test",
      "GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.example.test\r\nContent-Length: 1\r\n", 413 },
    { "a report", "in.example.test",
      "POST /reports HTTP/1.1\r\nHost: in.example.test\r\nContent-Length: 1000\r\nContent-Type: "
      "application/tlsrpt+gzip\r\n",
      0 },
    { "with parameters, compressed once more", "in.example.test",
      "POST /reports HTTP/1.1\r\nHost: in.example.test\r\nContent-Length: 9\r\nContent-Type: Application/TLSRPT+json "
      "; a=b\r\n"
      "Content-Encoding: gzip\r\n",
      0 },
    { "too long by one", "in.example.test",
      "POST /reports HTTP/1.1\r\nHost: in.example.test\r\nContent-Length: 1001\r\nContent-Type: "
      "application/tlsrpt+gzip\r\n",
      413 },
    { "without a length", "in.example.test",
      "POST /reports HTTP/1.1\r\nHost: in.example.test\r\nContent-Type: application/tlsrpt+gzip\r\n", 411 },
    { "another type", "in.example.test",
      "POST /reports HTTP/1.1\r\nHost: in.example.test\r\nContent-Length: 9\r\nContent-Type: text/plain\r\n", 415 },
    { "no type", "in.example.test", "POST /reports HTTP/1.1\r\nHost: in.example.test\r\nContent-Length: 9\r\n", 415 },
    { "an unknown encoding", "in.example.test",
      "POST /reports HTTP/1.1\r\nHost: in.example.test\r\nContent-Length: 9\r\nContent-Type: "
      "application/tlsrpt+gzip\r\n"
      "Content-Encoding: br\r\n",
      415 },
    { "PATCH in place of POST", "in.example.test", "PATCH /reports HTTP/1.1\r\nHost: in.example.test\r\n", 405 },
};

TEST(choose) /* STS-27, TLS-17, TLS-18, RPT-08, WEB-07 */
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena a = { 0 };
        struct slice text = arena_printf(&a, "%s\r\n", cases[i].head);
        struct https_choice choice;
        struct http_head head;
        size_t used;

        CHECK_CASE(cases[i].name, http_head_parse(text, &head, &used, NULL) == OK);
        https_route_choose(routes, COUNT_OF(routes), NULL, &head, slice_str(cases[i].sni), &choice);
        CHECK_CASE(cases[i].name, choice.code == cases[i].code);
        CHECK_CASE(cases[i].name, (choice.route != NULL) == (cases[i].code == 0));
        arena_release(&a);
    }
}

TEST(methods_there_are)
{
    struct https_choice choice;
    struct http_head head = { .method = HTTP_POST,
                              .path = SLICE_LIT("/.well-known/mta-sts.txt"),
                              .host = SLICE_LIT("mta-sts.example.test") };

    https_route_choose(routes, COUNT_OF(routes), NULL, &head, head.host, &choice);
    CHECK_INT(choice.code, 405);
    CHECK_STR(slice_str(choice.allow), "GET, HEAD");
}

RUN_TESTS(T(choose), T(methods_there_are))
