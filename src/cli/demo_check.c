#include "cli/demo_check.h"

#include "cli/command.h"

#include <stdio.h>

#define CHECKED "renamed.test"

bool demo_check(const struct demo_world *w)
{
    char program[] = "sternpost", command[] = "check", option[] = "-c", domain[] = CHECKED;
    char *file = (char *)w->config_file; /* argv is not const, and only read */
    char *argv[] = { program, command, option, file, domain, NULL };
    struct arena arena = { 0 };
    struct invocation inv;
    const char *words;
    struct fault why;
    bool is_right = false;

    (void)printf("\n$ sternpost check " CHECKED "\n");
    (void)fflush(stdout);
    if (command_parse(COUNT_OF(argv) - 1, argv, &arena, &inv, &words, &why) == PARSE_RUN)
        is_right = inv.command->run(&inv) == EXIT_NEGATIVE;
    arena_release(&arena);
    return is_right;
}
