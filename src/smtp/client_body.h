/* smtp/client_body.h: message content as DATA wants it (RFC 5321 sections 2.3.8 and 4.5.2). Part of the client session.
 *
 * A dot that begins a line is doubled. CR LF passes; a CR or an LF alone becomes CR LF, so that no input
 * whatever puts a bare one, or an end mark, on the wire (EOD-12, EOD-13). */
#ifndef STERNPOST_SMTP_CLIENT_BODY_H
#define STERNPOST_SMTP_CLIENT_BODY_H

#include "base/buf.h"

/* What is carried from chunk to chunk. */
struct smtp_body_writer {
    bool at_line_start;
    bool holds_cr; /* the last chunk ended with CR: whether LF follows is not known yet */
};

void smtp_body_begin(struct smtp_body_writer *w);
/* Appends `content` to `out`, which has room for twice its length and five bytes more. */
void smtp_body_write(struct smtp_body_writer *w, struct slice content, struct buf *out);
/* Ends a line that is open and appends the end mark. */
void smtp_body_end(struct smtp_body_writer *w, struct buf *out);

#endif
