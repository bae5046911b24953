/* smtp/envelope.h: MAIL and RCPT as plain data (RFC 5321 section 4.1.1.2-3 and the extensions' parameters). */
#ifndef STERNPOST_SMTP_ENVELOPE_H
#define STERNPOST_SMTP_ENVELOPE_H

#include "base/slice.h"

enum smtp_body { SMTP_BODY_7BIT, SMTP_BODY_8BITMIME };            /* RFC 6152 */
enum smtp_ret { SMTP_RET_DEFAULT, SMTP_RET_FULL, SMTP_RET_HDRS }; /* RFC 3461 section 4.3 */

enum smtp_notify { /* a set, RFC 3461 section 4.1; 0: the parameter was not given */
    SMTP_NOTIFY_NEVER = 1,
    SMTP_NOTIFY_SUCCESS = 2,
    SMTP_NOTIFY_FAILURE = 4,
    SMTP_NOTIFY_DELAY = 8,
};

struct smtp_mail {
    struct slice   address;  /* without brackets and source route; empty: the null reverse-path */
    uint64_t       size;     /* SIZE= as announced (RFC 1870); 0: not given */
    enum smtp_body body;
    enum smtp_ret  ret;
    struct slice   envid;    /* xtext, still encoded */
    struct slice   auth;     /* AUTH= xtext, still encoded; informative (RFC 4954 section 5) */
    bool           is_utf8;  /* SMTPUTF8 (RFC 6531) */
    bool           requires_tls; /* REQUIRETLS (RFC 8689) */
};

struct smtp_rcpt {
    struct slice address; /* without brackets and source route; "postmaster" alone is possible */
    unsigned     notify;  /* enum smtp_notify bits */
    struct slice orcpt;   /* "addr-type;xtext", still encoded */
};

#endif
