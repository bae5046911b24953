/* alerts/alert_mail.h: the mail that tells administrators of alerts, a section each, in words. */
#ifndef STERNPOST_ALERTS_ALERT_MAIL_H
#define STERNPOST_ALERTS_ALERT_MAIL_H

#include "alerts/alert_book.h"
#include "base/buf.h"

enum alert_news {
    ALERT_OPENED,
    ALERT_GREW, /* worse than what was told */
    ALERT_OVER,
    ALERT_SEEN, /* once; nothing stays open */
};

/* Texts are foreign: they come out printable, each in lines of its own. */
struct alert_section {
    enum alert_news news;
    enum alert_severity severity;
    struct slice cause, subject, text, remedy;
    struct slice end_text; /* OVER */
    int64_t since_s, ended_s;
};

enum { ALERT_SECTIONS_MOST = 25 }; /* of one mail, so that it stays within one row of the store */

struct alert_mail {
    struct slice hostname;  /* ours: a valid domain */
    const struct slice *to; /* ASCII mailboxes, at least one */
    size_t to_len;
    const struct alert_section *sections; /* at least one, at most ALERT_SECTIONS_MOST */
    size_t sections_len;
    size_t unsaid;      /* how many more there were */
    size_t open;        /* alerts that are open now, told here or before */
    bool was_held_back; /* there were too many mails in this hour */
    int64_t now_s;
    uint64_t random[2]; /* for the Message-ID */
};

/* Appends the whole message: ASCII, CR LF. Nothing may answer it, and it goes out despite whatever is wrong with TLS
 * (RFC 3834 section 5, RFC 8689 section 5). ERR_LIMIT: the buffer is full. */
MUST_USE enum status alert_mail_write(const struct alert_mail *m, struct buf *out);

const char *alert_severity_name(enum alert_severity s); /* "warning" */

#endif
