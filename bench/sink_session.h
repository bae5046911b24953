/* bench/sink_session.h: one session of the SMTP server that swallows everything (RFC 5321, 2920, 3207). */
#ifndef STERNPOST_BENCH_SINK_SESSION_H
#define STERNPOST_BENCH_SINK_SESSION_H

#include "wire.h"

enum sink_stage {
    AT_GREETING,
    AT_EHLO,
    AT_STARTTLS,
    AT_MAIL,
    AT_RCPT,
    AT_DATA,
    AT_END,
    AT_OTHER,
    AT_QUIT,
    SINK_STAGES
};

enum { SINK_SECONDS = 3600, SINK_ID = 128 };

/* How the answers of one stage differ from the usual ones, in every session. */
struct sink_answer {
    const char *text; /* without CRLF; NULL: the usual one; "drop": hang up instead */
    double delay_s;
    uint64_t every; /* only each so many-th time; 0 and 1: always */
    uint64_t reached;
};

/* `damaged` counts messages with a letter's id (letter.h) and another body than it was sent with.
 * What a run does and how it goes: shared by its sessions, owned by sink.c. */
struct sink {
    SSL_CTX *tls; /* NULL: STARTTLS is not offered */
    bool hides_pipelining;
    struct sink_answer answers[SINK_STAGES];
    struct slice id_header; /* with its colon */
    int record_fd;          /* -1: nothing is recorded */
    int epoll_fd;
    struct sink_session *sessions, *delayed; /* all; those whose answer waits; in no order */

    uint64_t messages, recipients, bytes, refused, damaged, connections, open, open_peak, handshakes;
    double first, last;                /* monotonic seconds of the first and the last message */
    uint32_t per_second[SINK_SECONDS]; /* messages in each second since `first` */
};

/* Takes the socket and greets. Frees itself when the peer is gone. */
void sink_session_new(struct sink *sink, int fd);
void sink_session_event(struct sink_session *s);
void sink_session_free_all(struct sink *sink);
/* Gives the delayed answers that are due; returns milliseconds to the next one, `most` at most. */
int sink_session_give_due(struct sink *sink, int most);

#endif
