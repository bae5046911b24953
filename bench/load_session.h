/* bench/load_session.h: one SMTP client of the load generator (RFC 5321, PIPELINING of RFC 2920 when offered). */
#ifndef STERNPOST_BENCH_LOAD_SESSION_H
#define STERNPOST_BENCH_LOAD_SESSION_H

#include "letter.h"
#include "wire.h"

#include <stdio.h>

/* What a run does and how it goes: shared by its sessions, owned by load.c. */
struct load {
    struct sockaddr_in to;
    unsigned sources; /* addresses 127.0.0.1, 127.0.0.2, ... to connect from */
    unsigned per_connection, domains;
    uint64_t messages;
    size_t size;
    const char *run;
    double rate;  /* messages a second; 0: as fast as they are taken */
    bool holds;   /* sessions open, greet and stay */
    SSL_CTX *tls; /* NULL: in clear */
    FILE *record;
    int epoll_fd;

    double started, ended; /* ended: the last final reply */
    uint64_t begun, accepted, refused, broken, connections, handshakes, held;
    unsigned waiting, opening, running;
    uint32_t *latency_us; /* of the final 250: from the last byte sent, one for each message accepted */
    char first_refusal[160];
};

enum load_step {
    AT_REST, /* no connection, perhaps waiting for `due` */
    AT_GREETING,
    AT_EHLO,
    AT_STARTTLS,
    AT_HANDSHAKE,
    AT_HELD, /* of a run that holds */
    AT_MAIL,
    AT_RCPT,
    AT_DATA,
    AT_BODY, /* sending it */
    AT_END,
    AT_QUIT,
    LOAD_STEPS,
};

/* Fields are private to load_session.c, but for load, index and fd -1 in wire, which the owner sets, and `due`. */
struct load_session {
    struct load *load;
    unsigned index;
    enum load_step step;
    double due; /* 0: not waiting, else when load_session_next() is to be called */
    unsigned sent_here;
    bool pipelining, offers_tls, has_message, has_quit;
    uint64_t number;
    char rcpt[64];
    struct letter letter;
    size_t at; /* in the letter */
    double sent_at;
    struct wire wire;
};

/* Takes the next message, connects when needed; or waits (`due`), or ends when there is none left. */
void load_session_next(struct load_session *s);
/* epoll reported something. */
void load_session_event(struct load_session *s);

#endif
