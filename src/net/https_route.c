#include "net/https_route.h"

#include "net/tls_certificate.h"

#include <stdio.h>

_Static_assert((int)HTTPS_NAME_MAX == (int)TLS_CERTIFICATE_NAME_MAX, "a host is named like its certificate");

bool https_host_name(struct slice host, char out[static HTTPS_NAME_MAX], struct slice *name)
{
    struct slice port, plain = slice_cut(host, ':', &port);
    uint64_t number;

    if (plain.len > 1 && plain.ptr[plain.len - 1] == '.')
        plain.len--;
    if (slice_find(host, ':') != SIZE_MAX && (!slice_to_u64(port, &number) || number > UINT16_MAX))
        return false;
    return tls_certificate_name(plain, out, name);
}

static bool is_same_host(struct slice host, struct slice sni)
{
    char text[HTTPS_NAME_MAX];
    struct slice name;

    return tls_certificate_name(sni, text, &name) && slice_eq(name, host);
}

/* The media type without its parameters (RFC 9110 section 8.3.1). */
static bool takes_type(const struct https_route *r, struct slice type)
{
    struct slice parameters, plain = slice_trim(slice_cut(type, ';', &parameters));

    for (size_t i = 0; i < r->types_len; i++) {
        if (slice_eq_case(plain, slice_str(r->types[i])))
            return true;
    }
    return r->types == NULL;
}

/* Reports come compressed as what they are, or by the hand of a library that does it to all its requests. */
static bool takes_encoding(struct slice encoding)
{
    return encoding.len == 0 || slice_eq_case(encoding, SLICE_LIT("identity")) ||
           slice_eq_case(encoding, SLICE_LIT("gzip")) || slice_eq_case(encoding, SLICE_LIT("x-gzip"));
}

static unsigned judge_body(const struct https_route *r, const struct http_head *head)
{
    if (r->body_bytes_max > 0 && !head->has_length)
        return 411;
    if (head->content_length > r->body_bytes_max)
        return 413;
    if (r->body_bytes_max > 0 && (!takes_type(r, head->content_type) || !takes_encoding(head->content_encoding)))
        return 415;
    return 0;
}

static bool answers(const struct https_route *r, enum http_method method)
{
    return r->method == method || (r->method == HTTP_GET && method == HTTP_HEAD);
}

static void allow(struct https_choice *c, enum http_method method)
{
    size_t len = strlen(c->allow);

    (void)snprintf(c->allow + len, sizeof c->allow - len, "%s%s%s", len == 0 ? "" : ", ", http_method_name(method),
                   method == HTTP_GET ? ", HEAD" : "");
}

static bool is_at(const struct https_route *r, struct slice path)
{
    return r->is_folder ? slice_starts(path, slice_str(r->path)) : slice_eq(path, slice_str(r->path));
}

static void choose_at_host(const struct https_route *routes, size_t routes_len, void *ctx, struct slice host,
                           const struct http_head *head, struct https_choice *out)
{
    out->code = 404;
    for (size_t i = 0; i < routes_len; i++) {
        const struct https_route *r = &routes[i];

        if (!is_at(r, head->path) || head->query.len > 0 || !r->has_host(r->ctx == NULL ? ctx : r->ctx, host))
            continue;
        if (answers(r, head->method)) {
            out->code = judge_body(r, head);
            out->route = out->code == 0 ? r : NULL;
            return;
        }
        out->code = 405;
        allow(out, r->method);
    }
}

void https_route_choose(const struct https_route *routes, size_t routes_len, void *ctx, const struct http_head *head,
                        struct slice sni, struct https_choice *out)
{
    char text[HTTPS_NAME_MAX];
    struct slice host;

    *out = (struct https_choice){ .code = 421 };
    if (https_host_name(head->host, text, &host) && is_same_host(host, sni))
        choose_at_host(routes, routes_len, ctx, host, head, out);
}
