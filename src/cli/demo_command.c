#include "cli/demo_command.h"

#include "cli/command.h"

#include <stdio.h>

enum { WORDS_MOST = 12 };

int demo_command(const char *const *words, size_t words_len)
{
    char *argv[WORDS_MOST + 2] = { (char *)(uintptr_t) "sternpost" }; /* argv is not const, and only read */
    struct arena arena = { 0 };
    struct invocation inv;
    const char *parsed;
    struct fault why;
    int argc = 1, code = EXIT_USAGE;

    (void)fputs("\n$ sternpost", stdout);
    for (size_t i = 0; i < words_len && i < WORDS_MOST; i++) {
        argv[argc++] = (char *)(uintptr_t)words[i];
        (void)printf(" %s", words[i]);
    }
    (void)fputc('\n', stdout);
    (void)fflush(stdout);
    if (command_parse(argc, argv, &arena, &inv, &parsed, &why) == PARSE_RUN)
        code = inv.command->run(&inv);
    else
        (void)complain(code, "%s", why.text);
    arena_release(&arena);
    return code;
}
