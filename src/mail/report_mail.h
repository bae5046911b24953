/* mail/report_mail.h: the mail that carries a TLS report (RFC 8460 section 5.3). What is in the report, and what is
 * said of it to people, comes from the caller. */
#ifndef STERNPOST_MAIL_REPORT_MAIL_H
#define STERNPOST_MAIL_REPORT_MAIL_H

#include "base/buf.h"

struct report_mail {
    struct slice        from;      /* a mailbox; the DKIM signature is its domain's */
    const struct slice *to;        /* mailboxes of the record's mailto: URIs; at least one */
    size_t              to_len;
    struct slice        domain;    /* whom the report is about; A-labels */
    struct slice        submitter; /* our domain, and the right side of the Message-ID */
    struct slice        report_id; /* "id@domain", without angle brackets */
    struct slice        text;      /* for people: lines that end in LF; foreign text in it is made harmless */
    struct slice        file_name; /* tlsrpt_report_file() */
    struct slice        gzip;      /* the report, compressed */
    int64_t             now_s;
    uint64_t            random[2]; /* for the boundary and the Message-ID */
};

/* Appends the whole message, ASCII with CR LF line ends, to be signed by mail/dkim.h. It goes out despite whatever is
 * wrong with TLS (TLS-Required: No), from the null reverse-path or an address that bounces may go to, and nothing may
 * answer it. ERR_SYNTAX: an address, a domain, the id or the file name is not what it must be. ERR_LIMIT: it does not
 * fit; the buffer then holds a part. */
MUST_USE enum status report_mail_write(const struct report_mail *r, struct buf *out);

#endif
