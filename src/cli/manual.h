/* cli/manual.h: the manual pages as roff, out of the table of commands and the table of the configuration file's
 * options. */
#ifndef STERNPOST_CLI_MANUAL_H
#define STERNPOST_CLI_MANUAL_H

#include <stdio.h>

void manual_commands(FILE *out); /* sternpost(1) */
void manual_config(FILE *out);   /* sternpost.conf(5) */

#endif
