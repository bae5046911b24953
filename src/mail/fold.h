/* mail/fold.h: header fields and paragraphs, written word by word into lines of at most 78 bytes where the words
 * allow it, of 998 always (RFC 5322 sections 2.1.1 and 2.2.3). Foreign text comes out harmless: one line end, ours,
 * and nothing that is not printable (SRV-16, TLS-24, EOD-15). */
#ifndef STERNPOST_MAIL_FOLD_H
#define STERNPOST_MAIL_FOLD_H

#include "base/buf.h"

/* One field or paragraph being written. Private to fold.c. */
struct mail_fold {
    struct buf *out;
    const char *indent;   /* what begins each further line */
    size_t      column;
    bool        is_fresh; /* no word on this line yet */
    bool        is_utf8;  /* characters beyond ASCII may pass; otherwise each is a '?' */
    bool        in_comment;
    bool        is_opening; /* the next word begins the comment */
    enum status st;
};

/* Writes `start` ("Received:"; the first word follows behind a blank) and indents further lines with `indent`. All strings written through these
 * functions but those of _text() are ours or have passed a grammar: without line ends, at most 600 bytes. */
void mail_fold_begin(struct mail_fold *f, struct buf *out, const char *start, const char *indent, bool is_utf8);
/* A word behind a blank, or behind a fold. */
void mail_fold_word(struct mail_fold *f, struct slice word);
/* Right behind the last word. */
void mail_fold_glue(struct mail_fold *f, struct slice end);
/* Foreign text, word by word; blanks and line ends separate. Within a comment, parentheses and backslashes
 * become quoted-pairs. Words over 320 bytes are split. */
void mail_fold_text(struct mail_fold *f, struct slice text);
/* Between these, words are a comment. At least one word must follow the opening. */
void mail_fold_open_comment(struct mail_fold *f);
void mail_fold_close_comment(struct mail_fold *f);
/* Ends the line. ERR_LIMIT when anything did not fit into the buffer. */
MUST_USE enum status mail_fold_end(struct mail_fold *f);

#endif
