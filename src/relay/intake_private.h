/* relay/intake_private.h: the session of relay/intake.h, for the files that each handle one part of it. */
#ifndef STERNPOST_RELAY_INTAKE_PRIVATE_H
#define STERNPOST_RELAY_INTAKE_PRIVATE_H

#include "base/buf.h"
#include "base/log.h"
#include "mail/address.h"
#include "mail/scan.h"
#include "queue/message.h"
#include "relay/intake.h"
#include "smtp/server.h"

struct auth_exchange;
struct transaction;

/*   PROXYING -> (SHAKING ->) TALKING -> TURNING (the 220 to STARTTLS goes out) -> SHAKING -> TALKING;  any -> CLOSED */
enum intake_state { INTAKE_PROXYING, INTAKE_SHAKING, INTAKE_TALKING, INTAKE_TURNING, INTAKE_CLOSED };

struct intake {
    struct buried               buried; /* first */
    struct intake              *next, *prev;
    struct worker              *worker;
    const struct node_listener *listener;
    enum intake_state           state;
    struct stream               stream;
    struct loop_io              io;
    struct loop_timer           idle, lifetime;
    struct smtp_server         *smtp;
    struct buf                  pending; /* read, but not yet taken by the session: an answer is awaited */
    struct net_address          counted; /* whom the census counted */
    struct net_address          peer;    /* the client, by PROXY where that is spoken */
    char                        peer_text[NET_ADDRESS_TEXT];
    struct tls_facts           *tls;     /* NULL: in clear */
    char                       *helo, *user; /* NULL: not said */
    bool                        is_esmtp;
    bool                        is_paused;  /* a chunk is on its way to the store: take no more content */
    bool                        is_driving, is_ending;
    struct auth_exchange       *auth;
    struct transaction         *transaction;
    unsigned                    messages;
    uint64_t                    id;
    struct log                  log;
};

struct intake_rcpt {
    struct mail_address address;
    struct smtp_rcpt    rcpt; /* strings in the message's arena */
};

/* From MAIL to the answer to end of data. It outlives its session while the store has it. */
struct transaction {
    struct intake        *session;  /* NULL: the client hung up */
    struct worker        *worker;
    struct message       *message;
    struct rule_address   sender;
    struct intake_rcpt   *rcpts;
    size_t                rcpts_len, rcpts_cap;
    struct mail_scan     *scan;     /* of the content, as it streams by; NULL before BODY_BEGIN */
    bool                  has_8bit; /* a byte over 0x7f anywhere */
    uint32_t              chunks;
    uint64_t              bytes;    /* of content, our header included */
    enum status           chunk_status;
    struct store_request  put;
    unsigned              at_store; /* requests on their way */
    bool                  is_complete; /* content is whole; only the store's word is missing */
    bool                  is_dropped;
};

/* intake.c */
void intake_drive(struct intake *s);  /* goes on after an answer from elsewhere; may close the session */
void intake_answer(struct intake *s, const struct smtp_reply *reply); /* the open event; then drives on */
const struct tls_facts *intake_tls(const struct intake *s);

/* intake_envelope.c */
void intake_on_mail(struct intake *s, const struct smtp_mail *mail);
void intake_on_rcpt(struct intake *s, const struct smtp_rcpt *rcpt);

/* intake_body.c */
void intake_on_body_begin(struct intake *s);
void intake_on_body(struct intake *s, struct slice content);
void intake_on_body_end(struct intake *s);
/* Drops the open transaction, and content of it that is in the store already. */
void intake_reset(struct intake *s);
/* The session goes: a transaction at the store finishes without it. */
void intake_abandon(struct intake *s);

/* intake_auth.c */
void intake_on_auth(struct intake *s, struct slice mechanism, struct slice initial, bool has_initial);
void intake_on_auth_response(struct intake *s, struct slice response);
void intake_cancel_auth(struct intake *s);

#endif
