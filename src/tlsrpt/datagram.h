/* tlsrpt/datagram.h: the datagrams by which Postfix and Exim hand over a connection's outcome (protocol of libtlsrpt, version 1). */
#ifndef STERNPOST_TLSRPT_DATAGRAM_H
#define STERNPOST_TLSRPT_DATAGRAM_H

#include "tlsrpt/session.h"

enum { TLSRPT_DATAGRAM_MAX = 256 * 1024 };

/* ERR_SYNTAX for what is no such datagram, `why` says what is wrong with it. Bytes that are not UTF-8 are replaced, unknown
 * codes kept as validation-failure with the number as its reason. Everything lives in `arena`. `*has_warning` when it was taken
 * although something was odd (another protocol version, wrong number of details): `why` says so. */
MUST_USE enum status tlsrpt_datagram_parse(struct slice bytes, struct arena *arena, struct tlsrpt_session *out,
                                           bool *has_warning, struct fault *why);

#endif
