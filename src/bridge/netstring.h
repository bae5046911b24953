/* bridge/netstring.h: netstrings, "5:hello,": how socketmap frames its requests and replies. */
#ifndef STERNPOST_BRIDGE_NETSTRING_H
#define STERNPOST_BRIDGE_NETSTRING_H

#include "base/buf.h"

enum netstring_result {
    NETSTRING_WHOLE,
    NETSTRING_PART,      /* well-formed so far: more bytes are needed */
    NETSTRING_MALFORMED, /* no length, a leading zero, a byte that is no digit, no comma at the end */
    NETSTRING_TOO_LONG,  /* the length announced is above `payload_max`; told by the length alone */
};

/* Reads the netstring at the front of `in`. On NETSTRING_WHOLE, *payload borrows from `in` and *used is how many bytes
 * it takes there; else neither is written. What no further byte can mend is told at once. `payload_max` is at most
 * NETSTRING_PAYLOAD_MOST. */
enum { NETSTRING_PAYLOAD_MOST = 100 * 1000 * 1000, NETSTRING_OVERHEAD = 11 };
enum netstring_result netstring_read(struct slice in, size_t payload_max, struct slice *payload, size_t *used);

/* Appends the framed `payload`. ERR_LIMIT, with nothing added, when the buffer's maximum would be exceeded. */
MUST_USE enum status netstring_add(struct buf *out, struct slice payload);

#endif
