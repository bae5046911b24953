/* tlsrpt/datagram.h: the datagrams by which Postfix and Exim hand over a connection's outcome (protocol of libtlsrpt, version 1). */
#ifndef STERNPOST_TLSRPT_DATAGRAM_H
#define STERNPOST_TLSRPT_DATAGRAM_H

#include "tlsrpt/session.h"

enum { TLSRPT_DATAGRAM_MAX = 256 * 1024 };

/* ERR_SYNTAX for what is no such datagram, `why` says what is wrong with it: no JSON, a key twice, a wrong type, more than
 * TLSRPT_DATAGRAM_MAX bytes, 8 levels, 65,536 values or 32 policies. Bytes that are not UTF-8 are replaced, unknown codes kept as
 * validation-failure with the number as its reason; of a list the first 256 items are kept, of an EHLO reply the first line; a
 * policy without a domain has the datagram's. Everything lives in `arena`. `*has_warning` when it was taken although something
 * was odd (another protocol version, wrong number of details): `why` says so. On failure *out is untouched. */
MUST_USE enum status tlsrpt_datagram_parse(struct slice bytes, struct arena *arena, struct tlsrpt_session *out,
                                           bool *has_warning, struct fault *why);

#endif
