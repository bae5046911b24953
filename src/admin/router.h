/* admin/router.h: which function answers a request: one table of method and path pattern. */
#ifndef STERNPOST_ADMIN_ROUTER_H
#define STERNPOST_ADMIN_ROUTER_H

#include "net/http_request.h"

enum { ROUTER_PARAMS_MAX = 3 };

struct call;

struct endpoint {
    enum http_method method;    /* a GET answers HEAD too */
    bool             is_public; /* also on the metrics listener: changes nothing, tells nothing about mail */
    const char      *pattern;   /* "/v1/queue/{}/{}": each "{}" stands for one segment, not empty */
    void           (*handle)(struct call *c);
};

/* Finds the first endpoint for a request; params[] get the decoded segments, in `arena`. ERR_NOT_FOUND: no such
 * path (404). ERR_PERMANENT: the path is there with other methods (405). ERR_SYNTAX: a segment that matched "{}" does
 * not decode (400). */
MUST_USE enum status router_find(const struct endpoint *table, size_t table_len, enum http_method method,
                                 struct slice path, struct arena *arena, struct slice params[ROUTER_PARAMS_MAX],
                                 const struct endpoint **out);

#endif
