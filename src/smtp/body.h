/* smtp/body.h: reads message content off the wire, for DATA (RFC 5321 section 4.5.2) and BDAT (RFC 3030).
 *
 * Only CR LF ends a line and only CR LF . CR LF ends DATA (EOD-01..09). A bare CR, a bare LF or a NUL poisons
 * the message: nothing more comes out of it, but its true end is still found. A reader that normalizes puts CR LF
 * where a bare CR or LF stood; a line that began behind one loses a leading dot like any other, but never ends
 * the message. */
#ifndef STERNPOST_SMTP_BODY_H
#define STERNPOST_SMTP_BODY_H

#include "base/slice.h"

enum smtp_body_at {
    SMTP_BODY_AT_LINE, /* behind CR LF, or at the very beginning */
    SMTP_BODY_AT_SOFT, /* behind a bare CR or LF that was made CR LF */
    SMTP_BODY_IN_LINE,
    SMTP_BODY_AT_CR,     /* behind a CR of which it is not known yet what follows */
    SMTP_BODY_AT_DOT,    /* behind a dot that began a line */
    SMTP_BODY_AT_DOT_CR, /* behind that dot and a CR */
};

/* A value; fields are private to body.c but for is_poisoned. */
struct smtp_body_reader {
    enum smtp_body_at at;
    bool has_dots; /* DATA: dots are stuffed and one alone is the end */
    bool normalizes;
    bool is_poisoned;
};

void smtp_body_start(struct smtp_body_reader *b, bool has_dots, bool normalizes);

/* Takes bytes from the front of `in` and returns how many: none only when an earlier one turns out to be content.
 * *content is what they are worth: empty, a part of `in`, or a constant. *is_end: the end mark was the last thing taken, and *content is
 * empty. Call again with the rest. */
size_t smtp_body_read(struct smtp_body_reader *b, struct slice in, struct slice *content, bool *is_end);

/* For content that ends by its length: a CR held back turns out to be bare. Returns content as above. */
struct slice smtp_body_finish(struct smtp_body_reader *b);

#endif
