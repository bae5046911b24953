/* mail/dsn_private.h: the pieces of a notification. For dsn*.c only. */
#ifndef STERNPOST_MAIL_DSN_PRIVATE_H
#define STERNPOST_MAIL_DSN_PRIVATE_H

#include "mail/dsn.h"

/* A notification being written; `st` stays at the first failure. */
struct dsn_writer {
    const struct mail_dsn *d;
    struct buf            *out;
    enum status            st;
};

/* dsn.c */
void dsn_line(struct dsn_writer *w, const char *fmt, ...) PRINTF_LIKE(2, 3); /* nothing foreign */
/* A field, or with blanks as `start` a paragraph: foreign text, folded with `indent`. */
void dsn_text(struct dsn_writer *w, const char *start, const char *indent, struct slice text);
void dsn_field(struct dsn_writer *w, const char *name, struct slice text);

/* dsn_human.c: the first part's text. */
void dsn_write_human(struct dsn_writer *w);
/* dsn_status.c: the second part's fields. */
void dsn_write_status(struct dsn_writer *w);

#endif
