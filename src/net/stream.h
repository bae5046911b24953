/* net/stream.h: one connection, TCP first and TLS over it when started. Non-blocking; driven by the owner's loop. */
#ifndef STERNPOST_NET_STREAM_H
#define STERNPOST_NET_STREAM_H

#include "base/slice.h"
#include "net/address.h"
#include "policy/tls_facts.h"

struct ssl_st;
struct tls_server; /* net/tls_server.h */
struct tls_client; /* net/tls_client.h */
struct tls_target; /* net/tls_client.h */

enum stream_result {
    STREAM_OK,
    STREAM_AGAIN,   /* wait until stream_wants() is ready, then call again */
    STREAM_END,     /* the peer closed properly (FIN, or close_notify when in TLS) */
    STREAM_BROKEN,  /* reset, truncated TLS (TLS-22), alert; stream_error() tells */
};

/* Fields are private to stream.c. */
struct stream {
    int               fd;
    struct ssl_st    *ssl;
    unsigned          wants;
    bool              is_shaken;   /* the handshake is done */
    bool              is_broken;   /* nothing more is said, no close_notify either */
    bool              is_drained;  /* what TLS holds is less than a record */
    bool              saw_end;     /* nothing more is read, not even from the TCP below (TLS-21) */
    bool              has_no_route; /* stream_connect() failed since this machine has no way there: of no IPv6, most often */
    bool              is_foreign;  /* the session is not of tls_client or tls_server */
    char              error[160];
};

void stream_init(struct stream *s, int fd); /* takes the descriptor; sets O_NONBLOCK and TCP_NODELAY */
/* The same without system calls, for a descriptor of listener_accept(), where both are set. */
void stream_init_accepted(struct stream *s, int fd);
void stream_close(struct stream *s);        /* close_notify when it can be had at once, then close; idempotent */

/* Non-blocking connect; *out is a stream whose connect finishes with the first write readiness. `from` may be NULL. */
MUST_USE enum status stream_connect(struct stream *out, const struct net_address *to, const struct net_address *from,
                                    struct fault *why);
/* After write readiness: did it connect? STREAM_OK, STREAM_AGAIN or STREAM_BROKEN. */
enum stream_result stream_connected(struct stream *s);

/* Reads up to `size` bytes; *got > 0 on STREAM_OK. */
enum stream_result stream_read(struct stream *s, char *out, size_t size, size_t *got);
/* Writes what goes at once; *put may be less than all on STREAM_OK and is 0 on STREAM_AGAIN. In TLS the bytes that
 * were left, and more behind them if there are, must be offered next. */
enum stream_result stream_write(struct stream *s, struct slice bytes, size_t *put);

/* Starts TLS; the tls_server or tls_client outlives the stream. Nothing read from the TCP may be in the caller's hands (TLS-03: the caller asserts). Then call
 * stream_handshake() until it is not STREAM_AGAIN. */
void stream_start_server(struct stream *s, struct tls_server *tls);
void stream_start_client(struct stream *s, struct tls_client *tls, const struct tls_target *target);
/* The same with a client session that the caller made, and takes the facts of; the stream frees it. */
void stream_start_session(struct stream *s, struct ssl_st *ssl);
enum stream_result stream_handshake(struct stream *s);

/* Says that nothing more is written: close_notify, where it goes at once, then FIN. Only stream_drop() or
 * stream_close() comes after it. */
void stream_finish(struct stream *s);
/* Takes what still comes, beneath TLS, and throws it away, so that the peer reads the last words and no reset. */
enum stream_result stream_drop(struct stream *s, size_t *got);

bool stream_is_tls(const struct stream *s);
/* What the last call waited for: LOOP_READ and/or LOOP_WRITE (net/loop.h). */
unsigned stream_wants(const struct stream *s);
/* True when TLS holds decrypted bytes that no readiness will announce: read again before sleeping. */
bool stream_has_pending(const struct stream *s);
const char *stream_error(const struct stream *s);
/* Facts of the finished (or failed) handshake. For a client, judged against its target. */
void stream_tls_facts(const struct stream *s, struct tls_facts *out);
/* For a server in TLS: the same, with the client's certificate judged by a bundle (NULL: the system's) and names. */
void stream_tls_judge(const struct stream *s, const char *ca_file, const struct slice *names, size_t names_len,
                      struct tls_facts *out);

#endif
