/* cli/demo_dns.h: the names of the demo's mail world: one zone with DNSSEC, and one without around it. */
#ifndef STERNPOST_CLI_DEMO_DNS_H
#define STERNPOST_CLI_DEMO_DNS_H

#include "base/buf.h"

struct demo_dns;

/* Binds a port for each zone; nobody answers there before demo_dns_start(). The certificates lie in the folder. */
MUST_USE enum status demo_dns_new(const char *folder, struct demo_dns **out, struct fault *why);
/* The section "resolver" of a configuration that looks names up here, and nowhere else. */
MUST_USE enum status demo_dns_write_config(const struct demo_dns *d, struct buf *out);
MUST_USE enum status demo_dns_start(struct demo_dns *d, struct fault *why); /* on a thread of its own */
void demo_dns_free(struct demo_dns *d);                                     /* ends it; NULL is fine */

#endif
