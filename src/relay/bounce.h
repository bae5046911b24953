/* relay/bounce.h: whether a DSN is owed for the recipients of one attempt, and the message it becomes
 * (RFC 3461 section 4.1 and 5, RFC 3464). */
#ifndef STERNPOST_RELAY_BOUNCE_H
#define STERNPOST_RELAY_BOUNCE_H

#include "mail/dsn.h"
#include "queue/message.h"
#include "settings/config.h"

/* May a report of this kind be sent for this recipient? Never for the null sender; NOTIFY decides, and where it was not
 * given, failures and delays are told. */
bool bounce_is_wanted(const struct stored_message *m, const struct stored_rcpt *rcpt, enum mail_dsn_action action);

/* How many DSNs went to each domain in this minute, over all workers (SRV-15). Thread-safe. */
struct bounce_cap;
struct bounce_cap *bounce_cap_new(unsigned per_minute);
void bounce_cap_free(struct bounce_cap *c);
/* Counts one more unless it is one too many. `now_ms` is monotonic; threads may be a little apart. */
bool bounce_cap_allows(struct bounce_cap *c, struct slice domain, int64_t now_ms);

/* Writes the DSN for `recipients` as a message to the sender of `original`, in `arena`. `content` is the original's content
 * or the beginning of it (`is_whole` false). ERR_LIMIT when it does not fit, ERR_SYNTAX when the sender's address cannot
 * be sent to. Of a message with REQUIRETLS only what tells which it was is returned (RFC 8689 section 5). */
MUST_USE enum status bounce_write(const struct config *config, const struct stored_message *original,
                                  struct slice content, bool is_whole, const struct mail_dsn_rcpt *recipients,
                                  size_t recipients_len, struct arena *arena, struct stored_message *out,
                                  struct fault *why);

#endif
