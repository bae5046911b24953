/* net/unbound_events.h: our loop as libunbound wants an event loop, so that look-ups need no thread of their own. */
#ifndef STERNPOST_NET_UNBOUND_EVENTS_H
#define STERNPOST_NET_UNBOUND_EVENTS_H

#include "net/loop.h"

struct ub_event_base;

/* For ub_ctx_create_ub_event(). Free it after the context. */
struct ub_event_base *unbound_events_new(struct loop *loop);
void unbound_events_free(struct ub_event_base *b);

#endif
