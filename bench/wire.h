/* bench/wire.h: one non-blocking connection of load or sink: lines in, bytes out, TLS from any moment on.
 *
 * Made to cost little: one read for all that has come, one write for all that is to go, level-triggered
 * epoll that is touched again only when a write blocks. */
#ifndef STERNPOST_BENCH_WIRE_H
#define STERNPOST_BENCH_WIRE_H

#include "base/buf.h"

#include <netinet/in.h>
#include <openssl/ssl.h>

enum { WIRE_IN = 16384, WIRE_OUT = 65536 };

enum wire_state {
    WIRE_OK,
    WIRE_BLOCKED, /* nothing more now: wait for epoll */
    WIRE_CLOSED,  /* the peer is gone, or broke TLS */
};

/* Fields are private to wire.c. */
struct wire {
    int fd, epoll_fd;
    void *owner;
    SSL *tls; /* NULL: in clear */
    struct buf out;
    bool waits_to_write;
    size_t start, len;
    char in[WIRE_IN];
};

/* Takes the socket; `owner` is what epoll reports as data.ptr. */
void wire_open(struct wire *w, int fd, int epoll_fd, void *owner);
void wire_close(struct wire *w); /* the socket, and all memory but *w; closing twice is fine */

/* Reads what has come. WIRE_OK: something new is there. */
enum wire_state wire_fill(struct wire *w);
/* More may be had from wire_fill() without waiting for epoll. */
bool wire_has_more(const struct wire *w);
/* The next whole line without its CRLF; lives until the next wire_fill(). */
bool wire_line(struct wire *w, struct slice *line);
/* Bytes have come that wire_line() has not given out. */
bool wire_has_input(const struct wire *w);

/* Stops and restarts reading; only a peer that is gone altogether is still reported. */
void wire_pause(struct wire *w, bool pauses);

/* Queues bytes for wire_flush(); false when the peer has left too much unread. */
MUST_USE bool wire_say(struct wire *w, struct slice bytes);
enum wire_state wire_flush(struct wire *w);
/* Writes past the queue, which must be empty. *taken is how much went, also with WIRE_BLOCKED. */
enum wire_state wire_send(struct wire *w, struct slice bytes, size_t *taken);

/* TLS from here on: call wire_handshake() now and at every event until it is WIRE_OK. */
void wire_start_tls(struct wire *w, SSL_CTX *ctx, bool is_server);
enum wire_state wire_handshake(struct wire *w);

/* TLS 1.2 and newer, every session fresh: no tickets, no cache. NULL certificate: a client, which believes any
 * server. Ends the program with a message when the files cannot be used. */
SSL_CTX *wire_tls_context(const char *certificate, const char *key);

/* "127.0.0.1:2525"; ends the program with a message when it is none. */
struct sockaddr_in wire_address(const char *text);
/* A whole number between `least` and `most`, or the end of the program with a message naming `option`. */
uint64_t wire_number(const char *option, const char *text, uint64_t least, uint64_t most);

/* As many open files as the system lets us have. */
void wire_raise_files(void);
/* Monotonic seconds, comparable between programs on one machine. */
double wire_now(void);
/* Seconds of processor time this program has used. */
double wire_cpu(void);

#endif
