/* cli/demo_report.h: a TLS report that somebody sent about the demo's own domain, read and told in words. */
#ifndef STERNPOST_CLI_DEMO_REPORT_H
#define STERNPOST_CLI_DEMO_REPORT_H

#include "cli/demo_world.h"

/* Prints it. False: it was not taken in, or not told. */
bool demo_report(const struct demo_world *w);

#endif
