/* relay/script_peer.h: a server that does what a script says, on a thread of its own at a loopback address; for tests.
 *
 * One script for each connection, in order, a word and its text a line:
 *   S text    says the line                            C text    hears a line that begins so
 *   X text    says it at once, "|" for each line end   B         hears content up to its dot, and keeps it
 *   T         shakes hands                             D         speaks TLS in drops until the client has enough
 *   Z         resets the connection                    W         waits until the client closes
 *   R         reads something, whatever it is
 * At the end of its script a connection is closed. What does not go by the script stands in `error`. */
#ifndef STERNPOST_RELAY_SCRIPT_PEER_H
#define STERNPOST_RELAY_SCRIPT_PEER_H

#include "net/tls_fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

enum { SCRIPT_BODY_MAX = 2 * 1024 * 1024, SCRIPT_WAIT_MS = 10000, SCRIPT_MOST = 8 };

struct script_peer {
    struct listener listener;
    struct net_address at;
    struct tls_server *tls; /* borrowed; NULL: no T */
    const char *scripts[SCRIPT_MOST];
    bool is_lenient; /* a script that is not followed is no error */
    pthread_t thread;
    atomic_bool is_ending;
    char error[400];
    char *body; /* of all connections, one after the other */
    _Atomic size_t body_len; /* written behind what it counts: tests look while the peer runs */
};

struct scripted {
    struct script_peer *peer;
    struct stream stream;
    char in[8192];
    size_t in_len;
};

static inline bool script_fail(struct scripted *c, const char *line, const char *what)
{
    if (c->peer->error[0] == '\0' && !c->peer->is_lenient && !atomic_load(&c->peer->is_ending))
        (void)snprintf(c->peer->error, sizeof c->peer->error, "at '%.60s': %s", line, what);
    return false;
}

static inline bool script_wait(struct scripted *c)
{
    struct pollfd p = { .fd = c->stream.fd };
    unsigned wants = stream_wants(&c->stream);

    p.events = (short)((wants & LOOP_READ ? POLLIN : 0) | (wants & LOOP_WRITE ? POLLOUT : 0));
    for (int waited = 0; waited < SCRIPT_WAIT_MS && !atomic_load(&c->peer->is_ending); waited += 100)
        if (poll(&p, 1, 100) > 0)
            return true;
    return false;
}

static inline bool script_say(struct scripted *c, struct slice text)
{
    while (text.len > 0) {
        size_t put = 0;
        enum stream_result r = stream_write(&c->stream, text, &put);

        if (r != STREAM_OK && (r != STREAM_AGAIN || !script_wait(c)))
            return false;
        text = slice_from(text, put);
    }
    return true;
}

/* False: the client is gone, or silent for too long. */
static inline bool script_read(struct scripted *c)
{
    size_t got;

    for (;;) {
        switch (stream_read(&c->stream, c->in + c->in_len, sizeof c->in - c->in_len, &got)) {
        case STREAM_OK: c->in_len += got; return true;
        case STREAM_AGAIN:
            if (!script_wait(c))
                return false;
            break;
        case STREAM_END:
        case STREAM_BROKEN: return false;
        }
    }
}

static inline void script_take(struct scripted *c, size_t len)
{
    memmove(c->in, c->in + len, c->in_len - len);
    c->in_len -= len;
}

static inline bool script_say_at_once(struct scripted *c, struct slice text)
{
    char out[400];
    size_t len = 0;

    for (size_t i = 0; i < text.len && len + 2 <= sizeof out; i++) {
        if (text.ptr[i] == '|')
            out[len++] = '\r';
        out[len++] = (char)(text.ptr[i] == '|' ? '\n' : text.ptr[i]);
    }
    return script_say(c, slice_of(out, len));
}

static inline bool script_hear(struct scripted *c, const char *line, struct slice wanted)
{
    size_t end;

    while ((end = slice_find(slice_of(c->in, c->in_len), '\n')) == SIZE_MAX)
        if (c->in_len == sizeof c->in || !script_read(c))
            return script_fail(c, line, "no line came");
    if (end < wanted.len || memcmp(c->in, wanted.ptr, wanted.len) != 0) {
        char what[160];

        (void)snprintf(what, sizeof what, "heard '%.*s'", (int)(end < 100 ? end : 100), c->in);
        return script_fail(c, line, what);
    }
    script_take(c, end + 1);
    return true;
}

static inline bool script_hear_body(struct scripted *c, const char *line)
{
    struct script_peer *p = c->peer;
    size_t start = p->body_len;

    for (;;) {
        size_t room = SCRIPT_BODY_MAX - p->body_len, len = c->in_len < room ? c->in_len : room;

        memcpy(p->body + p->body_len, c->in, len);
        p->body_len += len;
        script_take(c, len);
        if (p->body_len - start >= 5 && memcmp(p->body + p->body_len - 5, "\r\n.\r\n", 5) == 0)
            return true;
        if (len == room || !script_read(c))
            return script_fail(c, line, "the content did not end");
    }
}

static inline bool script_shake(struct scripted *c)
{
    enum stream_result r;

    stream_start_server(&c->stream, c->peer->tls);
    while ((r = stream_handshake(&c->stream)) == STREAM_AGAIN)
        if (!script_wait(c))
            return false;
    return r == STREAM_OK;
}

/* The head of a record that never comes whole, in drops. */
static inline bool script_drip(struct scripted *c)
{
    static const char head[] = { 0x16, 0x03, 0x03, 0x3f, 0x00, 0x02 };

    for (size_t i = 0; i < 60 && !atomic_load(&c->peer->is_ending); i++) {
        char drop = i < sizeof head ? head[i] : 0;

        if (send(c->stream.fd, &drop, 1, MSG_NOSIGNAL) != 1)
            return false;
        (void)poll(NULL, 0, 50);
    }
    return false;
}

static inline bool script_reset(struct scripted *c)
{
    const struct linger now = { .l_onoff = 1 };

    (void)setsockopt(c->stream.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    return false;
}

static inline bool script_step(struct scripted *c, const char *line, struct slice text)
{
    switch (line[0]) {
    case 'S': return script_say(c, text) && script_say(c, SLICE_LIT("\r\n"));
    case 'X': return script_say_at_once(c, text);
    case 'C': return script_hear(c, line, text);
    case 'B': return script_hear_body(c, line);
    case 'T': return script_shake(c);
    case 'D': return script_drip(c);
    case 'Z': return script_reset(c);
    case 'R': c->in_len = 0; return script_read(c);
    case 'W':
        while (script_read(c))
            c->in_len = 0;
        return true;
    default: return script_fail(c, line, "no such word");
    }
}

static inline void script_play(struct script_peer *p, const char *script, int fd)
{
    struct scripted *c = calloc(1, sizeof *c);
    bool goes_on = true;

    c->peer = p;
    stream_init_accepted(&c->stream, fd);
    while (goes_on && *script != '\0') {
        size_t len = strcspn(script, "\n");

        goes_on = script_step(c, script, len > 2 ? slice_of(script + 2, len - 2) : slice_of(NULL, 0));
        script += len + (script[len] == '\n');
    }
    stream_close(&c->stream);
    free(c);
}

static inline void *script_peer_main(void *arg)
{
    struct script_peer *p = arg;

    for (size_t i = 0; i < SCRIPT_MOST && p->scripts[i] != NULL && !atomic_load(&p->is_ending);) {
        struct pollfd waits = { .fd = p->listener.fd, .events = POLLIN };
        struct net_address from;
        int fd;

        if (poll(&waits, 1, 50) == 1 && listener_accept(&p->listener, &fd, &from) == LISTENER_ACCEPTED)
            script_play(p, p->scripts[i++], fd);
    }
    return NULL;
}

/* Listens at a port of 127.0.0.2 that the kernel chooses: `at`. Set scripts and TLS before script_peer_start(). */
static inline void script_peer_open(struct script_peer *p)
{
    struct fault why = { "" };

    *p = (struct script_peer){ .body = malloc(SCRIPT_BODY_MAX) };
    CHECK(net_address_parse(SLICE_LIT("127.0.0.2"), 0, &p->at) == OK);
    if (listener_open(&p->listener, &p->at, true, &why) != OK)
        fail_msg("%s", why.text);
    listener_address(&p->listener, &p->at);
}

static inline void script_peer_start(struct script_peer *p)
{
    CHECK(pthread_create(&p->thread, NULL, script_peer_main, p) == 0);
}

/* Waits until the scripts are over, or cuts them off; fails the test where one was not followed. */
static inline void script_peer_close(struct script_peer *p, const char *name, bool waits)
{
    atomic_store(&p->is_ending, !waits);
    pthread_join(p->thread, NULL);
    listener_close(&p->listener);
    free(p->body);
    if (p->error[0] != '\0')
        fail_msg("case '%s': the peer %s", name, p->error);
}

#endif
