/* net/stream_pair.h: both ends of a connection over loopback, and certificates for them; for tests. */
#ifndef STERNPOST_NET_STREAM_PAIR_H
#define STERNPOST_NET_STREAM_PAIR_H

#include "base/test.h"
#include "net/listener.h"
#include "net/loop.h"
#include "net/minica.h"
#include "net/stream.h"
#include "net/tls_client.h"
#include "net/tls_server.h"

#include <poll.h>
#include <unistd.h>

enum { PAIR_WAIT_MS = 10000 };

struct pair {
    struct stream client, server;
};

static inline void wait_until(struct stream *s)
{
    unsigned wants = stream_wants(s);
    struct pollfd p = { .fd = s->fd };

    p.events = (short)((wants & LOOP_READ ? POLLIN : 0) | (wants & LOOP_WRITE ? POLLOUT : 0));
    if (poll(&p, 1, PAIR_WAIT_MS) != 1)
        fail_msg("nothing came in %d ms", PAIR_WAIT_MS);
}

static inline void pair_open(struct pair *p)
{
    struct net_address at, peer;
    struct listener l;
    struct pollfd waits = { .events = POLLIN };
    struct fault why = { "" };
    int fd;

    CHECK(net_address_parse(SLICE_LIT("127.0.0.1"), 0, &at) == OK);
    if (listener_open(&l, &at, true, &why) != OK)
        fail_msg("%s", why.text);
    listener_address(&l, &at);
    CHECK(stream_connect(&p->client, &at, NULL, &why) == OK);
    waits.fd = l.fd;
    CHECK(poll(&waits, 1, PAIR_WAIT_MS) == 1);
    CHECK(listener_accept(&l, &fd, &peer) == LISTENER_ACCEPTED);
    stream_init_accepted(&p->server, fd);
    wait_until(&p->client);
    CHECK(stream_connected(&p->client) == STREAM_OK);
    listener_close(&l);
}

static inline void pair_close(struct pair *p)
{
    stream_close(&p->client);
    stream_close(&p->server);
}

/* Turns both handshakes until both are over. When one breaks its socket is shut, as its owner would do. */
static inline void pair_shake(struct pair *p, enum stream_result *client, enum stream_result *server)
{
    struct pollfd both[2] = { { .fd = p->client.fd, .events = POLLIN }, { .fd = p->server.fd, .events = POLLIN } };

    *client = *server = STREAM_AGAIN;
    for (int round = 0; round < 1000; round++) {
        if (*client == STREAM_AGAIN)
            *client = stream_handshake(&p->client);
        if (*server == STREAM_AGAIN)
            *server = stream_handshake(&p->server);
        if (*client == STREAM_BROKEN)
            (void)shutdown(p->client.fd, SHUT_WR);
        if (*server == STREAM_BROKEN)
            (void)shutdown(p->server.fd, SHUT_WR);
        if (*client != STREAM_AGAIN && *server != STREAM_AGAIN)
            return;
        (void)poll(both, 2, 10);
    }
    fail_msg("the handshake does not end");
}

static inline void must_shake(struct pair *p)
{
    enum stream_result client, server;

    pair_shake(p, &client, &server);
    if (client != STREAM_OK || server != STREAM_OK)
        fail_msg("handshake: client '%s', server '%s'", stream_error(&p->client), stream_error(&p->server));
}

/* Reads once, waiting for something to read. */
static inline enum stream_result read_some(struct stream *s, char *out, size_t size, size_t *got)
{
    enum stream_result r = stream_read(s, out, size, got);

    while (r == STREAM_AGAIN) {
        wait_until(s);
        r = stream_read(s, out, size, got);
    }
    return r;
}

/* A few bytes, which go at once, from one end to the other. */
static inline void say(struct stream *from, struct stream *to, const char *text)
{
    char got[200];
    size_t put, len, all = 0, want = strlen(text);

    CHECK(stream_write(from, slice_str(text), &put) == STREAM_OK && put == want);
    while (all < want) {
        CHECK(read_some(to, got + all, sizeof got - all, &len) == STREAM_OK);
        all += len;
    }
    CHECK_STR(slice_of(got, all), text);
}

/* A folder of its own for the files of a test. */
struct folder {
    char path[64];
    char file[16][128];
    int  files;
};

static inline void folder_make(struct folder *f)
{
    *f = (struct folder){ .path = "/tmp/sternpost-test-XXXXXX" };
    CHECK(mkdtemp(f->path) != NULL);
}

static inline const char *folder_file(struct folder *f, const char *name)
{
    char path[128];

    (void)snprintf(path, sizeof path, "%s/%s", f->path, name);
    for (int i = 0; i < f->files; i++)
        if (strcmp(f->file[i], path) == 0)
            return f->file[i];
    CHECK((size_t)f->files < COUNT_OF(f->file));
    (void)snprintf(f->file[f->files], sizeof f->file[0], "%s", path);
    return f->file[f->files++];
}

static inline void folder_remove(struct folder *f)
{
    for (int i = 0; i < f->files; i++)
        (void)unlink(f->file[i]);
    CHECK(rmdir(f->path) == 0);
}

static inline void issue(const struct minica *ca, struct folder *f, const struct minica_leaf *leaf, const char *chain,
                         const char *key)
{
    struct fault why = { "" };

    if (minica_issue(ca, leaf, folder_file(f, chain), folder_file(f, key), &why) != OK)
        fail_msg("%s", why.text);
}

#endif
