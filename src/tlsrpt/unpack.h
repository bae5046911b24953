/* tlsrpt/unpack.h: the text of a report as it came: gzip, zip or plain, by its first bytes. */
#ifndef STERNPOST_TLSRPT_UNPACK_H
#define STERNPOST_TLSRPT_UNPACK_H

#include "base/arena.h"

/* Packed, a report may have so many bytes (RPT-01); unpacked, TLSRPT_REPORT_MAX. */
enum { TLSRPT_PACKED_MAX = 1024 * 1024 };

/* Of a zip file the first entry, which may be stored or deflated. Its length and CRC must hold. *out is `in` itself
 * when nothing is packed, else in `arena`, and written only on OK. ERR_SYNTAX: damaged, or a zip file of another kind;
 * ERR_LIMIT: it unpacks to more than `max` bytes. */
MUST_USE enum status tlsrpt_unpack(struct slice in, size_t max, struct arena *arena, struct slice *out,
                                   struct fault *why);

#endif
