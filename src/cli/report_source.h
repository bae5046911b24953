/* cli/report_source.h: reports and mails out of files, folders (Maildirs too), mailboxes in mbox format, standard input. */
#ifndef STERNPOST_CLI_REPORT_SOURCE_H
#define STERNPOST_CLI_REPORT_SOURCE_H

#include "base/arena.h"

struct report_source;

enum { REPORT_SOURCE_MAX = 16 * 1024 * 1024 /* bytes of one item */ };

struct report_item {
    struct slice name;  /* of the file; foreign text */
    struct slice bytes; /* both live until the next call */
    struct fault why;   /* not empty: the item cannot be read, and this is why */
};

/* "-" is standard input. Folders are walked; symbolic links are not followed. ERR_NOT_FOUND, ERR_TEMPORARY: a path cannot be
 * opened; `why`. */
MUST_USE enum status report_source_new(const char *const *paths, size_t len, struct report_source **out,
                                       struct fault *why);
void report_source_free(struct report_source *s); /* NULL is fine */
bool report_source_next(struct report_source *s, struct report_item *out); /* false: that was all */
/* How far it has come, in bytes; *total is 0 when that is not known. */
uint64_t report_source_at(const struct report_source *s, uint64_t *total);

#endif
