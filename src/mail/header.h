/* mail/header.h: reads the header section of a message as it streams by (RFC 5322 section 2.2), in any cut.
 *
 * It counts fields, keeps the first value of those that the caller names, and sees bytes over 0x7f. The section
 * ends with the first empty line. Line ends are CR LF; a bare LF counts as one too. */
#ifndef STERNPOST_MAIL_HEADER_H
#define STERNPOST_MAIL_HEADER_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/slice.h"
#include "base/status.h"

enum { MAIL_HEADER_BYTES_MAX = 256 * 1024, MAIL_FIELD_NAME_MAX = 76, MAIL_FIELD_VALUE_MAX = 998 };

/* One field to look for. */
struct mail_field {
    const char  *name;       /* "Message-ID"; case does not count */
    bool         is_counted; /* only the number matters: no value is kept */
    size_t       count;
    struct slice first;      /* value of the first one: unfolded, blanks trimmed, cut at MAIL_FIELD_VALUE_MAX */
};

/* Visible so that it can be embedded; private but for what stands first. */
struct mail_header {
    size_t bytes;        /* of the section so far, with the empty line that ends it */
    bool   is_over;      /* the empty line was seen */
    bool   has_8bit;     /* a byte over 0x7f: the message needs SMTPUTF8 (RFC 6532) */
    bool   is_malformed; /* a line that is neither field nor continuation was skipped */

    struct arena      *arena;
    struct mail_field *fields;
    size_t             fields_len;
    struct mail_field *open; /* whose value is being gathered */
    int                state;
    size_t             name_len;
    char               name[MAIL_FIELD_NAME_MAX];
    struct buf         value;
};

/* Borrows `fields` and zeroes their results; values are copied into `arena`. */
void mail_header_begin(struct mail_header *h, struct arena *arena, struct mail_field *fields, size_t fields_len);
/* Takes the next piece of the message; once is_over, does nothing. ERR_LIMIT when the section is longer than
 * MAIL_HEADER_BYTES_MAX (SRV-24); then only mail_header_end() may follow. */
MUST_USE enum status mail_header_feed(struct mail_header *h, struct slice piece);
/* Settles the last field of a message that has no empty line, and frees what is not in the arena. Idempotent. */
void mail_header_end(struct mail_header *h);

#endif
