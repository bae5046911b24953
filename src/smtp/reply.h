/* smtp/reply.h: one SMTP reply, sent or received (RFC 5321 section 4.2, RFC 2034, RFC 3463). */
#ifndef STERNPOST_SMTP_REPLY_H
#define STERNPOST_SMTP_REPLY_H

#include "base/slice.h"
#include "base/status.h"

struct smtp_reply {
    int  code;          /* 200 to 599; 0: no reply was had */
    char enhanced[12];  /* "5.7.1", or empty */
    char text[512];     /* one line; lines of a received reply are joined with a blank; control bytes are '?' */
    bool closes;        /* server: end the session once this reply is sent */
};

/* Fills `r`; `enhanced` may be NULL. Foreign bytes must not be formatted into a reply that is sent (TLS-15). */
void smtp_reply_set(struct smtp_reply *r, int code, const char *enhanced, const char *fmt, ...) PRINTF_LIKE(4, 5);

static inline bool smtp_reply_is_ok(const struct smtp_reply *r)
{
    return r->code >= 200 && r->code < 300;
}

static inline bool smtp_reply_is_temporary(const struct smtp_reply *r)
{
    return r->code >= 400 && r->code < 500;
}

static inline bool smtp_reply_is_permanent(const struct smtp_reply *r)
{
    return r->code >= 500 && r->code < 600;
}

#endif
