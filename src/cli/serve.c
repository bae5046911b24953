#include "cli/commands.h"
#include "cli/daemon.h"

int run_serve(const struct invocation *inv)
{
    const char *file = invocation_option(inv, "config");
    struct config *config;
    struct fault why;
    int code;

    if (file == NULL)
        return complain(EXIT_USAGE, "say which configuration file: sternpost serve -c FILE");
    if (config_load(file, &config, &why) != OK)
        return complain(EXIT_USAGE, "%s", why.text);
    code = daemon_run(config);
    config_free(config);
    return code;
}
