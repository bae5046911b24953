/* cli/command.h: the words of the command line. Dispatch, --help, shell completion and the manual page all read the
 * same table, so that none of them knows a command or an option the others do not. */
#ifndef STERNPOST_CLI_COMMAND_H
#define STERNPOST_CLI_COMMAND_H

#include "base/arena.h"

#include <stdio.h>

/* Exit codes, as the manual states them. */
enum {
    EXIT_DONE = 0,
    EXIT_NEGATIVE = 1,    /* the answer is no, or the work failed */
    EXIT_USAGE = 2,       /* the command line, a file or a value is wrong */
    EXIT_UNREACHABLE = 3, /* the daemon does not answer */
};

struct command_option {
    const char *name;    /* "domain", given as --domain */
    char        letter;  /* 'c': also -c; 0: none */
    const char *value;   /* "DOMAIN", as the help shows it; NULL: a switch without a value */
    bool        is_list; /* may be given again, and takes several values with commas between */
    const char *help;    /* a clause without a full stop */
};

enum command_trait {
    COMMAND_ASKS_DAEMON = 1, /* takes --socket and --config */
    COMMAND_HAS_JSON = 2,    /* takes --json */
};

struct invocation;
struct setting_kind;

struct command {
    const char                  *words;    /* "queue list" */
    const char                  *args;     /* "ID..."; "" when there are none */
    unsigned                     args_min, args_max;
    unsigned                     traits;   /* enum command_trait */
    const char                  *summary;  /* a clause that begins with a verb: "list messages in the queue" */
    const char                  *details;  /* paragraphs with "\n" between; NULL: the summary says it all */
    const char                  *examples; /* command lines, each ended with "\n" */
    const struct command_option *options;  /* its own */
    size_t                       options_len;
    int                        (*run)(const struct invocation *inv); /* returns an exit code */
    const struct setting_kind   *kind;     /* of a command on settings; NULL */
};

/* The first words of commands that have more ("queue", "sts", "sts cache"), with a heading for the help. */
struct command_group {
    const char *word, *summary;
};

/* Every command in the order of the help: made once, lives until the process ends. */
const struct command *command_table(size_t *len);
const struct command_group *command_groups(size_t *len);
const struct command_group *command_group_find(struct slice word); /* NULL: no such group */
const struct command *command_find(struct slice words);            /* NULL: no such command */

/* Option number `at` of a command, those common to many behind its own; NULL: there are no more. */
const struct command_option *command_option_at(const struct command *c, size_t at);

/* A command line taken apart. Everything borrows from argv. */
struct given_option {
    const struct command_option *option;
    const char                  *value; /* NULL for a switch */
};

struct invocation {
    const struct command *command;
    const char          **args;
    size_t                args_len;
    struct given_option  *options; /* in the order given */
    size_t                options_len;
    struct arena         *arena;
};

enum parse_result {
    PARSE_RUN,  /* *out is complete */
    PARSE_HELP, /* --help was asked for: of out->command, of the group `words`, or of everything */
    PARSE_BAD,  /* `why` says what is wrong and where to read on */
};

/* Takes argv[1..] apart. `words` gets the command's or group's words, as far as there are any. */
enum parse_result command_parse(int argc, char **argv, struct arena *arena, struct invocation *out, const char **words,
                                struct fault *why);

/* The last value given for an option, NULL when it was not given ("" for a switch that was). */
const char *invocation_option(const struct invocation *inv, const char *name);
bool invocation_has(const struct invocation *inv, const char *name);

/* The number given with --limit; UINT64_MAX when none is. EXIT_DONE, or the exit code with the reason printed. */
int invocation_limit(const struct invocation *inv, uint64_t *out);

/* Writes "sternpost: ..." to standard error and returns `code`. */
int complain(int code, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
