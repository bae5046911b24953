/* net/https_fixture.h: a web server on the test's own loop that answers every request with the same bytes; for tests. */
#ifndef STERNPOST_NET_HTTPS_FIXTURE_H
#define STERNPOST_NET_HTTPS_FIXTURE_H

#include "base/memory.h"
#include "net/https.h"
#include "net/stream_pair.h"

#include <openssl/ssl.h>

enum { WEB_VISITS = 32, WEB_DRIP_MS = 20 };

enum web_manner {
    WEB_ANSWERS,
    WEB_DRIPS,        /* a byte every WEB_DRIP_MS */
    WEB_STALLS,       /* reads the request and says nothing */
    WEB_STALLS_IN_TLS, /* accepts and says nothing */
    WEB_RESETS,       /* closes when the request has come */
};

struct web_visit {
    struct loop_io   io; /* first */
    struct loop_timer drip;
    struct web_site *site;
    struct stream    stream;
    char             in[64 * 1024];
    size_t           in_len, out_len; /* of the answer and the filling behind it */
    bool             is_open, is_shaken, is_asked;
};

struct web_site {
    struct loop       *loop;
    struct loop_io     io;
    struct listener    listener;
    SSL_CTX           *tls;     /* that of mail servers lets no ALPN of HTTP in */
    uint16_t           port;
    enum web_manner    manner;
    const char        *answer;
    size_t             filling; /* so many 'x' come behind the answer */
    int                visits_len, requests;
    struct web_visit   visits[WEB_VISITS];
    struct slice       request; /* the last whole one */
};

static inline void web_leave(struct web_visit *v)
{
    if (!v->is_open)
        return;
    loop_unwatch(v->site->loop, &v->io);
    loop_timer_clear(v->site->loop, &v->drip);
    stream_close(&v->stream);
    v->is_open = false;
}

static inline enum stream_result web_write(struct web_visit *v, size_t most)
{
    static char filling[16 * 1024];
    size_t head = strlen(v->site->answer), put = 0;
    struct slice out = v->out_len < head
                           ? slice_from(slice_str(v->site->answer), v->out_len)
                           : slice_first(slice_of(filling, sizeof filling), v->site->filling - (v->out_len - head));
    enum stream_result r;

    memset(filling, 'x', sizeof filling);
    r = stream_write(&v->stream, slice_first(out, most), &put);
    v->out_len += put;
    return r;
}

static inline bool web_is_said(const struct web_visit *v)
{
    return v->out_len == strlen(v->site->answer) + v->site->filling;
}

static inline void web_say(struct web_visit *v)
{
    enum stream_result r = STREAM_OK;

    while (r == STREAM_OK && !web_is_said(v))
        r = web_write(v, SIZE_MAX);
    if (r == STREAM_AGAIN)
        loop_watch(v->site->loop, &v->io, v->stream.fd, stream_wants(&v->stream));
    else
        web_leave(v);
}

static inline void web_drip(struct loop_timer *t)
{
    struct web_visit *v = CONTAINER_OF(t, struct web_visit, drip);

    if (web_write(v, 1) == STREAM_BROKEN || web_is_said(v))
        web_leave(v);
    else
        loop_timer_set(v->site->loop, t, WEB_DRIP_MS);
}

static inline bool web_is_asked(struct web_visit *v)
{
    const char *end = memmem(v->in, v->in_len, "\r\n\r\n", 4);
    const char *length = memmem(v->in, v->in_len, "Content-Length: ", 16);
    size_t body = length == NULL ? 0 : (size_t)strtoul(length + 16, NULL, 10);

    return end != NULL && v->in_len >= (size_t)(end + 4 - v->in) + body;
}

static inline void web_asked(struct web_visit *v)
{
    struct web_site *s = v->site;

    v->is_asked = true;
    s->requests++;
    s->request = slice_of(v->in, v->in_len);
    if (s->manner == WEB_RESETS)
        web_leave(v);
    else if (s->manner == WEB_STALLS)
        loop_watch(s->loop, &v->io, v->stream.fd, 0);
    else if (s->manner == WEB_DRIPS)
        loop_timer_set(s->loop, &v->drip, WEB_DRIP_MS);
    else
        web_say(v);
}

static inline void web_listen(struct web_visit *v)
{
    size_t got;
    enum stream_result r = STREAM_OK;

    while (r == STREAM_OK && !web_is_asked(v)) {
        CHECK(v->in_len < sizeof v->in);
        r = stream_read(&v->stream, v->in + v->in_len, sizeof v->in - v->in_len, &got);
        v->in_len += r == STREAM_OK ? got : 0;
    }
    if (r == STREAM_OK)
        web_asked(v);
    else if (r != STREAM_AGAIN)
        web_leave(v);
    else
        loop_watch(v->site->loop, &v->io, v->stream.fd, stream_wants(&v->stream));
}

static inline void web_visit_ready(struct loop_io *io, unsigned events)
{
    struct web_visit *v = CONTAINER_OF(io, struct web_visit, io);

    (void)events;
    if (v->site->manner == WEB_STALLS_IN_TLS || (v->is_asked && v->site->manner != WEB_ANSWERS)) {
        loop_unwatch(v->site->loop, io);
        return;
    }
    if (!v->is_shaken) {
        enum stream_result r = stream_handshake(&v->stream);

        if (r == STREAM_AGAIN)
            loop_watch(v->site->loop, io, v->stream.fd, stream_wants(&v->stream));
        if (r != STREAM_OK && r != STREAM_AGAIN)
            web_leave(v);
        if (r != STREAM_OK)
            return;
        v->is_shaken = true;
    }
    if (v->is_asked)
        web_say(v);
    else
        web_listen(v);
}

static inline void web_ready(struct loop_io *io, unsigned events)
{
    struct web_site *s = CONTAINER_OF(io, struct web_site, io);
    struct web_visit *v = &s->visits[s->visits_len];
    struct net_address peer;
    int fd;

    (void)events;
    if (listener_accept(&s->listener, &fd, &peer) != LISTENER_ACCEPTED)
        return;
    CHECK(s->visits_len++ < WEB_VISITS);
    v->site = s;
    v->is_open = true;
    v->io.ready = web_visit_ready;
    v->drip.fire = web_drip;
    stream_init_accepted(&v->stream, fd);
    v->stream.ssl = SSL_new(s->tls);
    CHECK(SSL_set_fd(v->stream.ssl, fd) == 1);
    SSL_set_accept_state(v->stream.ssl);
    loop_watch(s->loop, &v->io, fd, LOOP_READ);
}

/* On a port of 127.0.0.1 that the kernel chooses. `s` is zeroed, but for what it should answer. */
static inline void web_open(struct web_site *s, struct loop *loop, const char *chain_file, const char *key_file)
{
    struct net_address at;
    struct fault why = { "" };

    s->loop = loop;
    s->tls = SSL_CTX_new(TLS_server_method());
    CHECK(SSL_CTX_use_certificate_chain_file(s->tls, chain_file) == 1);
    CHECK(SSL_CTX_use_PrivateKey_file(s->tls, key_file, SSL_FILETYPE_PEM) == 1);
    s->io.ready = web_ready;
    CHECK(net_address_parse(SLICE_LIT("127.0.0.1"), 0, &at) == OK);
    if (listener_open(&s->listener, &at, true, &why) != OK)
        fail_msg("%s", why.text);
    listener_address(&s->listener, &at);
    s->port = net_address_port(&at);
    loop_watch(loop, &s->io, s->listener.fd, LOOP_READ);
}

static inline void web_close(struct web_site *s)
{
    for (int i = 0; i < s->visits_len; i++)
        web_leave(&s->visits[i]);
    loop_unwatch(s->loop, &s->io);
    listener_close(&s->listener);
    SSL_CTX_free(s->tls);
}

#endif
