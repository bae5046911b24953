/* mail/dsn.h: delivery status notifications (RFC 3464 within the multipart/report of RFC 6522; RFC 6533 when they
 * are internationalised). What is sent for whom, and that a notification never answers another, is the caller's. */
#ifndef STERNPOST_MAIL_DSN_H
#define STERNPOST_MAIL_DSN_H

#include "base/buf.h"
#include "smtp/envelope.h"

enum mail_dsn_action {
    MAIL_DSN_FAILED,
    MAIL_DSN_DELAYED,   /* not given up */
    MAIL_DSN_DELIVERED,
    MAIL_DSN_RELAYED,   /* to a server that does not tell of success */
    MAIL_DSN_EXPANDED,
};

/* Foreign strings need no escaping by the caller; empty ones are left out. */
struct mail_dsn_rcpt {
    struct slice         address;    /* that delivery was tried to */
    struct slice         orcpt;      /* "addr-type;xtext" of the envelope, still encoded */
    enum mail_dsn_action action;
    struct slice         status;     /* "5.1.1"; when it is none of the action's class, "5.0.0" or the like stands for it */
    struct slice         remote_mta; /* name of the server that answered */
    struct slice         diagnostic; /* its answer: "550 5.1.1 no such user" */
    int64_t              last_attempt_s;     /* 0: none */
    int64_t              will_retry_until_s; /* for MAIL_DSN_DELAYED; 0: not told */
    const struct slice  *explanation;        /* sentences: why, as decided and tried */
    size_t               explanation_len;
};

struct mail_dsn {
    struct slice to;       /* the sender: a mailbox, never the null reverse-path */
    struct slice hostname; /* ours: a domain name */
    struct slice id;       /* queue id of the message in question */
    struct slice envid;    /* xtext, still encoded */
    int64_t      arrival_s, now_s;
    const struct mail_dsn_rcpt *rcpts;
    size_t       rcpts_len; /* at least one */
    struct slice content;   /* the message in question, as far as it is at hand */
    size_t       header_bytes; /* of it, with the empty line */
    enum smtp_ret ret;
    size_t       full_max_bytes; /* content over this is not returned: only its header section is */
    bool         is_utf8;        /* the message was SMTPUTF8, and so is this */
    uint64_t     random[2];      /* for the boundary and the Message-ID */
};

/* Appends the whole notification: lines end with CR LF and nothing else does, text is ASCII unless is_utf8, the
 * boundary does not occur in what is returned. The message itself is returned for MAIL_DSN_FAILED alone (RFC 3461
 * section 4.3). *is_8bit: it must be sent with BODY=8BITMIME.
 * ERR_SYNTAX: `to` is no mailbox or `hostname` no domain. ERR_LIMIT: it does not fit; the buffer then holds a part. */
MUST_USE enum status mail_dsn_write(const struct mail_dsn *d, struct buf *out, bool *is_8bit);

#endif
