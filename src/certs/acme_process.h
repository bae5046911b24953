/* certs/acme_process.h: one run of uacme: its arguments, the end of what it says, and how it ended. On a loop. */
#ifndef STERNPOST_CERTS_ACME_PROCESS_H
#define STERNPOST_CERTS_ACME_PROCESS_H

#include "base/slice.h"
#include "net/loop.h"

#include <sys/types.h>

enum { ACME_SAID_MAX = 4096, ACME_RUN_MS = 5 * 60 * 1000 };

struct acme_process {                     /* embed, zeroed */
    void (*done)(struct acme_process *p); /* set by the caller; from the loop; may start the next */
    int code;                 /* from done on: 0, 1 and 2 as uacme has them, -1: it could not be run or was ended */
    char said[ACME_SAID_MAX]; /* the end of what it said, with a NUL */
    /* private */
    struct loop *loop;
    struct loop_io io;
    struct loop_timer timer;
    size_t said_len;
    pid_t pid; /* 0: none */
    bool is_killed;
    int64_t ends_ms;
};

/* `argv` ends with NULL; its first is the program's path. No shell; an environment with nothing of ours. `folder` is
 * its HOME. */
void acme_process_start(struct acme_process *p, struct loop *loop, char *const *argv, const char *folder);
void acme_process_end(struct acme_process *p); /* kills it, without done(); zeroed is fine */
/* The last line that it said, without what a terminal would act on. */
struct slice acme_process_last_line(const struct acme_process *p);

#endif
