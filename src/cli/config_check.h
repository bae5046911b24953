/* cli/config_check.h: whether it is the configuration that keeps the daemon from starting. */
#ifndef STERNPOST_CLI_CONFIG_CHECK_H
#define STERNPOST_CLI_CONFIG_CHECK_H

#include "settings/config.h"

/* The exit code of a daemon that could not start: EXIT_USAGE where `config check` finds an error too, so that both agree;
 * EXIT_NEGATIVE where the world is to blame (a port in use, a damaged store). */
int config_exit_code(const struct config *config);

#endif
