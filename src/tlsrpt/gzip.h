/* tlsrpt/gzip.h: reports packed as gzip (RFC 8460 section 5.2, RFC 1952), and unpacked again within bounds. */
#ifndef STERNPOST_TLSRPT_GZIP_H
#define STERNPOST_TLSRPT_GZIP_H

#include "base/arena.h"

/* One member without a file name or time. In `arena`. */
struct slice gzip_pack(struct slice in, struct arena *arena);

/* Unpacks exactly one member; its length and CRC must hold and nothing may follow (RPT-01). ERR_SYNTAX, or ERR_LIMIT
 * when it unpacks to more than `max` bytes, of which no more are ever made. In `arena`; *out is written only on OK. */
MUST_USE enum status gzip_unpack(struct slice in, size_t max, struct arena *arena, struct slice *out,
                                 struct fault *why);

/* The same of a gzip member, or of bare deflate data (RFC 1951), and *used says where it ends: something may follow. */
MUST_USE enum status gzip_inflate(struct slice in, bool is_raw, size_t max, struct arena *arena, struct slice *out,
                                  size_t *used, struct fault *why);

#endif
