/* net/http_request.h: the head of an HTTP/1.1 request and the parts of its target, as pure parsers (RFC 9112,
 * RFC 3986). Read more strictly than the RFC asks: what two readers could understand differently is refused
 * (WEB-05), and so is everything that no server of ours has a use for (Transfer-Encoding, absolute targets, folded
 * fields). */
#ifndef STERNPOST_NET_HTTP_REQUEST_H
#define STERNPOST_NET_HTTP_REQUEST_H

#include "base/arena.h"

enum { HTTP_HEAD_BYTES_MAX = 8 * 1024, HTTP_FIELDS_MAX = 64 };

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PATCH, HTTP_DELETE, HTTP_METHOD_COUNT };
const char *http_method_name(enum http_method m); /* "GET" */

struct http_head {
    enum http_method method;
    struct slice path;                           /* begins with "/"; still encoded, without the query */
    struct slice query;                          /* behind the "?"; still encoded */
    struct slice host;                           /* as sent, a port may stand behind it; empty only in HTTP/1.0 */
    struct slice content_type, content_encoding; /* as sent; empty: not given */
    uint64_t content_length;
    bool has_length;       /* a Content-Length was there, may be of 0 */
    bool is_keep_alive;    /* the client wants the connection to stay (RFC 9112 section 9.3) */
    bool expects_continue; /* RFC 9110 section 10.1.1 */
};

/* Parses the head at the front of `in`; *used is its length with the empty line. Slices borrow from `in`.
 * ERR_TEMPORARY: not all there yet. ERR_SYNTAX: answer 400. ERR_LIMIT: longer than HTTP_HEAD_BYTES_MAX or more
 * than HTTP_FIELDS_MAX fields, answer 431. ERR_PERMANENT: a method we do not have, answer 501. ERR_NOT_FOUND:
 * Transfer-Encoding in place of a Content-Length, answer 411.
 * After an error nothing of the connection can be trusted: answer and close. */
MUST_USE enum status http_head_parse(struct slice in, struct http_head *out, size_t *used, struct fault *why);
unsigned http_head_refusal(enum status st); /* that code */

/* Decodes one segment of a path or one value of a query ("+" is a blank in a query) into `arena`. False on a bad
 * escape, a control byte, a NUL, "/" or "\" or ill-formed UTF-8 (WEB-04); *out is written only on true. */
bool http_segment_decode(struct slice encoded, struct arena *arena, struct slice *out);
bool http_query_decode(struct slice encoded, struct arena *arena, struct slice *out);
/* The still encoded value of the first field `name` in a query; false: there is none. */
bool http_query_find(struct slice query, const char *name, struct slice *encoded);
/* Writes `text` so that it can stand in a path segment or a query value. */
struct slice http_encode(struct slice text, struct arena *arena);

#endif
