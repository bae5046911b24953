/* cli/secret.h: passwords on their way in: never from the command line, where others can read them. */
#ifndef STERNPOST_CLI_SECRET_H
#define STERNPOST_CLI_SECRET_H

#include "base/status.h"

#include <stdbool.h>

enum { SECRET_TEXT = 1024 };

/* The first line of standard input, without its end. ERR_SYNTAX: nothing there, or too long. */
MUST_USE enum status secret_read_stdin(char out[static SECRET_TEXT], struct fault *why);
/* Asks twice on the terminal, without echo. ERR_SYNTAX: they differ, or it is empty; ERR_TEMPORARY: no terminal. */
MUST_USE enum status secret_ask(const char *prompt, char out[static SECRET_TEXT], struct fault *why);

#endif
