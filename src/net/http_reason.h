/* net/http_reason.h: the words behind an HTTP status code (RFC 9110 section 15). */
#ifndef STERNPOST_NET_HTTP_REASON_H
#define STERNPOST_NET_HTTP_REASON_H

const char *http_reason(unsigned status); /* "Not Found"; "Unknown" for a code that we never send */

#endif
