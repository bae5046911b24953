#include "net/http_request.h"

#include "base/test.h"

#define HOST "Host: localhost\r\n"

static const struct {
    const char *name, *text;
    enum status st;
} head_cases[] = {
    { "plain GET", "GET /v1/status HTTP/1.1\r\n" HOST "\r\n", OK },
    { "HTTP/1.0 needs no Host", "GET / HTTP/1.0\r\n\r\n", OK },
    { "not all there", "GET / HTTP/1.1\r\n" HOST, ERR_TEMPORARY },
    { "CR of the last line", "GET / HTTP/1.1\r\n" HOST "\r", ERR_TEMPORARY },
    { "no Host", "GET / HTTP/1.1\r\n\r\n", ERR_SYNTAX },
    { "two Hosts", "GET / HTTP/1.1\r\n" HOST HOST "\r\n", ERR_SYNTAX },
    { "bare LF", "GET / HTTP/1.1\n" HOST "\r\n", ERR_SYNTAX },
    { "bare CR", "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", ERR_SYNTAX },
    { "folded field", "GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n", ERR_SYNTAX },
    { "blank before the colon", "GET / HTTP/1.1\r\n" HOST "Content-Length : 3\r\n\r\n", ERR_SYNTAX },
    { "field without a colon", "GET / HTTP/1.1\r\n" HOST "X\r\n\r\n", ERR_SYNTAX },
    { "two lengths that differ", "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 4\r\n\r\n",
      ERR_SYNTAX },
    { "two lengths alike", "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 3\r\n\r\n", ERR_SYNTAX },
    { "negative length", "POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n", ERR_SYNTAX },
    { "length with a plus", "POST / HTTP/1.1\r\n" HOST "Content-Length: +1\r\n\r\n", ERR_SYNTAX },
    { "chunked", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", ERR_NOT_FOUND },
    { "chunked beside a length", "POST / HTTP/1.1\r\n" HOST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
      ERR_SYNTAX },
    { "a length beside chunked", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: x\r\nContent-Length: 3\r\n\r\n",
      ERR_SYNTAX },
    { "chunked in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", ERR_SYNTAX },
    { "two types", "POST / HTTP/1.1\r\n" HOST "Content-Type: a/b\r\nContent-Type: a/b\r\n\r\n", ERR_SYNTAX },
    { "an empty encoding", "POST / HTTP/1.1\r\n" HOST "Content-Encoding:\r\n\r\n", ERR_SYNTAX },
    { "absolute target", "GET http://other/ HTTP/1.1\r\n" HOST "\r\n", ERR_SYNTAX },
    { "asterisk", "GET * HTTP/1.1\r\n" HOST "\r\n", ERR_SYNTAX },
    { "backslash in the target", "GET /a\\b HTTP/1.1\r\n" HOST "\r\n", ERR_SYNTAX },
    { "two blanks", "GET  / HTTP/1.1\r\n" HOST "\r\n", ERR_SYNTAX },
    { "HTTP/2", "PRI / HTTP/2.0\r\n\r\n", ERR_SYNTAX },
    { "HTTP/0.9", "GET /\r\n\r\n", ERR_SYNTAX },
    { "unknown method", "TRACE / HTTP/1.1\r\n" HOST "\r\n", ERR_PERMANENT },
    { "method in lower case", "get / HTTP/1.1\r\n" HOST "\r\n", ERR_PERMANENT },
    { "expectation", "POST / HTTP/1.1\r\n" HOST "Expect: magic\r\n\r\n", ERR_SYNTAX },
    { "escape sequence in a field", "GET / HTTP/1.1\r\n" HOST "X: \033[0m\r\n\r\n", ERR_SYNTAX },
};

TEST(head_is_read_strictly) /* WEB-05 */
{
    for (size_t i = 0; i < COUNT_OF(head_cases); i++) {
        struct http_head head;
        size_t used = 0;

        CHECK_CASE(head_cases[i].name,
                   http_head_parse(slice_str(head_cases[i].text), &head, &used, NULL) == head_cases[i].st);
        CHECK_CASE(head_cases[i].name, head_cases[i].st != OK || used == strlen(head_cases[i].text));
    }
}

TEST(head_limits) /* WEB-05: 100 headers, and one of any length */
{
    static char text[3 * HTTP_HEAD_BYTES_MAX];
    struct http_head head;
    size_t used, at = (size_t)snprintf(text, sizeof text, "GET / HTTP/1.1\r\n" HOST);

    for (int i = 0; i < 100; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "X: %d\r\n", i);
    at += (size_t)snprintf(text + at, sizeof text - at, "\r\n");
    CHECK(http_head_parse(slice_of(text, at), &head, &used, NULL) == ERR_LIMIT);
    memset(text + 5, 'a', sizeof text - 5);
    CHECK(http_head_parse(slice_of(text, HTTP_HEAD_BYTES_MAX - 1), &head, &used, NULL) == ERR_TEMPORARY);
    CHECK(http_head_parse(slice_of(text, HTTP_HEAD_BYTES_MAX), &head, &used, NULL) == ERR_LIMIT);
}

TEST(head_facts)
{
    struct http_head head;
    size_t used;

    CHECK(http_head_parse(SLICE_LIT("POST /v1/a?b=c&d HTTP/1.1\r\nhost: x\r\ncontent-LENGTH: 12\r\n"
                                    "Connection: x, CLOSE\r\nExpect: 100-Continue\r\n\r\n123"),
                          &head, &used, NULL) == OK);
    CHECK(head.method == HTTP_POST && head.content_length == 12 && !head.is_keep_alive && head.expects_continue);
    CHECK_STR(head.path, "/v1/a");
    CHECK_STR(head.query, "b=c&d");
    CHECK_STR(head.host, "x");
    CHECK(head.has_length && head.content_type.len == 0);
    CHECK(http_head_parse(SLICE_LIT("POST / HTTP/1.1\r\nHost: x:443\r\nContent-Type:  a/b; c=d \r\n"
                                    "Content-Encoding: gzip\r\n\r\n"),
                          &head, &used, NULL) == OK);
    CHECK_STR(head.host, "x:443");
    CHECK_STR(head.content_type, "a/b; c=d");
    CHECK_STR(head.content_encoding, "gzip");
    CHECK(!head.has_length && head.is_keep_alive);
    CHECK(http_head_parse(SLICE_LIT("GET / HTTP/1.0\r\n\r\n"), &head, &used, NULL) == OK && !head.is_keep_alive);
}

static const struct {
    const char *in, *out;
} segment_cases[] = {
    { "plain", "plain" }, { "a%20b", "a b" }, { "%c3%a9", "\xc3\xa9" }, { "a+b", "a+b" }, { "%2f", NULL },
    { "%2F..", NULL },    { "%5c", NULL },    { "%00", NULL },          { "%0a", NULL },  { "%7f", NULL },
    { "%c0%af", NULL },   { "%", NULL },      { "%4", NULL },           { "%zz", NULL },  { "..", ".." },
};

TEST(segment_decode) /* WEB-04 */
{
    struct arena a = { 0 };

    for (size_t i = 0; i < COUNT_OF(segment_cases); i++) {
        struct slice out = { 0 };
        bool good = http_segment_decode(slice_str(segment_cases[i].in), &a, &out);

        CHECK_CASE(segment_cases[i].in, good == (segment_cases[i].out != NULL));
        CHECK_CASE(segment_cases[i].in, !good || slice_eq(out, slice_str(segment_cases[i].out)));
    }
    arena_release(&a);
}

TEST(query)
{
    struct slice value, query = SLICE_LIT("after=1&domain=a%2fb+c&empty=&flag");
    struct arena a = { 0 };

    CHECK(http_query_find(query, "domain", &value) && http_query_decode(value, &a, &value));
    CHECK_STR(value, "a/b c");
    CHECK(http_query_find(query, "empty", &value) && value.len == 0);
    CHECK(http_query_find(query, "flag", &value) && value.len == 0);
    CHECK(!http_query_find(query, "mpty", &value));
    CHECK_STR(http_encode(SLICE_LIT("a/b c%\n"), &a), "a%2Fb%20c%25%0A");
    arena_release(&a);
}

RUN_TESTS(T(head_is_read_strictly), T(head_limits), T(head_facts), T(segment_decode), T(query))
