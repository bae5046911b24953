/* mail/dkim_canon.h: the relaxed canonical forms (RFC 6376 sections 3.4.2 and 3.4.4). For dkim*.c only. */
#ifndef STERNPOST_MAIL_DKIM_CANON_H
#define STERNPOST_MAIL_DKIM_CANON_H

#include "base/buf.h"

/* Appends a field: `name` in lower case, ':', `value` unfolded with single blanks. No line end. It takes at most
 * name.len + 1 + value.len bytes. */
void dkim_canon_field(struct slice name, struct slice value, struct buf *out);
/* Appends the body, lines ending in CR LF: at most body.len + 2 bytes. */
void dkim_canon_body(struct slice body, struct buf *out);

#endif
