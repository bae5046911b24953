/* base/status.h: what happened, for the program (enum status) and for the operator (struct fault). */
#ifndef STERNPOST_BASE_STATUS_H
#define STERNPOST_BASE_STATUS_H

#include <stdarg.h>
#include <stddef.h>

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

/* What the caller should do next; the reason in words is in struct fault. */
enum status {
    OK = 0,
    ERR_SYNTAX,    /* the input is malformed */
    ERR_LIMIT,     /* a documented limit was exceeded */
    ERR_NOT_FOUND, /* no such thing */
    ERR_EXISTS,    /* there is one already */
    ERR_CONFLICT,  /* in use, or changed meanwhile */
    ERR_TEMPORARY, /* the world is not ready: try again later */
    ERR_PERMANENT, /* refused: trying again cannot help */
    ERR_FULL,      /* no space left on the disk */
};

/* One sentence for a person: what was wrong, where, and what to do about it. */
struct fault {
    char text[400];
};

/* Writes the sentence and returns `st`, so that a function can end with
 * `return fault_set(why, ERR_SYNTAX, ...)`. `why` may be NULL. */
enum status fault_set(struct fault *why, enum status st, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The same with ": " and the text of errno behind it. ENOSPC and EDQUOT give
 * ERR_FULL, ENOENT ERR_NOT_FOUND, EEXIST ERR_EXISTS, all else ERR_TEMPORARY. */
enum status fault_errno(struct fault *why, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The name of a status as it stands in logs and JSON: "not-found". */
const char *status_name(enum status st);

#endif
