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

int main(int argc, char **argv)
{
    struct arena arena = { 0 };
    struct invocation inv;
    const char *words;
    struct fault why;
    int code = EXIT_USAGE;

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
