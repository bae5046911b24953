#include "cli/demo_check.h"

#include "cli/command.h"
#include "cli/demo_command.h"

bool demo_check(const struct demo_world *w)
{
    const char *const words[] = { "check", "-c", w->config_file, "renamed.test" };

    return demo_command(words, COUNT_OF(words)) == EXIT_NEGATIVE;
}
