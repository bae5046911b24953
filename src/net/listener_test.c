#include "base/test.h"
#include "net/listener.h"
#include "net/loop.h"
#include "net/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

static struct listener open_on(const char *at)
{
    struct net_address a;
    struct listener l;
    struct fault why = { "" };

    CHECK(net_address_parse_with_port(slice_str(at), &a, &why) == OK);
    if (listener_open(&l, &a, true, &why) != OK)
        fail_msg("%s", why.text);
    return l;
}

static bool wait_for(int fd, short events)
{
    struct pollfd p = { .fd = fd, .events = events };

    return poll(&p, 1, 5000) == 1;
}

static struct stream connect_to(const struct listener *l)
{
    struct net_address a;
    struct stream s;
    struct fault why = { "" };

    listener_address(l, &a);
    if (stream_connect(&s, &a, NULL, &why) != OK)
        fail_msg("%s", why.text);
    return s;
}

TEST(accepts_with_the_peers_address)
{
    static const char *const at[] = { "127.0.0.1:0", "[::1]:0" };

    for (size_t i = 0; i < COUNT_OF(at); i++) {
        struct listener l = open_on(at[i]);
        struct net_address peer, local;
        struct stream client;
        socklen_t len = sizeof(int);
        int fd, nodelay = 0;

        CHECK(listener_accept(&l, &fd, &peer) == LISTENER_NONE);
        client = connect_to(&l);
        CHECK(wait_for(l.fd, POLLIN));
        CHECK(listener_accept(&l, &fd, &peer) == LISTENER_ACCEPTED);
        CHECK(wait_for(client.fd, POLLOUT));
        CHECK(stream_connected(&client) == STREAM_OK);
        local.len = sizeof local.sa;
        CHECK(getsockname(client.fd, &local.sa.any, &local.len) == 0);
        CHECK(net_address_same_ip(&peer, &local) && net_address_port(&peer) == net_address_port(&local));
        CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
        CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        CHECK(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &nodelay, &len) == 0 && nodelay != 0);
        close(fd);
        stream_close(&client);
        listener_close(&l);
        listener_close(&l);
    }
}

TEST(shared_by_workers_but_not_by_a_second_daemon)
{
    struct listener first = open_on("127.0.0.1:0"), worker, daemon;
    struct net_address at;
    struct fault why = { "" };

    listener_address(&first, &at);
    CHECK(listener_open(&worker, &at, false, &why) == OK);
    CHECK(listener_open(&daemon, &at, true, &why) == ERR_CONFLICT);
    CHECK(strstr(why.text, "ss -ltnp") != NULL);
    listener_close(&worker);
    listener_close(&first);
}

TEST(says_when_an_address_is_not_ours)
{
    struct net_address at;
    struct listener l;
    struct fault why = { "" };

    CHECK(net_address_parse_with_port(SLICE_LIT("192.0.2.1:2525"), &at, NULL) == OK);
    CHECK(listener_open(&l, &at, true, &why) == ERR_PERMANENT);
    CHECK(strstr(why.text, "192.0.2.1:2525") != NULL);
    CHECK_INT(l.fd, -1);
}

/* SRV-12: no spinning, and recovery as soon as a descriptor is free. */
TEST(runs_out_of_descriptors)
{
    struct listener l = open_on("127.0.0.1:0");
    struct stream a = connect_to(&l), b = connect_to(&l);
    struct rlimit before, low;
    struct net_address peer;
    char byte;
    int fd;

    CHECK(wait_for(l.fd, POLLIN) && wait_for(b.fd, POLLOUT));
    CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
    low = before;
    low.rlim_cur = (rlim_t)b.fd + 1;
    CHECK(setrlimit(RLIMIT_NOFILE, &low) == 0);
    CHECK(listener_accept(&l, &fd, &peer) == LISTENER_FULL);
    CHECK(wait_for(a.fd, POLLIN) && read(a.fd, &byte, 1) == 0); /* turned away, not left to wait */
    CHECK(l.spare_fd >= 0);
    CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(listener_accept(&l, &fd, &peer) == LISTENER_ACCEPTED);
    close(fd);
    stream_close(&a);
    stream_close(&b);
    listener_close(&l);
}

RUN_TESTS(T(accepts_with_the_peers_address), T(shared_by_workers_but_not_by_a_second_daemon),
          T(says_when_an_address_is_not_ours), T(runs_out_of_descriptors))
