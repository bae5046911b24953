/* reports/inlet.h: TLS reports that others deliver by HTTPS (RFC 8460 section 5.4), to the https: addresses that our domains
 * name in `report-to`. Nothing tells who sent them, so they are kept as unverified. */
#ifndef STERNPOST_REPORTS_INLET_H
#define STERNPOST_REPORTS_INLET_H

#include "net/https_server.h"
#include "reports/receiver.h"

/* The path of the address, and bodies under way at a time, each of TLSRPT_PACKED_MAX bytes at most; beyond, senders are asked
 * to come again (503). How long one may take is for the server to say. */
#define INLET_PATH "/tlsrpt"
enum { INLET_OPEN_MOST = 100 };

struct inlet;

struct inlet_config {
    struct loop        *loop;
    struct receiver    *receiver;
    const struct store *store;  /* asked for room */
    const char         *folder; /* for the bodies on their way; copied */
};

/* Takes the reference to the settings. */
struct inlet *inlet_new(const struct inlet_config *config, struct snapshot *settings);
/* After the server that has its route, and after the receiver has stopped; NULL is fine. */
void inlet_free(struct inlet *i);
void inlet_adopt(struct inlet *i, struct snapshot *fresh); /* takes the reference */

/* What to serve, for the hosts of those addresses. Answers 200: it is kept, or known; 400: there is no report about a domain of ours
 * in it, and why; 429: too many from one source; 503: try again; 507: no room on the disk. The last three say when to come again.
 * Lives as long as the inlet. */
const struct https_route *inlet_route(const struct inlet *i);

#endif
