/* cli/demo_letter.h: sends one message by SMTP and waits for the answer, as any client would. */
#ifndef STERNPOST_CLI_DEMO_LETTER_H
#define STERNPOST_CLI_DEMO_LETTER_H

#include "smtp/reply.h"

enum demo_wish {
    DEMO_NO_WISH,
    DEMO_REQUIRETLS,      /* the letter comes over TLS and with REQUIRETLS (RFC 8689 section 2) */
    DEMO_TLS_REQUIRED_NO, /* its header says so (section 3) */
};

struct demo_letter {
    const char *ip;
    uint16_t    port;
    const char *from, *to, *subject;
    enum demo_wish wish;
};

/* `reply` is the one that decided: to end of data, or the refusal before. ERR_TEMPORARY when the server cannot be reached
 * or breaks off. */
MUST_USE enum status demo_letter_send(const struct demo_letter *letter, struct smtp_reply *reply, struct fault *why);

#endif
