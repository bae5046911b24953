/* mail/redact.h: what may be returned of a message that must not be read on its way (RFC 8689 section 5). */
#ifndef STERNPOST_MAIL_REDACT_H
#define STERNPOST_MAIL_REDACT_H

#include "base/arena.h"

/* Of the header section that `content` begins with, only the fields by which a sender knows a message again: Date, From, To, Cc and
 * Message-ID, with an empty line behind them; no body. Lines end with CR LF. In `arena`. */
struct slice mail_redact(struct slice content, struct arena *arena);

#endif
