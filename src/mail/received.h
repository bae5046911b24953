/* mail/received.h: our Received field (RFC 5321 section 4.4; protocol names RFC 3848 and RFC 6531 section 4.3). */
#ifndef STERNPOST_MAIL_RECEIVED_H
#define STERNPOST_MAIL_RECEIVED_H

#include "base/buf.h"

/* What was agreed with the client; strings may be empty. */
struct received_tls {
    struct slice version;        /* "TLSv1.3" */
    struct slice cipher;         /* "TLS_AES_256_GCM_SHA384" */
    unsigned     bits;           /* of the cipher; 0: not known */
    struct slice client_subject; /* of the client's certificate; empty: it showed none */
    struct slice client_issuer;
    bool         client_is_verified;
};

/* Foreign strings need no escaping by the caller; what does not fit its place is left out or becomes a comment. */
struct received {
    struct slice helo;        /* as the client said it */
    struct slice client_ip;   /* "192.0.2.1", "2001:db8::1"; empty: no network client */
    struct slice client_name; /* verified name of the address; empty: "unknown" */
    struct slice by;          /* our host name */
    struct slice id;          /* queue id: letters, digits, '-', '_' */
    struct slice rcpt;        /* empty unless there is only one */
    const struct received_tls *tls; /* NULL: in clear */
    bool         is_esmtp, is_authenticated, is_utf8;
    int64_t      at_s;
};

/* Appends the whole field, with its CR LF: lines of at most 78 bytes where words allow it, never over 998;
 * ASCII unless is_utf8. ERR_LIMIT: it does not fit; the buffer then holds a part. */
MUST_USE enum status received_write(const struct received *r, struct buf *out);

#endif
