/* smtp/server_private.h: the inside of a server session, for smtp/server*.c alone. */
#ifndef STERNPOST_SMTP_SERVER_PRIVATE_H
#define STERNPOST_SMTP_SERVER_PRIVATE_H

#include "base/buf.h"
#include "smtp/body.h"
#include "smtp/path.h"
#include "smtp/server.h"

enum {
    SMTP_AUTH_LINE_MAX = 12288 + 2, /* RFC 4954 section 4, with CR LF (AUT-04) */
    SMTP_OUTPUT_MAX = 1024 * 1024,  /* replies that the client does not read */
};

enum state {
    STATE_START,     /* nothing was said yet */
    STATE_CONNECTED, /* 220 was sent */
    STATE_GREETED,   /* EHLO or HELO was accepted */
    STATE_MAIL,      /* a sender */
    STATE_RCPT,      /* and at least one recipient */
    STATE_CHUNKS,    /* between two BDAT commands */
    STATE_DATA,      /* what arrives is content up to CR LF . CR LF */
    STATE_CHUNK,     /* chunk_left bytes of content */
    STATE_DISCARD,   /* chunk_left bytes nobody wants; then `resume` */
    STATE_AUTH,      /* what arrives is a line of the exchange */
    STATE_TLS,       /* 220 to STARTTLS was said, the handshake is on */
    STATE_ENDED,
};

#define IN(state) (1U << (state))
#define TRANSACTION (IN(STATE_MAIL) | IN(STATE_RCPT) | IN(STATE_CHUNKS))
#define ANY (IN(STATE_CONNECTED) | IN(STATE_GREETED) | TRANSACTION)

/* What one mail transaction needs; reset_transaction() alone zeroes it. */
struct transaction {
    bool has_mail;   /* the driver accepted a sender and expects SMTP_SV_RESET when it is over */
    bool is_dropped; /* it knows already that this comes to nothing */
    bool is_utf8, is_chunked, is_last_chunk, is_too_big;
    unsigned rcpts, rcpts_over;
    uint64_t content_bytes;
    struct smtp_body_reader body;
};

struct smtp_server {
    struct smtp_server_config config;
    enum state state, resume;

    /* Events made and not yet pulled. At most one of them has something to tell, which is in `event`. */
    enum smtp_server_event_kind queue[4];
    size_t queue_len;
    struct smtp_server_event event;
    bool is_waiting; /* for the answer to `asked` */
    enum smtp_server_event_kind asked;

    struct buf line;   /* the part of a line that arrived so far, or a whole one while its event lives */
    bool line_is_done; /* the latter */
    bool line_ends_in_cr;
    bool skips_line; /* it was refused already: the rest up to CR LF is dropped */
    struct buf out;
    size_t starttls_reply_len;
    bool is_at_sync; /* the client must read the last reply in `out` before it sends more */
    bool spoke_first;

    bool is_tls, is_esmtp, is_authenticated;
    unsigned errors, junk;
    uint64_t chunk_left;
    struct transaction tx;
    char strings[]; /* of the config */
};

/* server.c. enter_state() alone changes the state; once ended, a session stays so. */
void enter_state(struct smtp_server *s, enum state state);
/* The one place where a transaction ends; with SMTP_SV_RESET unless the driver knows already. */
void reset_transaction(struct smtp_server *s);
/* Tells the driver early that the message comes to nothing; reading goes on. */
void drop_message(struct smtp_server *s);
void end_session(struct smtp_server *s, const char *why);
/* Refuses what the client sent before it could read our reply, and closes (EOD-16, TLS-01). */
void refuse_early(struct smtp_server *s);
/* Makes an event, of which s->event has the details. ask() waits for an answer as well. */
void tell(struct smtp_server *s, enum smtp_server_event_kind kind);
void ask(struct smtp_server *s, enum smtp_server_event_kind kind);

/* server_reply.c: each writes one reply to the output. A refusal counts as an error but when only said. */
void say(struct smtp_server *s, int code, const char *enhanced, const char *text);
void reply(struct smtp_server *s, int code, const char *enhanced, const char *text);
void reply_with(struct smtp_server *s, const struct smtp_reply *r);
void say_greeting(struct smtp_server *s);
void say_extensions(struct smtp_server *s);
void say_challenge(struct smtp_server *s, struct slice base64);

/* server_line.c: takes bytes to the end of a line, or all. A whole line goes to run_line() or run_auth_line(). */
size_t take_line(struct smtp_server *s, struct slice in);
/* Nothing refers to the last line any longer. */
void drop_line(struct smtp_server *s);

/* server_verbs.c: runs a command, without its CR LF. */
void run_line(struct smtp_server *s, struct slice line);
/* Closes at a line that only another protocol has (TLS-15); true when it did. */
bool close_at_foreign_protocol(struct smtp_server *s, struct slice line);
/* After each command and answer: enough is enough (SRV-06). */
void check_limits(struct smtp_server *s);

/* The larger verbs, each in its file; `arg` is what follows the verb and its blank. */
typedef void verb_fn(struct smtp_server *s, struct slice arg);
verb_fn on_helo, on_ehlo, on_starttls, on_auth, on_mail, on_rcpt, on_data, on_bdat;

/* What the driver answered, by the event it belongs to. */
typedef void answer_fn(struct smtp_server *s, const struct smtp_reply *r);
answer_fn answer_auth, answer_mail, answer_rcpt, answer_body_begin, answer_body_end;

/* server_params.c */
struct refusal {
    int code;
    const char *enhanced, *text;
};
extern const struct refusal bad_value;

/* One parameter: `read` puts it into the event's mail or rcpt and returns NULL, or why not. */
struct param_rule {
    const char *key;
    bool (*is_offered)(const struct smtp_server *s);
    bool has_value;
    const struct refusal *(*read)(const struct smtp_server *s, struct slice value, struct smtp_server_event *ev);
};
bool always_offered(const struct smtp_server *s);
/* Reads "FROM:<path>" or "TO:<path>" and leaves *params. Both reply when they return false. */
bool read_path(struct smtp_server *s, struct slice arg, bool is_reverse, struct slice *address, struct slice *params);
bool read_params(struct smtp_server *s, struct slice params, const struct param_rule *rules, size_t rules_len,
                 struct smtp_server_event *ev);

/* server_data.c: content, whichever verb brings it. */
size_t take_content(struct smtp_server *s, struct slice in);
void deliver(struct smtp_server *s, struct slice content);
/* The message is complete, for better or worse. */
void finish_message(struct smtp_server *s);

/* server_bdat.c */
size_t take_chunk(struct smtp_server *s, struct slice in);
size_t discard_chunk(struct smtp_server *s, struct slice in);
void begin_chunk(struct smtp_server *s);
/* Drops the next chunk_left bytes, then goes on in `resume`. */
void discard_chunk_then(struct smtp_server *s, enum state resume);

/* server_auth.c */
void run_auth_line(struct smtp_server *s, struct slice line);
void cancel_auth(struct smtp_server *s);
bool offers_auth(const struct smtp_server *s);
/* server_hello.c */
bool offers_starttls(const struct smtp_server *s);
bool offers_requiretls(const struct smtp_server *s);

#endif
