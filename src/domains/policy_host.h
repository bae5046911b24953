/* domains/policy_host.h: the web server of our domains' MTA-STS policies (RFC 8461 section 3.3): it answers
 * https://mta-sts.DOMAIN/.well-known/mta-sts.txt for every domain of ours with a policy, and nothing else (STS-27) but
 * what others have it serve beside them. */
#ifndef STERNPOST_DOMAINS_POLICY_HOST_H
#define STERNPOST_DOMAINS_POLICY_HOST_H

#include "domains/policy_keeper.h"
#include "net/https_server.h"
#include "settings/config.h"

struct policy_host;

/* Listens at once; the loop serves. `beside` is one more route with a ctx of its own, copied; NULL: none. Errors are those of https_server_new(). */
MUST_USE enum status policy_host_new(struct loop *loop, const struct config_policy_host *config,
                                     const struct policy_keeper *keeper, const struct https_route *beside,
                                     struct policy_host **out, struct fault *why);
void policy_host_free(struct policy_host *h); /* NULL is fine */
/* Its certificates come from a keeper from now on (certs/keeper.h). */
struct tls_server *policy_host_hand_over(struct policy_host *h);
void policy_host_address(const struct policy_host *h, size_t at,
                         struct net_address *out); /* where it really listens */

#endif
