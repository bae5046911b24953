/* cli/check_history.h: what the daemon of this machine remembers of a domain, for `sternpost check`. */
#ifndef STERNPOST_CLI_CHECK_HISTORY_H
#define STERNPOST_CLI_CHECK_HISTORY_H

#include "cli/client.h"
#include "domains/facts.h"

/* Everything lives in `arena`. NULL: the daemon does not answer, or knows nothing of the domain; nothing is printed. */
const struct history_facts *check_history(struct client *c, struct slice domain, struct arena *arena);

#endif
