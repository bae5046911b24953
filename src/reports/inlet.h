/* reports/inlet.h: TLS reports that others deliver by HTTPS (RFC 8460 section 5.4), to the https: addresses that our domains
 * name in `report-to`. Nothing tells who sent them, so they are kept as unverified. */
#ifndef STERNPOST_REPORTS_INLET_H
#define STERNPOST_REPORTS_INLET_H

#include "net/https_server.h"
#include "reports/receiver.h"

/* The path of the address, and bytes of all bodies under way; beyond, senders are asked to come again (429). */
#define INLET_PATH "/tlsrpt"
enum { INLET_BYTES_MAX = 32 * 1024 * 1024 };

struct inlet;

/* Takes the reference to the settings. */
struct inlet *inlet_new(struct loop *loop, struct receiver *receiver, struct snapshot *settings);
/* After the server that has its route, and after the receiver has stopped; NULL is fine. */
void inlet_free(struct inlet *i);
void inlet_adopt(struct inlet *i, struct snapshot *fresh); /* takes the reference */

/* What to serve, for the hosts of those addresses. Answers 200: it is kept, or known; 400: there is no report about a domain of ours
 * in it, and why; 429: too many from one source; 503: try again. Lives as long as the inlet. */
const struct https_route *inlet_route(const struct inlet *i);

#endif
