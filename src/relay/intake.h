/* relay/intake.h: mail coming in: one session for each accepted connection, from the greeting to the 250 that takes over
 * responsibility (RFC 5321 section 6.1). Sessions live in their worker's list and free themselves. */
#ifndef STERNPOST_RELAY_INTAKE_H
#define STERNPOST_RELAY_INTAKE_H

#include "net/stream.h"
#include "relay/node_private.h"
#include "relay/worker.h"

/* Takes the stream: greets it, or refuses it when there are too many (421). */
void intake_start(struct worker *w, const struct node_listener *listener, const struct stream *stream,
                  const struct net_address *peer);
/* Ends idle sessions with 421 and lets open transactions finish. */
void intake_stop_all(struct worker *w);
/* Closes what is left. */
void intake_end_all(struct worker *w);

#endif
