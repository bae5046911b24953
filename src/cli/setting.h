/* cli/setting.h: the commands on settings, the same verbs for every kind; words and options come from
 * settings/schema.h. */
#ifndef STERNPOST_CLI_SETTING_H
#define STERNPOST_CLI_SETTING_H

#include "cli/command.h"

enum { SETTING_COMMANDS_MAX = 64, SETTING_GROUPS_MAX = 16 };

/* Writes the commands and groups of all kinds; strings live in `arena`. Returns how many. */
size_t setting_commands(struct command out[static SETTING_COMMANDS_MAX], struct arena *arena);
size_t setting_groups(struct command_group out[static SETTING_GROUPS_MAX]);

#endif
