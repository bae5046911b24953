#include "net/stream.h"

#include "net/loop.h"
#include "net/stream_tls.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <unistd.h>

void stream_init_accepted(struct stream *s, int fd)
{
    *s = (struct stream){ .fd = fd };
}

void stream_init(struct stream *s, int fd)
{
    const int on = 1;
    int flags = fcntl(fd, F_GETFL);

    stream_init_accepted(s, fd);
    (void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void stream_close(struct stream *s)
{
    if (s->ssl != NULL)
        stream_tls_close(s);
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

static enum stream_result broken(struct stream *s, const char *what, int err)
{
    s->is_broken = true;
    (void)snprintf(s->error, sizeof s->error, "%s: %s", what, strerror(err));
    return STREAM_BROKEN;
}

static enum stream_result again(struct stream *s, unsigned wants)
{
    s->wants = wants;
    return STREAM_AGAIN;
}

/* The port is chosen when the connection is made, so that thousands may leave from one address (ip(7)). */
static bool bind_from(int fd, const struct net_address *from)
{
    const int on = 1;

    (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    return bind(fd, &from->sa.any, from->len) == 0;
}

enum status stream_connect(struct stream *out, const struct net_address *to, const struct net_address *from,
                           struct fault *why)
{
    char text[NET_ADDRESS_TEXT];
    enum status st;
    int fd = socket(to->sa.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    *out = (struct stream){ .fd = -1, .has_no_route = fd < 0 && errno == EAFNOSUPPORT };
    if (fd < 0)
        return fault_errno(why, "cannot create a socket for %s", net_address_text(to, text));
    stream_init(out, fd);
    if (from != NULL && !bind_from(fd, from)) {
        st = fault_errno(why, "cannot send from %s", net_address_ip(from, text));
        goto fail;
    }
    if (connect(fd, &to->sa.any, to->len) != 0 && errno != EINPROGRESS) {
        out->has_no_route = errno == ENETUNREACH;
        st = fault_errno(why, "cannot connect to %s", net_address_text(to, text));
        goto fail;
    }
    out->wants = LOOP_WRITE;
    return OK;
fail:
    stream_close(out);
    return st;
}

enum stream_result stream_connected(struct stream *s)
{
    struct sockaddr_storage peer;
    socklen_t peer_len = sizeof peer, err_len = sizeof(int);
    int err = 0;

    if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &err, &err_len) != 0)
        err = errno;
    if (err != 0)
        return broken(s, "cannot connect", err);
    if (getpeername(s->fd, (struct sockaddr *)&peer, &peer_len) == 0)
        return STREAM_OK;
    return errno == ENOTCONN ? again(s, LOOP_WRITE) : broken(s, "cannot connect", errno);
}

static enum stream_result tcp_read(struct stream *s, char *out, size_t size, size_t *got)
{
    ssize_t n;

    do
        n = recv(s->fd, out, size, 0);
    while (n < 0 && errno == EINTR);
    if (n > 0) {
        *got = (size_t)n;
        return STREAM_OK;
    }
    if (n < 0 && errno == EAGAIN)
        return again(s, LOOP_READ);
    if (n < 0)
        return broken(s, "connection lost while reading", errno);
    s->saw_end = true;
    return STREAM_END;
}

static enum stream_result tcp_write(struct stream *s, struct slice bytes, size_t *put)
{
    ssize_t n;

    do
        n = send(s->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n >= 0) {
        *put = (size_t)n;
        return STREAM_OK;
    }
    if (errno == EAGAIN)
        return again(s, LOOP_WRITE);
    return broken(s, "connection lost while writing", errno);
}

enum stream_result stream_read(struct stream *s, char *out, size_t size, size_t *got)
{
    *got = 0;
    if (s->saw_end)
        return STREAM_END;
    if (s->is_broken)
        return STREAM_BROKEN;
    return s->ssl != NULL ? stream_tls_read(s, out, size, got) : tcp_read(s, out, size, got);
}

enum stream_result stream_write(struct stream *s, struct slice bytes, size_t *put)
{
    *put = 0;
    if (bytes.len == 0)
        return STREAM_OK;
    if (s->is_broken)
        return STREAM_BROKEN;
    return s->ssl != NULL ? stream_tls_write(s, bytes, put) : tcp_write(s, bytes, put);
}

void stream_finish(struct stream *s)
{
    if (s->ssl != NULL)
        stream_tls_close(s);
    (void)shutdown(s->fd, SHUT_WR);
}

enum stream_result stream_drop(struct stream *s, size_t *got)
{
    char nobody[4096];

    *got = 0;
    return tcp_read(s, nobody, sizeof nobody, got);
}

unsigned stream_wants(const struct stream *s)
{
    return s->wants;
}

const char *stream_error(const struct stream *s)
{
    return s->error;
}
