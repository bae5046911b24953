/* domains/policy_history.h: the policies of a domain of ours, one after the other, as senders may still keep them. Pure. */
#ifndef STERNPOST_DOMAINS_POLICY_HISTORY_H
#define STERNPOST_DOMAINS_POLICY_HISTORY_H

#include "store/store.h"

/* Until when a sender may keep to a policy that demands or watches something (testing, enforce), but for the newest of all:
 * each could be fetched until the next one was made, and is kept for its max_age from then (RFC 8461 section 3.2). `rows` are
 * of one domain, the newest first. Wall clock; 0: to none. */
int64_t policy_history_kept_until(const struct policy_row *rows, size_t len);

#endif
