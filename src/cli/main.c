#include "certs/acme_challenge.h"
#include "cli/command.h"
#include "cli/help.h"

static int help(const struct invocation *inv, const char *words)
{
    const struct command_group *group = command_group_find(slice_str(words));

    if (inv->command != NULL)
        help_command(stdout, inv->command);
    else if (group != NULL)
        help_group(stdout, group);
    else
        help_all(stdout);
    return EXIT_DONE;
}

/* Called by uacme under the name of its hook. */
static bool is_hook(const char *name)
{
    return slice_ends_case(slice_str(name), SLICE_LIT("/" ACME_HOOK_NAME));
}

int main(int argc, char **argv)
{
    struct arena arena = { 0 };
    struct invocation inv;
    const char *words;
    struct fault why;
    int code = EXIT_USAGE;

    if (argc > 0 && is_hook(argv[0]))
        return acme_hook_run(argv[0], argv + 1, argc - 1);
    switch (command_parse(argc, argv, &arena, &inv, &words, &why)) {
    case PARSE_RUN: code = inv.command->run(&inv); break;
    case PARSE_HELP: code = help(&inv, words); break;
    case PARSE_BAD: code = complain(EXIT_USAGE, "%s", why.text); break;
    }
    /* An answer that could not be written whole is no answer: a full disk, a closed pipe. */
    if (fflush(stdout) != 0 && code == EXIT_DONE)
        code = complain(EXIT_NEGATIVE, "cannot write to standard output");
    arena_release(&arena);
    return code;
}
