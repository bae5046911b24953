/* cli/cert_protocols.h: `sternpost cert --protocols`: which versions, suites and key exchanges servers accept. */
#ifndef STERNPOST_CLI_CERT_PROTOCOLS_H
#define STERNPOST_CLI_CERT_PROTOCOLS_H

#include "cli/cert_world.h"

/* Asks every address of the servers, each within its budget, and prints what was found, as JSON with --json. EXIT_DONE
 * when every address answered and nothing is an error; else EXIT_NEGATIVE; EXIT_USAGE with the reason printed. */
int cert_protocols(const struct invocation *inv, struct cert_world *w, const struct survey_target *targets,
                   size_t len);

#endif
