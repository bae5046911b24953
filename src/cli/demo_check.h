/* cli/demo_check.h: what `sternpost check` says of a domain of the demo, whose server has a certificate for another name. */
#ifndef STERNPOST_CLI_DEMO_CHECK_H
#define STERNPOST_CLI_DEMO_CHECK_H

#include "cli/demo_world.h"

/* Prints it. False: it was not found at fault, or could not be looked at. */
bool demo_check(const struct demo_world *w);

#endif
