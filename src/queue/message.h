/* queue/message.h: one accepted message in memory, shared by its deliveries and freed with the last of them. */
#ifndef STERNPOST_QUEUE_MESSAGE_H
#define STERNPOST_QUEUE_MESSAGE_H

#include "base/buf.h"
#include "store/store.h"

/* Owned by one worker; counted without atomics. */
struct message {
    unsigned              references;
    struct arena          arena;   /* everything `stored` points to, but the body */
    struct buf            content; /* the body while it is in memory */
    bool                  has_content; /* false: load it from the store */
    struct stored_message stored;
};

struct message *message_new(void); /* with one reference */
struct message *message_hold(struct message *m);
void message_release(struct message *m); /* NULL is fine */

/* A copy of what the store claimed; its content stays in the store. */
struct message *message_of_claim(const struct stored_message *claimed);

/* Copies every string of `from` into `arena`. */
void stored_rcpt_copy(struct arena *arena, struct stored_rcpt *to, const struct stored_rcpt *from);

#endif
