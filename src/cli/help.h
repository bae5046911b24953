/* cli/help.h: --help at every level, out of the table of commands. */
#ifndef STERNPOST_CLI_HELP_H
#define STERNPOST_CLI_HELP_H

#include "cli/command.h"

void help_all(FILE *out);
void help_group(FILE *out, const struct command_group *group);
void help_command(FILE *out, const struct command *c);

/* The synopsis of a command without "sternpost": "queue list [--domain DOMAIN] ...", in `arena`. */
struct slice help_synopsis(const struct command *c, struct arena *arena);
/* "--domain DOMAIN", "-c, --config FILE", in `arena`. */
struct slice help_option_name(const struct command_option *o, struct arena *arena);
/* Is this a command of the group ("queue" of "queue list")? */
bool command_is_of(const struct command *c, const struct command_group *group);

extern const char help_exit_codes[];

#endif
