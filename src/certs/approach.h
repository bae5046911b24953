/* certs/approach.h: one connection to one address, brought to where TLS begins: at once, or behind STARTTLS (RFC 3207).
 *
 * We come as a stranger: wait for each reply, offer no mail, never pipeline, and go at the first sign of being unwanted. */
#ifndef STERNPOST_CERTS_APPROACH_H
#define STERNPOST_CERTS_APPROACH_H

#include "net/loop.h"
#include "net/stream.h"
#include "smtp/client.h"

enum tls_way {
    TLS_WAY_SMTP,  /* STARTTLS, port 25 */
    TLS_WAY_SMTPS, /* port 465 (RFC 8314) */
    TLS_WAY_HTTPS, /* port 443, ALPN http/1.1 */
    TLS_WAY_RAW,   /* TLS at once, nothing said inside; the port must be given */
};
const char *tls_way_name(enum tls_way way); /* "smtp" */
bool tls_way_parse(struct slice s, enum tls_way *out);
uint16_t tls_way_port(enum tls_way way); /* the usual one; 0: there is none */
static inline bool tls_way_is_smtp(enum tls_way way)
{
    return way == TLS_WAY_SMTP || way == TLS_WAY_SMTPS;
}

/* The name of number `at` of the enum smtp_ext bits that are set, "PIPELINING"; NULL: there are no more. */
const char *approach_extension(unsigned extensions, size_t at);

/* How far it went: where it failed, or PROBE_COMPLETE. */
enum probe_stage {
    PROBE_CONNECT,
    PROBE_GREETING,
    PROBE_EHLO,
    PROBE_STARTTLS,  /* not offered, or refused */
    PROBE_HANDSHAKE,
    PROBE_INSIDE,    /* SMTP inside TLS; the certificate was had before */
    PROBE_COMPLETE,
};
const char *probe_stage_name(enum probe_stage s); /* "connect", "greeting", ..., "complete" */

enum { APPROACH_TEXT = 240, APPROACH_TIMEOUT_MS = 30000, APPROACH_BEHIND = 64 };

/* Strings are borrowed until done. */
struct approach_target {
    struct net_address        address;    /* with the port */
    const struct net_address *from;       /* to connect from; NULL: any */
    enum tls_way              way;
    struct slice              helo;       /* our name in EHLO */
    bool                      stays_in_clear; /* SMTP: no STARTTLS, even where it is offered: PROBE_STARTTLS then, in good order */
    struct slice              behind_starttls; /* SMTP: said in one breath with STARTTLS, as nobody may (RFC 3207 section 6); at
                                                * most APPROACH_BEHIND bytes, borrowed until done */
    int64_t                   timeout_ms; /* from start to done, and from each further step to its done; 0: APPROACH_TIMEOUT_MS */
};

struct approach { /* embed, zeroed */
    void (*done)(struct approach *a); /* set by the caller; runs from the loop, never inside a call, and may release */
    /* Results; valid from done on. */
    enum probe_stage failed_at; /* PROBE_COMPLETE: the step was done */
    char             text[APPROACH_TEXT]; /* what failed, in words, printable; empty when nothing did */
    int              reply_code;  /* the server's last word when it refused; 0: it said nothing */
    bool             is_unwanted; /* 421, or a refusal that speaks of rates or lists: do not come again soon */
    bool             has_no_route; /* PROBE_CONNECT: this machine has no way there; it says nothing of the server */
    char             greeting[256]; /* SMTP: the first line the server said, printable */
    unsigned         extensions;    /* SMTP: enum smtp_ext bits of the last EHLO */
    uint64_t         size_limit;    /* SMTP: as SIZE says */
    int64_t          connect_ms, greeting_ms; /* until connected; from there until greeted */
    struct stream    stream;        /* open when failed_at is PROBE_COMPLETE: the caller may shake hands on it */
    /* private */
    struct loop           *loop;
    struct loop_io         io;
    struct loop_timer      deadline, soon;
    struct approach_target target;
    enum probe_stage       stage;
    int64_t                since_ms;
    size_t                 greeting_len;
    bool                   is_inside, is_over, is_orderly, has_quit, saw_greeting;
    struct slice           mailbox; /* asked for */
    struct smtp_rcpt       rcpt;
    struct smtp_client    *client;
};

void approach_start(struct approach *a, struct loop *loop, const struct approach_target *target);
/* After a handshake on a->stream, whose descriptor nobody watches: greets again inside TLS (SMTP only); done runs a
 * second time, extensions are those inside. */
void approach_inside(struct approach *a);
/* In SMTP after done, in TLS once approach_inside() is done, or in clear where STARTTLS is not to be had: asks whether there
 * is this mailbox, by MAIL with the empty sender and RCPT; no mail is offered. done runs once more: PROBE_COMPLETE with the
 * answer in reply_code and text, or PROBE_INSIDE when the session failed. `address` is borrowed until then. */
void approach_ask_mailbox(struct approach *a, struct slice address);
/* Says QUIT where SMTP was spoken and both sides know where they are; false when nothing was said, or it was before. Who
 * waits for the answer spares the server a connection that ends in a reset. */
bool approach_quit(struct approach *a);
/* Says QUIT where SMTP was spoken, as far as that can be had at once, and closes. Zeroed is fine, and when under way. */
void approach_release(struct approach *a);

#endif
