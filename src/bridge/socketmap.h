/* bridge/socketmap.h: the table protocol of Postfix (socketmap_table(5)), as a server: netstrings "MAP KEY" in,
 * netstrings "OK ...", "NOTFOUND " and the like out. On one loop.
 *
 * Postfix defers mail when a connection is closed while it waits, so we close first only after what is no netstring, a
 * request over SOCKETMAP_REQUEST_MAX, or to make room for another connection, and then the one that was silent
 * longest. */
#ifndef STERNPOST_BRIDGE_SOCKETMAP_H
#define STERNPOST_BRIDGE_SOCKETMAP_H

#include "bridge/counter.h"
#include "bridge/lookup.h"
#include "net/listener.h"

enum { SOCKETMAP_REQUEST_MAX = 10000, SOCKETMAP_CONNECTIONS_MOST = 1024 };

struct socketmap;

/* Serves the listener, which is borrowed. */
struct socketmap *socketmap_new(struct loop *loop, struct listener *listener, struct lookups *lookups,
                                struct bridge_counters *counters);
void socketmap_free(struct socketmap *s); /* closes every connection; before the lookups are freed */

#endif
