/* cli/cert_servers.h: which servers `sternpost cert` looks at: those named, or those that a domain has for a role. */
#ifndef STERNPOST_CLI_CERT_SERVERS_H
#define STERNPOST_CLI_CERT_SERVERS_H

#include "cli/cert_world.h"

/* In the invocation's arena. EXIT_DONE, or an exit code with the reason printed. */
int cert_servers(const struct invocation *inv, struct cert_world *w, struct survey_target **out, size_t *len);

#endif
