/* relay/sign_in_limit.h: failed sign-ins by address, over all workers (AUT-01): who guesses is slowed down, and nobody can
 * lock out another. Thread-safe. */
#ifndef STERNPOST_RELAY_SIGN_IN_LIMIT_H
#define STERNPOST_RELAY_SIGN_IN_LIMIT_H

#include "net/address.h"

enum { SIGN_IN_FAILURES_MOST = 20, SIGN_IN_WINDOW_MS = 10 * 60 * 1000 };

struct sign_in_limit;

struct sign_in_limit *sign_in_limit_new(void);
void sign_in_limit_free(struct sign_in_limit *l);

/* May this address (or its IPv6 /64) try? Not after SIGN_IN_FAILURES_MOST failures within SIGN_IN_WINDOW_MS. */
bool sign_in_limit_allows(struct sign_in_limit *l, const struct net_address *peer, int64_t now_ms);
void sign_in_limit_failed(struct sign_in_limit *l, const struct net_address *peer, int64_t now_ms);

#endif
