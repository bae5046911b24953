/* tlsrpt/report_flat.h: a failure of a report as nearly all senders write them, read without a tree. For report_*.c only. */
#ifndef STERNPOST_TLSRPT_REPORT_FLAT_H
#define STERNPOST_TLSRPT_REPORT_FLAT_H

#include "tlsrpt/session.h"

/* Reads an object whose keys are known, spelt as in RFC 8460 section 4.4 and each there once, with strings of ASCII without
 * escapes, the count a whole number. False: it is anything else, which jansson is to read; nothing is said about it. What is
 * read is what jansson would have read. Strings borrow from `text`; *out is written only on true. */
bool report_read_flat(struct slice text, struct tlsrpt_failure *out);

#endif
