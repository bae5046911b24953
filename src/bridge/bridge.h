/* bridge/bridge.h: services for a Postfix (or Exim) that delivers by itself: TLS policies by socketmap, and the TLSRPT datagrams it
 * sends us. On a thread of its own. */
#ifndef STERNPOST_BRIDGE_BRIDGE_H
#define STERNPOST_BRIDGE_BRIDGE_H

#include "discovery/sts.h"
#include "settings/config.h"
#include "settings/snapshot.h"

struct bridge;

struct bridge_counts { /* since the start; read from any thread */
    uint64_t connections, connections_open, asked, from_memory, answered_policy, answered_notfound, answered_temp, answered_perm,
        malformed;
    /* bad: not understood; cut: longer than TLSRPT_DATAGRAM_MAX; dropped: faster than they could be counted; ours: about
     * reports of ours */
    uint64_t datagrams, datagrams_bad, datagrams_cut, datagrams_dropped, datagrams_ours;
};

/* Binds the sockets of config->bridge; *out is NULL with OK when none is configured. */
MUST_USE enum status bridge_new(const struct config *config, struct bridge **out, struct fault *why);
/* Starts the threads; after privileges are dropped. `sts` is asked by handoff and outlives the bridge. Takes the reference. */
MUST_USE enum status bridge_start(struct bridge *b, struct sts *sts, struct store *store, struct snapshot *settings,
                                  struct fault *why);
void bridge_publish(struct bridge *b, struct snapshot *fresh); /* from any thread; takes the reference */
/* From any thread: a TLS report of ours to an address of this domain was given to a host, which may be the Postfix that tells us of
 * its connections. The event of that one is not counted. */
void bridge_expect_report(struct bridge *b, struct slice domain);
void bridge_stop(struct bridge *b); /* ends the threads; what was counted is in the store */
/* NULL is fine. Waits until `sts` has answered what it was asked, so after sts_stop() and the end of its thread. */
void bridge_free(struct bridge *b);
void bridge_counts(const struct bridge *b, struct bridge_counts *out);

#endif
