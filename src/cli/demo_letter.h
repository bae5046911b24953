/* cli/demo_letter.h: sends one message by SMTP and waits for the answer, as any client would. */
#ifndef STERNPOST_CLI_DEMO_LETTER_H
#define STERNPOST_CLI_DEMO_LETTER_H

#include "smtp/reply.h"

struct demo_letter {
    const char *ip;
    uint16_t    port;
    const char *from, *to, *subject;
};

/* `reply` is the one that decided: to end of data, or the refusal before. ERR_TEMPORARY when the server cannot be reached
 * or breaks off. */
MUST_USE enum status demo_letter_send(const struct demo_letter *letter, struct smtp_reply *reply, struct fault *why);

#endif
