/* cli/demo_verdicts.h: the certificates of the demo's mail servers, and what `sternpost cert` thinks of each. */
#ifndef STERNPOST_CLI_DEMO_VERDICTS_H
#define STERNPOST_CLI_DEMO_VERDICTS_H

#include "cli/demo_world.h"

/* Prints a table. False: a server could not be looked at, or a verdict is not what its certificate must get. */
bool demo_verdicts(const struct demo_world *w);

#endif
