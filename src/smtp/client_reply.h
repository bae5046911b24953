/* smtp/client_reply.h: reads a server's reply, line by line (RFC 5321 section 4.2.1). Part of the client session.
 *
 * A line ends with LF; a CR before it belongs to the end, any other control byte reads as '?'. At most 64 lines
 * of 2048 bytes; every line has the same code; a code is 200 to 599 (SRV-19). */
#ifndef STERNPOST_SMTP_CLIENT_REPLY_H
#define STERNPOST_SMTP_CLIENT_REPLY_H

#include "smtp/reply.h"

enum { SMTP_REPLY_LINES_MAX = 64, SMTP_REPLY_LINE_BYTES_MAX = 2048 };

/* A reply being gathered. Zero is the start of a reply. */
struct smtp_reply_reader {
    struct smtp_reply reply; /* whole after SMTP_REPLY_LAST */
    unsigned          lines;
};

enum smtp_reply_step {
    SMTP_REPLY_MORE,   /* no whole line yet; nothing was taken */
    SMTP_REPLY_LINE,   /* a line, more will follow */
    SMTP_REPLY_LAST,   /* the last line: the reply is whole. Zero the reader before the next */
    SMTP_REPLY_BROKEN, /* not a reply: *broken says why, in words */
};

/* Reads one line from the front of `in`. *taken is its length with line end; *text what stands behind
 * the code, raw, inside `in`. An enhanced code of the reply's class moves from the text into the reply (RFC 2034). */
enum smtp_reply_step smtp_reply_read(struct smtp_reply_reader *r, struct slice in, size_t *taken, struct slice *text,
                                     const char **broken);

#endif
