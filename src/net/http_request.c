#include "net/http_request.h"

#include "base/utf8.h"

static const char *const method_names[HTTP_METHOD_COUNT] = {
    [HTTP_GET] = "GET", [HTTP_HEAD] = "HEAD", [HTTP_POST] = "POST", [HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE",
};

const char *http_method_name(enum http_method m)
{
    return method_names[m];
}

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_token(struct slice s) /* RFC 9110 section 5.6.2 */
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is_alnum(s.ptr[i]) && (s.ptr[i] == '\0' || strchr("!#$%&'*+-.^_`|~", s.ptr[i]) == NULL))
            return false;
    }
    return s.len > 0;
}

static bool is_field_value(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] != '\t' && (s.ptr[i] < ' ' || s.ptr[i] > '~'))
            return false;
    }
    return true;
}

/* Characters of an origin-form target (RFC 9112 section 3.2.1 over RFC 3986): no fragment, no backslash. */
static bool is_target(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is_alnum(s.ptr[i]) && (s.ptr[i] == '\0' || strchr("-._~!$&'()*+,;=:@/?%", s.ptr[i]) == NULL))
            return false;
    }
    return s.len > 0 && s.ptr[0] == '/';
}

/* What only the whole head can tell. */
struct head_facts {
    bool has_host, has_transfer, is_http10, asks_close, asks_keep;
    unsigned fields;
};

/* The next line without its CRLF. A CR or LF that stands alone is how requests are smuggled. */
static enum status next_line(struct slice *in, struct slice *line, struct fault *why)
{
    size_t lf = slice_find(*in, '\n');

    if (lf == SIZE_MAX)
        return ERR_TEMPORARY;
    if (lf == 0 || in->ptr[lf - 1] != '\r')
        return fault_set(why, ERR_SYNTAX, "line of the request does not end in CRLF");
    *line = slice_first(*in, lf - 1);
    *in = slice_from(*in, lf + 1);
    if (slice_find(*line, '\r') != SIZE_MAX)
        return fault_set(why, ERR_SYNTAX, "bare CR in the request");
    return OK;
}

static enum status parse_request_line(struct slice line, struct http_head *out, struct head_facts *facts,
                                      struct fault *why)
{
    struct slice rest, target, version, method = slice_cut(line, ' ', &rest);

    target = slice_cut(rest, ' ', &version);
    if (!is_token(method) || slice_find(version, ' ') != SIZE_MAX)
        return fault_set(why, ERR_SYNTAX, "malformed request line");
    facts->is_http10 = slice_eq(version, SLICE_LIT("HTTP/1.0"));
    if (!facts->is_http10 && !slice_eq(version, SLICE_LIT("HTTP/1.1")))
        return fault_set(why, ERR_SYNTAX, "request is neither HTTP/1.1 nor HTTP/1.0");
    if (!is_target(target))
        return fault_set(why, ERR_SYNTAX, "request target is not a path");
    out->path = slice_cut(target, '?', &out->query);
    for (size_t m = 0; m < HTTP_METHOD_COUNT; m++) {
        if (slice_eq(method, slice_str(method_names[m]))) {
            out->method = (enum http_method)m;
            return OK;
        }
    }
    return fault_set(why, ERR_PERMANENT, "method is not one of GET, HEAD, POST, PATCH, DELETE");
}

static enum status on_host(struct slice value, struct http_head *out, struct head_facts *facts, struct fault *why)
{
    if (facts->has_host || value.len == 0)
        return fault_set(why, ERR_SYNTAX, "more than one Host, or an empty one");
    facts->has_host = true;
    out->host = value;
    return OK;
}

static enum status on_length(struct slice value, struct http_head *out, struct head_facts *facts, struct fault *why)
{
    (void)facts;
    if (out->has_length || !slice_to_u64(value, &out->content_length))
        return fault_set(why, ERR_SYNTAX, "more than one Content-Length, or a malformed one");
    out->has_length = true;
    return OK;
}

static enum status on_transfer(struct slice value, struct http_head *out, struct head_facts *facts, struct fault *why)
{
    (void)value;
    (void)out;
    (void)why;
    facts->has_transfer = true; /* with a Content-Length or without: the end of the head tells */
    return OK;
}

static enum status set_once(struct slice value, struct slice *out, const char *name, struct fault *why)
{
    if (out->len > 0 || value.len == 0)
        return fault_set(why, ERR_SYNTAX, "more than one %s, or an empty one", name);
    *out = value;
    return OK;
}

static enum status on_type(struct slice value, struct http_head *out, struct head_facts *facts, struct fault *why)
{
    (void)facts;
    return set_once(value, &out->content_type, "Content-Type", why);
}

static enum status on_encoding(struct slice value, struct http_head *out, struct head_facts *facts, struct fault *why)
{
    (void)facts;
    return set_once(value, &out->content_encoding, "Content-Encoding", why);
}

static enum status on_connection(struct slice value, struct http_head *out, struct head_facts *facts,
                                 struct fault *why)
{
    (void)out;
    (void)why;
    while (value.len > 0) {
        struct slice option = slice_trim(slice_cut(value, ',', &value));

        facts->asks_close |= slice_eq_case(option, SLICE_LIT("close"));
        facts->asks_keep |= slice_eq_case(option, SLICE_LIT("keep-alive"));
    }
    return OK;
}

static enum status on_expect(struct slice value, struct http_head *out, struct head_facts *facts, struct fault *why)
{
    (void)facts;
    if (!slice_eq_case(value, SLICE_LIT("100-continue")))
        return fault_set(why, ERR_SYNTAX, "Expect is not 100-continue");
    out->expects_continue = true;
    return OK;
}

static const struct field {
    const char *name;
    enum status (*read)(struct slice value, struct http_head *out, struct head_facts *facts, struct fault *why);
} fields[] = {
    { "Host", on_host },         { "Content-Length", on_length },     { "Transfer-Encoding", on_transfer },
    { "Content-Type", on_type }, { "Content-Encoding", on_encoding }, { "Connection", on_connection },
    { "Expect", on_expect },
};

static enum status parse_field(struct slice line, struct http_head *out, struct head_facts *facts, struct fault *why)
{
    struct slice value, name = slice_cut(line, ':', &value);

    if (++facts->fields > HTTP_FIELDS_MAX)
        return fault_set(why, ERR_LIMIT, "more than %d header fields", HTTP_FIELDS_MAX);
    /* A blank before the colon or at the front of the line (obs-fold) is no token (RFC 9112 section 5). */
    if (name.len == line.len || !is_token(name) || !is_field_value(value))
        return fault_set(why, ERR_SYNTAX, "malformed header field");
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        if (slice_eq_case(name, slice_str(fields[i].name)))
            return fields[i].read(slice_trim(value), out, facts, why);
    }
    return OK;
}

static enum status too_long_or_more(struct slice in, enum status st, struct fault *why)
{
    if (st == ERR_TEMPORARY && in.len >= HTTP_HEAD_BYTES_MAX)
        return fault_set(why, ERR_LIMIT, "head of the request is longer than %d bytes", HTTP_HEAD_BYTES_MAX);
    return st;
}

/* A body framed in two ways is how requests are smuggled (RFC 9112 section 6.1). */
static enum status judge_whole(const struct http_head *head, const struct head_facts *facts, struct fault *why)
{
    if (!facts->has_host && !facts->is_http10)
        return fault_set(why, ERR_SYNTAX, "HTTP/1.1 without Host");
    if (facts->has_transfer && (head->has_length || facts->is_http10))
        return fault_set(why, ERR_SYNTAX, "Transfer-Encoding beside a Content-Length, or in HTTP/1.0");
    if (facts->has_transfer)
        return fault_set(why, ERR_NOT_FOUND, "Transfer-Encoding is not taken; send a Content-Length");
    return OK;
}

unsigned http_head_refusal(enum status st)
{
    switch (st) {
    case ERR_LIMIT: return 431;
    case ERR_PERMANENT: return 501;
    case ERR_NOT_FOUND: return 411;
    default: return 400;
    }
}

enum status http_head_parse(struct slice in, struct http_head *out, size_t *used, struct fault *why)
{
    struct http_head head = { 0 };
    struct head_facts facts = { 0 };
    struct slice line = { 0 }, rest = slice_first(in, HTTP_HEAD_BYTES_MAX);
    enum status st = next_line(&rest, &line, why);

    if (st == OK)
        st = parse_request_line(line, &head, &facts, why);
    while (st == OK) {
        st = next_line(&rest, &line, why);
        if (st != OK || line.len == 0)
            break;
        st = parse_field(line, &head, &facts, why);
    }
    if (st != OK)
        return too_long_or_more(in, st, why);
    st = judge_whole(&head, &facts, why);
    if (st != OK)
        return st;
    head.is_keep_alive = !facts.asks_close && (!facts.is_http10 || facts.asks_keep);
    *used = (size_t)(rest.ptr - in.ptr);
    *out = head;
    return OK;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool percent_decode(struct slice in, bool plus_is_blank, struct arena *arena, struct slice *out)
{
    char *to = (char *)arena_alloc(arena, in.len + 1);
    size_t len = 0;

    for (size_t i = 0; i < in.len; i++) {
        char c = in.ptr[i];

        if (c == '%') {
            int high = i + 2 < in.len ? hex_value(in.ptr[i + 1]) : -1;
            int low = i + 2 < in.len ? hex_value(in.ptr[i + 2]) : -1;

            if (high < 0 || low < 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && plus_is_blank) {
            c = ' ';
        }
        if ((unsigned char)c < ' ' || c == 0x7f)
            return false;
        to[len++] = c;
    }
    if (!utf8_is_valid(slice_of(to, len)))
        return false;
    *out = slice_of(to, len);
    return true;
}

bool http_segment_decode(struct slice encoded, struct arena *arena, struct slice *out)
{
    struct slice plain;

    if (!percent_decode(encoded, false, arena, &plain) || slice_find(plain, '/') != SIZE_MAX ||
        slice_find(plain, '\\') != SIZE_MAX)
        return false;
    *out = plain;
    return true;
}

bool http_query_decode(struct slice encoded, struct arena *arena, struct slice *out)
{
    return percent_decode(encoded, true, arena, out);
}

bool http_query_find(struct slice query, const char *name, struct slice *encoded)
{
    while (query.len > 0) {
        struct slice value, key = slice_cut(slice_cut(query, '&', &query), '=', &value);

        if (slice_eq(key, slice_str(name))) {
            *encoded = value;
            return true;
        }
    }
    return false;
}

struct slice http_encode(struct slice text, struct arena *arena)
{
    static const char hex[] = "0123456789ABCDEF";
    char *to = (char *)arena_alloc(arena, text.len * 3 + 1);
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (is_alnum((char)c) || c == '-' || c == '.' || c == '_' || c == '~') {
            to[len++] = (char)c;
            continue;
        }
        to[len++] = '%';
        to[len++] = hex[c >> 4];
        to[len++] = hex[c & 15];
    }
    return slice_of(to, len);
}
