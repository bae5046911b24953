/* net/https_route.h: which handler a request over HTTPS is for, or with what status it is refused: a pure table. */
#ifndef STERNPOST_NET_HTTPS_ROUTE_H
#define STERNPOST_NET_HTTPS_ROUTE_H

#include "net/http_request.h"

struct https_handler; /* net/https_server.h */

enum { HTTPS_NAME_MAX = 253, HTTPS_ALLOW_TEXT = 64 };

/* One thing that is served. Hosts and paths are compared whole, byte by byte: nothing is decoded, no dot segment
 * resolved (STS-27). What answers GET answers HEAD too. */
struct https_route {
    bool (*has_host)(void *ctx, struct slice host); /* lower case, without port; asked for every request */
    enum http_method method;
    const char *path;
    bool is_folder; /* `path` ends in "/" and stands for whatever lies in it, looked at by the handler */
    const char *const *types; /* media types of a body, lower case; NULL: any */
    size_t types_len;
    size_t body_bytes_max; /* 0: takes no body */
    const struct https_handler *handler;
    void *ctx; /* for has_host() and its calls instead of the server's; NULL: the server's */
};

struct https_choice {
    unsigned code;                   /* 0: `route` it is. Else 404, 405, 411, 413, 415 or 421 */
    const struct https_route *route; /* NULL unless code is 0 */
    char allow[HTTPS_ALLOW_TEXT];    /* 405: the methods there are, "GET, HEAD" */
};

/* The host of a request as routes see it: lower case, without a port and the dot at its end, in `out`. False when it
 * is no host name. */
bool https_host_name(struct slice host, char out[static HTTPS_NAME_MAX], struct slice *name);

/* `sni` is the name that the certificate was chosen by, as it came: another one than Host, or none, is 421 (TLS-18,
 * RFC 9110 section 15.5.20). A body needs a Content-Length (411) no longer than the route takes (413), in one of its
 * types (415). */
void https_route_choose(const struct https_route *routes, size_t routes_len, void *ctx, const struct http_head *head,
                        struct slice sni, struct https_choice *out);

#endif
