/* cli/demo_policy_host.h: the web server of the demo's mail world, which has the MTA-STS policies of its domains. */
#ifndef STERNPOST_CLI_DEMO_POLICY_HOST_H
#define STERNPOST_CLI_DEMO_POLICY_HOST_H

#include "base/status.h"

struct demo_policy_host;

/* Listens and answers one visitor after the other, on a thread of its own. The certificate lies in the folder. */
MUST_USE enum status demo_policy_host_start(const char *folder, struct demo_policy_host **out, struct fault *why);
void demo_policy_host_stop(struct demo_policy_host *h); /* NULL is fine */

#endif
