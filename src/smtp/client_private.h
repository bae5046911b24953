/* smtp/client_private.h: the client session as its own files see it. Nobody else includes this. */
#ifndef STERNPOST_SMTP_CLIENT_PRIVATE_H
#define STERNPOST_SMTP_CLIENT_PRIVATE_H

#include "base/buf.h"
#include "smtp/client.h"
#include "smtp/client_body.h"
#include "smtp/client_reply.h"

/* What the session waits for: the server's reply, or the driver. */
enum smtp_client_state {
    ST_GREETING,
    ST_EHLO,
    ST_HELO,
    ST_IDLE,       /* the driver: the next command */
    ST_STARTTLS,
    ST_HANDSHAKE,  /* the driver: smtp_client_tls_started() */
    ST_AUTH,
    ST_CHALLENGED, /* the driver: smtp_client_auth_response() */
    ST_RSET,
    ST_MAIL,
    ST_RCPT,
    ST_DATA,
    ST_BODY,       /* the driver: smtp_client_body() */
    ST_END,
    ST_EMPTY_END,  /* the reply to a lone dot that no recipient gets (RFC 2920 section 3.1) */
    ST_QUIT,
    ST_OVER,
    ST_COUNT,
};

/* The transaction that is under way; freed when it is over. */
struct smtp_client_sending {
    struct smtp_transaction t;
    size_t                  next_rcpt; /* whose reply comes next */
    size_t                  accepted;
    bool                    is_pipelined;
    bool                    mail_refused;
    bool                    is_over;   /* all but SMTP_CL_DONE was said */
    struct smtp_reply       outcome;   /* what ended it, or will when nobody is left to send to */
    enum smtp_stage         outcome_at;
    struct smtp_body_writer body;
};

struct smtp_client_failure {
    enum smtp_stage   stage;
    struct smtp_reply reply;
    struct fault      why;
    bool              is_shown;
};

struct smtp_client {
    enum smtp_client_state   state;
    struct buf               in, out;
    size_t                   in_used; /* of `in`: read, but an event may still show it */
    struct slice             text;    /* behind the code of the line just read, inside `in` */
    struct smtp_reply_reader reader;
    char                    *hostname;
    char                    *server_name;
    bool                     is_tls;
    bool                     needs_rset; /* the server may hold half a transaction */
    unsigned                 offers; /* enum smtp_ext bits */
    uint64_t                 size_limit;
    char                    *auth_mechanisms;
    struct smtp_client_sending *sending; /* NULL between transactions */
    struct smtp_client_failure *failure; /* NULL while all is well */
};

/* Handles the reply that ends a wait. True: *ev is an event. Where a class of reply has no handler, the session fails. */
typedef bool smtp_client_reply_fn(struct smtp_client *c, const struct smtp_reply *reply,
                                  struct smtp_client_event *ev);

/* client.c */
void smtp_client_enter(struct smtp_client *c, enum smtp_client_state state);
/* Whether bytes are there that no reply was read from yet. */
bool smtp_client_has_unread(const struct smtp_client *c);
/* Whether a command may be sent now: false once the session is over, and when bytes are there that the server
 * sent unasked, which ends it. Asserts the state. */
bool smtp_client_may_send(struct smtp_client *c, enum smtp_client_state expected);
/* Adds to the output; asserts that `s` holds no CR, LF or NUL (EOD-14). */
void smtp_client_put(struct smtp_client *c, struct slice s);
void smtp_client_end_line(struct smtp_client *c);
/* A whole line; an empty argument is left out. */
void smtp_client_put_command(struct smtp_client *c, struct slice verb, struct slice argument);
/* Ends the session; `reply` NULL: the server did not say so. */
void smtp_client_fail(struct smtp_client *c, const struct smtp_reply *reply, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Ends it since `reply` has no meaning now; returns false, for a handler to pass on. */
bool smtp_client_fail_wrong(struct smtp_client *c, const struct smtp_reply *reply);
/* Fills *ev; `reply` may be NULL. Returns true, for a handler to pass on. */
bool smtp_client_show(struct smtp_client_event *ev, enum smtp_client_event_kind kind, enum smtp_stage stage,
                      const struct smtp_reply *reply);

/* client_ehlo.c */
void smtp_client_say_hello(struct smtp_client *c, struct slice verb, enum smtp_client_state state);
void smtp_client_forget_offers(struct smtp_client *c);
/* One line behind the first of the reply to EHLO (RFC 5321 section 4.1.1.1). */
void smtp_client_note_offer(struct smtp_client *c, struct slice line);
smtp_client_reply_fn smtp_client_on_greeting, smtp_client_on_ehlo, smtp_client_on_ehlo_refused;

/* client_tls.c, client_auth.c */
smtp_client_reply_fn smtp_client_on_starttls, smtp_client_on_starttls_refused, smtp_client_on_challenge,
    smtp_client_on_auth_done, smtp_client_on_auth_refused;

/* client_send.c */
void smtp_client_show_done(struct smtp_client *c, struct smtp_client_event *ev);
smtp_client_reply_fn smtp_client_on_rset, smtp_client_on_mail, smtp_client_on_mail_refused, smtp_client_on_rcpt,
    smtp_client_on_data, smtp_client_on_data_refused, smtp_client_on_end, smtp_client_on_empty_end;

#endif
