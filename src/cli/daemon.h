/* cli/daemon.h: a gateway in this process, from binding its sockets to its end. */
#ifndef STERNPOST_CLI_DAEMON_H
#define STERNPOST_CLI_DAEMON_H

#include "settings/config.h"

/* Runs until SIGTERM or SIGINT, and returns an exit code; what went wrong is printed. Takes over the process: signals,
 * umask, limits, and the user when it is root. `config` is borrowed. One line on standard output says that everything
 * is served. */
int daemon_run(const struct config *config);

#endif
