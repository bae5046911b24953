/* smtp/server.h: one SMTP session as a server, without socket, TLS or clock (RFC 5321).
 *
 * The driver feeds bytes, pulls events until there is none, answers those that ask for an answer,
 * and writes smtp_server_output() to the peer. While an event waits for its answer, feed takes nothing.
 *
 *                      +------ RSET, EHLO, end of data: reset_transaction() ------+
 *                      v                                                          |
 *   CONNECTED -EHLO-> GREETED -MAIL-> MAIL -RCPT-> RCPT -DATA/BDAT-> BODY --------+
 *                      |  ^
 *                STARTTLS  +-- AUTH
 *                      v
 *                     TLS (output flushed, handshake by the driver) -> CONNECTED, everything forgotten
 *
 * Line discipline: only CR LF ends a line, only CR LF . CR LF ends DATA. A bare CR, bare LF or NUL in
 * content poisons the message: it is read to its true end, then refused with 550 5.6.11 and the session
 * is closed; with `normalizes_newlines` a bare CR or LF becomes CR LF instead (NUL still refused).
 * The same in a command gives 500 5.5.2, once, and no part of that line is run.
 *
 * Sync points (RFC 2920 section 3.1, EOD-16): the greeting and the replies to EHLO, HELO, STARTTLS, AUTH and DATA
 * must be read before more is sent. Bytes that are fed while such a reply lies in output were sent too early: 554
 * 5.5.0 and SMTP_SV_CLOSE. So feed all that was read, what was left untaken first, before writing output. What
 * counts is only the order of feeding, answering and consuming, never how the bytes were split.
 * After STARTTLS any byte before smtp_server_tls_started() is refused like that, be it in the same feed (then
 * there is no SMTP_SV_STARTTLS) or later (then SMTP_SV_CLOSE follows it and the handshake must not begin, TLS-01). */
#ifndef STERNPOST_SMTP_SERVER_H
#define STERNPOST_SMTP_SERVER_H

#include "smtp/envelope.h"
#include "smtp/reply.h"

struct log;
struct smtp_server;

struct smtp_server_config {        /* copied by smtp_server_new(), strings too */
    struct slice hostname;         /* ours, for the greeting and EHLO */
    uint64_t     max_message_bytes; /* 552 5.3.4 beyond; announced with SIZE; 0: no limit */
    unsigned     max_line_bytes;   /* a command line, with CRLF; 500 5.5.2 beyond; at least 512 */
    unsigned     max_recipients;   /* 452 4.5.3 beyond; at least 100 (RFC 5321 section 4.5.3.1.8). Surplus ones are
                                      no errors; as many again and one more close the session */
    unsigned     max_errors;       /* 421 4.7.0 and close at this many 4xx/5xx replies to commands since the last
                                      message; 0: never */
    unsigned     max_junk;         /* the same for NOOP, RSET, VRFY, HELP, repeated EHLO and empty chunks */
    const char  *auth_mechanisms;  /* "PLAIN LOGIN SCRAM-SHA-256", offered only inside TLS; NULL: no AUTH */
    bool         offers_starttls;
    bool         offers_requiretls; /* RFC 8689, advertised only inside TLS */
    bool         mail_needs_tls;   /* MAIL outside TLS: 530 5.7.0 Must issue a STARTTLS command first */
    bool         mail_needs_auth;  /* MAIL without AUTH: 530 5.7.0 Authentication required */
    bool         normalizes_newlines;
    bool         starts_in_tls;    /* implicit TLS (RFC 8314) */
    const struct log *log;         /* borrowed for the session's life, for debug lines; may be NULL */
};

enum smtp_server_event_kind {
    SMTP_SV_HELO,          /* text: the client's name; is_esmtp. No answer: the session replies itself */
    SMTP_SV_STARTTLS,      /* output holds the 220 at its end; flush it, shake hands, then smtp_server_tls_started() */
    SMTP_SV_AUTH,          /* text: mechanism (upper case), data: initial response in base64, "=" for empty
                              or has_data false for none. Answer with smtp_server_auth_challenge() or
                              smtp_server_auth_done() */
    SMTP_SV_AUTH_RESPONSE, /* data: base64. Answer as for SMTP_SV_AUTH. "*" is handled inside (501) */
    SMTP_SV_AUTH_CANCEL,   /* the client gave up; the session has replied 501; drop the exchange. No answer */
    SMTP_SV_MAIL,          /* mail. Answer: 250 accepts */
    SMTP_SV_RCPT,          /* rcpt. Answer: 250 accepts this recipient */
    SMTP_SV_BODY_BEGIN,    /* DATA or the first BDAT. Answer: any 2xx or 354 accepts (the session sends what
                              the verb needs); 4xx/5xx refuses, and a BDAT chunk is discarded */
    SMTP_SV_BODY,          /* data: content with CRLF line ends, dots removed; mostly a part of what was fed, not
                              copied. No answer */
    SMTP_SV_BODY_END,      /* the whole message was good. Answer: 250 only when it is safe on disk */
    SMTP_SV_RESET,         /* an accepted sender's transaction is dropped: RSET, EHLO, the message refused by the
                              session (poisoned, too big: as soon as that is known) or by the answer to BODY_BEGIN
                              or BODY_END, the end of the session. Not after a 2xx to BODY_END. No answer */
    SMTP_SV_CLOSE,         /* write what is in output, then close; an exchange of AUTH is void. text: why, a
                              literal for the log. Nothing follows. No answer */
};

struct smtp_server_event {
    enum smtp_server_event_kind kind;
    struct slice     text, data; /* these, and those of mail and rcpt, live until the next feed or answer, and may
                                    point into what was fed: that must live as long */
    bool             is_esmtp, has_data;
    struct smtp_mail mail;
    struct smtp_rcpt rcpt;
};

struct smtp_server *smtp_server_new(const struct smtp_server_config *config);
void smtp_server_free(struct smtp_server *s);

/* Puts the 220 into output, or another reply (421, 554) which ends the session. Call once, first.
 * Bytes that arrive before it are answered 554 5.5.0 and a close (EOD-16): feed them first. */
void smtp_server_greet(struct smtp_server *s, const struct smtp_reply *instead); /* NULL: 220 */

/* Returns how many bytes were taken, up to the first event: pull, answer, feed again with the rest. 0 is possible
 * together with an event. After SMTP_SV_CLOSE all are taken and ignored. */
size_t smtp_server_feed(struct smtp_server *s, struct slice in);
/* False: no event now; feed more, or answer the open one. */
bool smtp_server_next(struct smtp_server *s, struct smtp_server_event *ev);
/* True while an event waits for its answer. */
bool smtp_server_is_waiting(const struct smtp_server *s);

/* Answers the open event, which was pulled. reply->closes, or 421, ends the session after it. */
void smtp_server_answer(struct smtp_server *s, const struct smtp_reply *reply);
void smtp_server_auth_challenge(struct smtp_server *s, struct slice base64); /* sends 334 */
void smtp_server_auth_done(struct smtp_server *s, const struct smtp_reply *reply); /* 235 authenticates */

/* After the handshake, with output written and no byte fed since: everything said before it is forgotten
 * (RFC 3207 section 4.2). */
void smtp_server_tls_started(struct smtp_server *s);
/* Says `reply` (421 on timeout or shutdown, or 4xx when overloaded) and closes. Drops an open event. */
void smtp_server_end(struct smtp_server *s, const struct smtp_reply *reply);

bool smtp_server_is_tls(const struct smtp_server *s);
bool smtp_server_is_authenticated(const struct smtp_server *s);
bool smtp_server_in_body(const struct smtp_server *s); /* content is what the client has to send next */

/* Bytes for the peer; consume what was written. */
struct slice smtp_server_output(const struct smtp_server *s);
void smtp_server_output_consume(struct smtp_server *s, size_t len);

#endif
