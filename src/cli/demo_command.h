/* cli/demo_command.h: commands of sternpost, run and shown as somebody at a terminal would type them. */
#ifndef STERNPOST_CLI_DEMO_COMMAND_H
#define STERNPOST_CLI_DEMO_COMMAND_H

#include <stddef.h>

/* `words` are those behind "sternpost". Prints the line and what the command prints; its exit code. */
int demo_command(const char *const *words, size_t words_len);

#endif
