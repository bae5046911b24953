/* bridge/collector.h: the datagrams by which Postfix and Exim tell of their connections (tlsrpt/datagram.h), counted
 * for TLS reports.
 *
 * Senders do not wait: what finds the socket full is lost to them, and Linux lets net.unix.max_dgram_qlen datagrams
 * wait, 10 where nobody raised it (systemd does, to 512). So one thread does nothing but take them off the socket;
 * another reads and counts. */
#ifndef STERNPOST_BRIDGE_COLLECTOR_H
#define STERNPOST_BRIDGE_COLLECTOR_H

#include "base/status.h"
#include "bridge/counter.h"
#include "bridge/own_reports.h"

enum {
    COLLECTOR_BACKLOG_BYTES = 64 * 1024 * 1024
}; /* taken and not yet counted; beyond, datagrams are dropped and counted */

struct collector;
struct store;

/* `fd` is the bound socket, non-blocking; everything is borrowed. Events of the own reports are left out. */
struct collector *collector_new(int fd, struct store *store, struct own_reports *own,
                                struct bridge_counters *counters);
MUST_USE enum status collector_start(struct collector *c, struct fault *why);
/* Takes what still waits at the socket, ends the threads; what was counted is in the store then. */
void collector_stop(struct collector *c);
void collector_free(struct collector *c); /* after collector_stop(); NULL is fine */

#endif
