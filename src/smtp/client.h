/* smtp/client.h: one SMTP session as a client, without socket, TLS or clock (RFC 5321).
 *
 * The driver feeds the server's bytes, pulls events until there is none, acts, and writes smtp_client_output(). What
 * was written it consumes before it feeds what came after: a final reply that meets unwritten content is a failure.
 * After SMTP_CL_READY it chooses one of starttls, auth, send or quit; after SMTP_CL_DONE and SMTP_CL_AUTH_DONE
 * again (but starttls). PIPELINING is used when offered (RFC 2920): MAIL, RCPTs and DATA go out in one write.
 * EHLO refused with 5xx falls back to HELO: READY then comes without any extension (TLS-08).
 * Replies are bounded: 64 lines of 2048 bytes (SRV-19). What breaks the protocol gives SMTP_CL_FAILED: a reply of
 * the wrong class for its verb, one that nobody asked for, one to content that is not yet written.
 * After SMTP_CL_FAILED and SMTP_CL_CLOSED what is fed is dropped and calls that would send do nothing. */
#ifndef STERNPOST_SMTP_CLIENT_H
#define STERNPOST_SMTP_CLIENT_H

#include "smtp/envelope.h"
#include "smtp/reply.h"

struct smtp_client;

enum smtp_ext { /* what EHLO announced, as bits */
    SMTP_EXT_PIPELINING = 1 << 0,
    SMTP_EXT_SIZE = 1 << 1,
    SMTP_EXT_8BITMIME = 1 << 2,
    SMTP_EXT_SMTPUTF8 = 1 << 3,
    SMTP_EXT_STARTTLS = 1 << 4,
    SMTP_EXT_DSN = 1 << 5,
    SMTP_EXT_CHUNKING = 1 << 6,
    SMTP_EXT_ENHANCEDSTATUSCODES = 1 << 7,
    SMTP_EXT_AUTH = 1 << 8,
    SMTP_EXT_REQUIRETLS = 1 << 9,
};

enum smtp_client_event_kind {
    SMTP_CL_READY,       /* reply: EHLO or HELO was accepted; capabilities are known */
    SMTP_CL_TLS,         /* 220 to STARTTLS and nothing behind it: shake hands, then smtp_client_tls_started() */
    SMTP_CL_TLS_REFUSED, /* reply: what STARTTLS got instead; the session is READY again, in clear */
    SMTP_CL_AUTH_CHALLENGE, /* data: base64; answer with smtp_client_auth_response() */
    SMTP_CL_AUTH_DONE,   /* reply: 235 or the refusal */
    SMTP_CL_RCPT,        /* index, reply: one for each recipient, in order, once MAIL was accepted */
    SMTP_CL_BODY,        /* the server waits for content: call smtp_client_body() until last */
    SMTP_CL_DONE,        /* the transaction is over. stage and reply: END with the final reply when content was
                            sent, else the stage that ended it. READY for the next */
    SMTP_CL_FAILED,      /* the session is over. stage, reply (code 0 unless the server said it: 421, refused
                            greeting, HELO or RSET, 4xx or 5xx while content was still being written), text: why
                            in words */
    SMTP_CL_CLOSED,      /* QUIT was answered */
};

enum smtp_stage {
    SMTP_AT_GREETING,
    SMTP_AT_EHLO, /* or HELO */
    SMTP_AT_STARTTLS,
    SMTP_AT_AUTH,
    SMTP_AT_MAIL,
    SMTP_AT_RCPT,
    SMTP_AT_DATA,
    SMTP_AT_BODY, /* content is being written, no reply is due */
    SMTP_AT_END,
    SMTP_AT_QUIT,
    SMTP_AT_RSET, /* before a transaction that follows one refused half-way */
    SMTP_AT_IDLE, /* no reply is due: the driver's turn */
};
/* "MAIL FROM", "end of data", ... for traces and DSNs: "... in reply to MAIL FROM". */
const char *smtp_stage_name(enum smtp_stage stage);

struct smtp_client_event {
    enum smtp_client_event_kind kind;
    size_t            index;
    enum smtp_stage   stage;
    struct smtp_reply reply;
    struct slice      data, text; /* live until the next call */
};

/* One transaction; everything is borrowed until SMTP_CL_DONE or SMTP_CL_FAILED. Parameters whose
 * extension the server lacks are left out by the client: the driver has checked before (smtp_client_extensions)
 * what may not be left out (8BITMIME, SMTPUTF8, REQUIRETLS). */
struct smtp_transaction {
    struct smtp_mail        mail;
    const struct smtp_rcpt *rcpts;
    size_t                  rcpts_len;
    bool                    is_question; /* ends behind the last RCPT, without DATA: SMTP_CL_DONE at SMTP_AT_RCPT */
};

struct smtp_client *smtp_client_new(struct slice hostname, bool starts_in_tls); /* copies */
void smtp_client_free(struct smtp_client *c);

/* Returns bytes taken: all, unless SMTP_CL_TLS was given and TLS has not started (what follows the 220 in clear
 * is a failure, TLS-02). At most SMTP_CLIENT_IN_MAX bytes wait for smtp_client_next(); more is a failure. */
enum { SMTP_CLIENT_IN_MAX = 256 * 1024 };
size_t smtp_client_feed(struct smtp_client *c, struct slice in);
bool smtp_client_next(struct smtp_client *c, struct smtp_client_event *ev);

unsigned smtp_client_extensions(const struct smtp_client *c); /* enum smtp_ext bits, of the last EHLO only */
uint64_t smtp_client_size_limit(const struct smtp_client *c); /* SIZE; 0: none given */
struct slice smtp_client_auth_mechanisms(const struct smtp_client *c); /* "PLAIN LOGIN", upper case */
struct slice smtp_client_server_name(const struct smtp_client *c);    /* from the greeting, made printable */
enum smtp_stage smtp_client_stage(const struct smtp_client *c);       /* what it waits for, for timeouts */

/* Asserts that STARTTLS was offered and TLS is not on. */
void smtp_client_starttls(struct smtp_client *c);
/* Forgets what was said in clear and greets again (RFC 3207 section 4.2): READY follows. */
void smtp_client_tls_started(struct smtp_client *c);
/* Asserts TLS: credentials never travel in clear (TLS-09). `initial` NULL ptr: none. */
void smtp_client_auth(struct smtp_client *c, const char *mechanism, struct slice initial_base64);
void smtp_client_auth_response(struct smtp_client *c, struct slice base64);
/* Asserts at least one recipient and that no CR, LF or NUL gets into a command (EOD-14). */
void smtp_client_send(struct smtp_client *c, const struct smtp_transaction *t);
/* Content, dot-stuffed here; a bare CR or LF is written as CR LF (EOD-12). `is_last` ends it, adding a
 * CR LF when content does not end with one. */
void smtp_client_body(struct smtp_client *c, struct slice content, bool is_last);
void smtp_client_quit(struct smtp_client *c);

struct slice smtp_client_output(const struct smtp_client *c);
void smtp_client_output_consume(struct smtp_client *c, size_t len);

#endif
