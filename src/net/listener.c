#include "net/listener.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { BACKLOG = 511 };

static enum status why_not(const struct net_address *at, struct fault *why)
{
    char text[NET_ADDRESS_TEXT];

    net_address_text(at, text);
    switch (errno) {
    case EADDRINUSE:
        return fault_set(why, ERR_CONFLICT,
                         "cannot listen on %s: another program does already; see 'ss -ltnp' for which, and stop it",
                         text);
    case EADDRNOTAVAIL:
        return fault_set(why, ERR_PERMANENT, "cannot listen on %s: no interface of this machine has that address",
                         text);
    case EACCES:
        return fault_set(why, ERR_PERMANENT,
                         "cannot listen on %s: ports below 1024 need CAP_NET_BIND_SERVICE (the systemd unit gives it)",
                         text);
    default: return fault_errno(why, "cannot listen on %s", text);
    }
}

static bool set_option(int fd, int level, int name)
{
    const int on = 1;

    return setsockopt(fd, level, name, &on, sizeof on) == 0;
}

/* The first one binds before it shares: with SO_REUSEPORT set beforehand, a second daemon would quietly take half of
 * the connections. */
static bool bind_and_listen(int fd, const struct net_address *at, bool is_first)
{
    if (!set_option(fd, SOL_SOCKET, SO_REUSEADDR) || !set_option(fd, IPPROTO_TCP, TCP_NODELAY))
        return false;
    if (at->sa.any.sa_family == AF_INET6 && !set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY))
        return false;
    if (!is_first && !set_option(fd, SOL_SOCKET, SO_REUSEPORT))
        return false;
    if (bind(fd, &at->sa.any, at->len) != 0)
        return false;
    if (is_first && !set_option(fd, SOL_SOCKET, SO_REUSEPORT))
        return false;
    return listen(fd, BACKLOG) == 0;
}

enum status listener_open(struct listener *out, const struct net_address *at, bool is_first, struct fault *why)
{
    int fd = socket(at->sa.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    enum status st;

    *out = (struct listener){ .fd = -1, .spare_fd = -1 };
    if (fd < 0)
        return why_not(at, why);
    if (!bind_and_listen(fd, at, is_first)) {
        st = why_not(at, why);
        close(fd);
        return st;
    }
    *out = (struct listener){ .fd = fd, .spare_fd = eventfd(0, EFD_CLOEXEC) };
    return OK;
}

enum status listener_open_unix(struct listener *out, const struct unix_socket *at, struct fault *why)
{
    enum status st;
    int fd;

    *out = (struct listener){ .fd = -1, .spare_fd = -1 };
    st = unix_socket_bind(at, &fd, why);
    if (st != OK)
        return st;
    if (listen(fd, BACKLOG) != 0) {
        st = fault_errno(why, "cannot listen on the %s '%s'", at->what, at->path);
        (void)unlink(at->path);
        close(fd);
        return st;
    }
    *out = (struct listener){ .fd = fd, .spare_fd = eventfd(0, EFD_CLOEXEC) };
    return OK;
}

void listener_close(struct listener *l)
{
    if (l->fd >= 0)
        close(l->fd);
    if (l->spare_fd >= 0)
        close(l->spare_fd);
    *l = (struct listener){ .fd = -1, .spare_fd = -1 };
}

void listener_address(const struct listener *l, struct net_address *out)
{
    *out = (struct net_address){ .len = sizeof out->sa };
    (void)getsockname(l->fd, &out->sa.any, &out->len);
}

/* A peer that nobody accepts would keep the socket readable and its own sender waiting for minutes. */
static void turn_one_away(struct listener *l)
{
    int fd;

    if (l->spare_fd >= 0)
        close(l->spare_fd);
    fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0)
        close(fd);
    l->spare_fd = eventfd(0, EFD_CLOEXEC);
}

enum listener_result listener_accept(struct listener *l, int *fd, struct net_address *peer)
{
    for (;;) {
        peer->len = sizeof peer->sa;
        *fd = accept4(l->fd, &peer->sa.any, &peer->len, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (*fd >= 0)
            return LISTENER_ACCEPTED;
        switch (errno) {
        case EAGAIN: return LISTENER_NONE;
        case EMFILE:
        case ENFILE:
        case ENOBUFS:
        case ENOMEM: turn_one_away(l); return LISTENER_FULL;
        default: break; /* errors of that one connection, which is gone from the queue now: accept(2) */
        }
    }
}
