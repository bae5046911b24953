/* bench/ask.c: clients of a policy service (socketmap) in a closed loop, one question at a time on each connection, as
 * Postfix has it; or the barest server that there can be, which answers every read with the same reply. One line of
 * JSON at the end. */
#include "wire.h"

#include "base/memory.h"
#include "bridge/netstring.h"

#include <errno.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { EVENTS = 256, REPLY_ROOM = 4096, CONNECTIONS_MOST = 1000, SAMPLES_FIRST = 1 << 20, REPLY_MOST = 100000 };

static const char usage[] =
    "usage: ask --to 127.0.0.1:8461 [options]\n"
    "       ask --serve 127.0.0.1:8461 --reply TEXT\n"
    "  --connections N  at a time (50)\n"
    "  --seconds S      how long is measured (4)\n"
    "  --domains N      d0.example.test, d1.example.test, ...: each is asked for once before (1000)\n"
    "  --map NAME       (policy)\n"
    "  --expect TEXT    what every reply begins with (OK secure match=)\n"
    "  --reply TEXT     with --serve: the reply to everything\n";

struct asker {
    int fd;
    double asked;
    size_t len;
    char in[REPLY_ROOM];
};

struct run {
    struct sockaddr_in to;
    bool serves;
    unsigned connections, domains;
    double seconds;
    const char *map, *expect, *reply;

    int epoll_fd;
    struct asker *askers;
    unsigned next_domain;
    unsigned to_warm, to_answer; /* of the round in which every domain is asked for once */
    bool is_measuring;
    double started, ended;
    uint64_t odd;
    char first_odd[200];
    uint32_t *ns; /* of every answer that was measured */
    size_t ns_len, ns_cap;
};

static volatile sig_atomic_t is_stopped;

static void on_signal(int sig)
{
    (void)sig;
    is_stopped = 1;
}

static void give_up(const char *what)
{
    perror(what);
    exit(1);
}

static int make_socket(void)
{
    const int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        give_up("socket");
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    return fd;
}

static void watch(int epoll_fd, int fd, void *owner)
{
    struct epoll_event ev = { .events = EPOLLIN, .data.ptr = owner };

    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev) != 0)
        give_up("epoll_ctl");
}

/* -- the barest server ----------------------------------------------------------------------------------------- */

static void answer_one(struct run *r, int fd, struct slice reply)
{
    char room[REPLY_ROOM];
    ssize_t n = recv(fd, room, sizeof room, 0);

    if (n <= 0)
        close(fd);
    else if (send(fd, reply.ptr, reply.len, MSG_NOSIGNAL) != (ssize_t)reply.len)
        is_stopped = 1;
    (void)r;
}

static void serve(struct run *r)
{
    int listener = make_socket();
    struct buf reply;

    buf_init(&reply, REPLY_ROOM);
    if (netstring_add(&reply, slice_str(r->reply)) != OK ||
        bind(listener, (const struct sockaddr *)&r->to, sizeof r->to) != 0 || listen(listener, 511) != 0)
        give_up("listen");
    watch(r->epoll_fd, listener, NULL);
    (void)printf("listening\n");
    (void)fflush(stdout);
    while (!is_stopped) {
        struct epoll_event events[EVENTS];
        int n = epoll_wait(r->epoll_fd, events, EVENTS, 100);

        for (int i = 0; i < n; i++) {
            int fd = events[i].data.ptr == NULL ? accept4(listener, NULL, NULL, SOCK_CLOEXEC) : 0;

            if (events[i].data.ptr == NULL)
                watch(r->epoll_fd, fd, (void *)(intptr_t)(fd + 1));
            else
                answer_one(r, (int)(intptr_t)events[i].data.ptr - 1, buf_slice(&reply));
        }
    }
    buf_release(&reply);
}

/* -- clients --------------------------------------------------------------------------------------------------- */

static void ask(struct run *r, struct asker *a)
{
    char request[200], framed[240];
    int len = snprintf(request, sizeof request, "%s d%u.example.test", r->map, r->next_domain);

    if (!r->is_measuring && r->to_warm-- == 0) {
        r->to_warm = 0;
        return;
    }
    r->next_domain = (r->next_domain + 1) % r->domains;
    len = snprintf(framed, sizeof framed, "%d:%s,", len, request);
    a->asked = wire_now();
    if (send(a->fd, framed, (size_t)len, MSG_NOSIGNAL) != len)
        give_up("send");
}

static void start_measuring(struct run *r)
{
    r->is_measuring = true;
    r->started = wire_now();
    r->next_domain = 0;
    for (unsigned i = 0; i < r->connections; i++)
        ask(r, &r->askers[i]);
}

static void note(struct run *r, struct slice reply, double took)
{
    if (!slice_starts(reply, slice_str(r->expect)) && r->odd++ == 0)
        (void)slice_to_cstr(slice_first(reply, sizeof r->first_odd - 1), r->first_odd, sizeof r->first_odd);
    if (!r->is_measuring)
        return;
    r->ns = mem_grow(r->ns, r->ns_len, &r->ns_cap, sizeof *r->ns);
    r->ns[r->ns_len++] = (uint32_t)(took * 1e9);
}

static void on_answer(struct run *r, struct asker *a)
{
    ssize_t n = recv(a->fd, a->in + a->len, sizeof a->in - a->len, 0);
    struct slice reply;
    size_t used;

    if (n <= 0)
        give_up("the service closed a connection");
    a->len += (size_t)n;
    if (netstring_read(slice_of(a->in, a->len), REPLY_MOST, &reply, &used) != NETSTRING_WHOLE)
        return;
    note(r, reply, wire_now() - a->asked);
    a->len = 0;
    if (!r->is_measuring && --r->to_answer == 0)
        start_measuring(r);
    else
        ask(r, a);
}

static void run_clients(struct run *r)
{
    struct epoll_event events[EVENTS];

    r->askers = mem_new(r->connections, sizeof *r->askers);
    r->to_warm = r->to_answer = r->domains;
    for (unsigned i = 0; i < r->connections; i++) {
        struct asker *a = &r->askers[i];

        a->fd = make_socket();
        if (connect(a->fd, (const struct sockaddr *)&r->to, sizeof r->to) != 0)
            give_up("connect");
        watch(r->epoll_fd, a->fd, a);
        ask(r, a);
    }
    while (!is_stopped && !(r->is_measuring && wire_now() - r->started > r->seconds)) {
        int n = epoll_wait(r->epoll_fd, events, EVENTS, 100);

        for (int i = 0; i < n; i++)
            on_answer(r, events[i].data.ptr);
    }
    r->ended = wire_now();
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static double quantile_ms(const struct run *r, double share)
{
    return r->ns_len == 0 ? 0 : r->ns[(size_t)((double)(r->ns_len - 1) * share)] / 1e6;
}

static void report(struct run *r)
{
    qsort(r->ns, r->ns_len, sizeof *r->ns, by_size);
    (void)printf("{\"answered\": %zu, \"odd\": %llu, \"first_odd\": \"%s\", \"seconds\": %.6f, \"per_second\": %.1f, "
                 "\"p50_ms\": %.4f, \"p99_ms\": %.4f, \"max_ms\": %.4f, \"cpu_s\": %.3f}\n",
                 r->ns_len, (unsigned long long)r->odd, r->first_odd, r->ended - r->started,
                 (double)r->ns_len / (r->ended - r->started), quantile_ms(r, 0.5), quantile_ms(r, 0.99),
                 quantile_ms(r, 1), wire_cpu());
}

static const struct option long_options[] = {
    { "to", required_argument, NULL, 't' },
    { "serve", required_argument, NULL, 'S' },
    { "connections", required_argument, NULL, 'c' },
    { "seconds", required_argument, NULL, 's' },
    { "domains", required_argument, NULL, 'd' },
    { "map", required_argument, NULL, 'm' },
    { "expect", required_argument, NULL, 'e' },
    { "reply", required_argument, NULL, 'r' },
    { NULL, 0, NULL, 0 },
};

static void set_option(struct run *r, int option)
{
    switch (option) {
    case 'S':
        r->serves = true;
        r->to = wire_address(optarg);
        break;
    case 't': r->to = wire_address(optarg); break;
    case 'c': r->connections = (unsigned)wire_number("--connections", optarg, 1, CONNECTIONS_MOST); break;
    case 's': r->seconds = (double)wire_number("--seconds", optarg, 1, 3600); break;
    case 'd': r->domains = (unsigned)wire_number("--domains", optarg, 1, 1000000); break;
    case 'm': r->map = optarg; break;
    case 'e': r->expect = optarg; break;
    case 'r': r->reply = optarg; break;
    default: (void)fputs(usage, stderr); exit(2);
    }
}

int main(int argc, char **argv)
{
    static struct run r = {
        .connections = 50, .domains = 1000, .seconds = 4, .map = "policy", .expect = "OK secure match=", .reply = "OK"
    };
    int option;

    while ((option = getopt_long(argc, argv, "", long_options, NULL)) >= 0)
        set_option(&r, option);
    if (r.to.sin_port == 0 || optind < argc) {
        (void)fputs(usage, stderr);
        return 2;
    }
    (void)signal(SIGTERM, on_signal);
    (void)signal(SIGINT, on_signal);
    r.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (r.serves) {
        serve(&r);
        return 0;
    }
    run_clients(&r);
    report(&r);
    free(r.ns);
    free(r.askers);
    return r.odd > 0 ? 1 : 0;
}
