/* cli/demo_certificates.h: the certificates of the demo's mail world, good and bad, as files of its folder. */
#ifndef STERNPOST_CLI_DEMO_CERTIFICATES_H
#define STERNPOST_CLI_DEMO_CERTIFICATES_H

#include "base/arena.h"
#include "base/status.h"

#define DEMO_GATEWAY "gateway.demo.test"
#define DEMO_POLICY_HOST "policies" /* its one certificate is for all names that policies are served under */

/* The path of NAME + ENDING in the folder, in `arena`: "NAME.pem" has the chain, "NAME.key" the key. */
const char *demo_file(struct arena *arena, const char *folder, const char *name, const char *ending);

/* A root at ca.pem, and what it issues: for the gateway, the policy host and every server that does TLS. */
MUST_USE enum status demo_certificates_make(const char *folder, struct fault *why);

/* "3 1 1 HEX", in `arena`: the TLSA record of its key. */
MUST_USE enum status demo_tlsa(const char *chain_file, struct arena *arena, const char **out, struct fault *why);

#endif
