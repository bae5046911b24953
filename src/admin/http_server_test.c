/* The limits of the server itself, with real sockets and short times. */
#include "admin/http_server.h"

#include "base/clock.h"
#include "base/test.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 3, SHORT_MS = 80, LONG_MS = 20000, ROUNDS_MAX = 100000 };

static struct fixture {
    struct event_base *base;
    struct http_server *server;
    struct sockaddr_in address;
    struct http_exchange *kept; /* answered later, or never before the client is gone */
    bool keeps;
    unsigned handled;
} f;

static void handle(void *ctx, struct http_exchange *x)
{
    (void)ctx;
    f.handled++;
    if (f.keeps)
        f.kept = x;
    else
        http_answer(x, 200, "text/plain", x->head.path);
}

static void start(int64_t idle_ms, int64_t request_ms)
{
    struct http_server_config config = {
        .body_bytes_max = 100,
        .connections_max = CONNECTIONS_MAX,
        .idle_ms = idle_ms,
        .request_ms = request_ms,
        .answer_ms = LONG_MS,
        .handle = handle,
    };
    socklen_t len = sizeof f.address;

    (void)signal(SIGPIPE, SIG_IGN);
    f = (struct fixture){ .address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) } };
    f.base = config.base = event_base_new();
    config.listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    CHECK(bind(config.listen_fd, (const struct sockaddr *)(const void *)&f.address, sizeof f.address) == 0);
    CHECK(listen(config.listen_fd, 16) == 0);
    CHECK(getsockname(config.listen_fd, (struct sockaddr *)(void *)&f.address, &len) == 0);
    f.server = http_server_new(&config);
}

static void stop(void)
{
    http_server_free(f.server);
    event_base_free(f.base);
}

static int dial(const char *text)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    CHECK(connect(fd, (const struct sockaddr *)(const void *)&f.address, sizeof f.address) == 0);
    CHECK(send(fd, text, strlen(text), 0) == (ssize_t)strlen(text));
    return fd;
}

static void on_readable(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd;
    (void)what;
    *(bool *)ctx = true;
}

/* Runs the server until there is something to read from `fd`, or its end: the bytes, or 0. */
static ssize_t await(int fd, char *out, size_t size)
{
    bool is_there = false;
    struct event *e = event_new(f.base, fd, EV_READ, on_readable, &is_there);

    (void)event_add(e, NULL);
    while (!is_there)
        (void)event_base_loop(f.base, EVLOOP_ONCE);
    event_free(e);
    return recv(fd, out, size, 0);
}

static const char get[] = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";

TEST(idle_connections_end) /* WEB-10 */
{
    char in[16];
    int fd;

    start(SHORT_MS, LONG_MS);
    fd = dial("");
    CHECK_INT(await(fd, in, sizeof in), 0);
    close(fd);
    stop();
}

TEST(slow_requests_end) /* WEB-10: the time is for the whole request, not from byte to byte */
{
    char in[16];
    int64_t begin = clock_mono_ms();
    bool is_over = false;
    struct event *e;
    int fd;

    start(LONG_MS, SHORT_MS);
    fd = dial("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n");
    e = event_new(f.base, fd, EV_READ, on_readable, &is_over);
    (void)event_add(e, NULL);
    for (int i = 0; i < ROUNDS_MAX && !is_over; i++) {
        struct timeval tick = { .tv_usec = SHORT_MS * 1000 / 4 };

        (void)event_base_loopexit(f.base, &tick);
        (void)event_base_dispatch(f.base);
        (void)send(fd, "x", 1, MSG_NOSIGNAL);
    }
    event_free(e);
    CHECK(recv(fd, in, sizeof in, 0) <= 0 && clock_mono_ms() - begin < LONG_MS);
    CHECK_INT(f.handled, 0);
    close(fd);
    stop();
}

TEST(connections_are_capped) /* WEB-10 */
{
    char in[1024];
    int fds[CONNECTIONS_MAX], one_more;

    start(LONG_MS, LONG_MS);
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        fds[i] = dial(get);
        CHECK(await(fds[i], in, sizeof in) > 0);
    }
    one_more = dial(get);
    for (int i = 0; i < 10; i++)
        (void)event_base_loop(f.base, EVLOOP_NONBLOCK);
    CHECK_INT(f.handled, CONNECTIONS_MAX); /* it waits in the backlog */
    close(fds[0]);
    CHECK(await(one_more, in, sizeof in) > 0);
    CHECK_INT(f.handled, CONNECTIONS_MAX + 1);
    for (size_t i = 1; i < CONNECTIONS_MAX; i++)
        close(fds[i]);
    close(one_more);
    stop();
}

/* An exchange may outlive its connection, and its server. */
TEST(late_answers)
{
    int fd;

    start(LONG_MS, LONG_MS);
    f.keeps = true;
    fd = dial(get);
    while (f.kept == NULL)
        (void)event_base_loop(f.base, EVLOOP_ONCE);
    close(fd);
    http_server_free(f.server);
    f.server = NULL;
    http_answer(f.kept, 200, "text/plain", SLICE_LIT("too late"));
    stop();
}

TEST(head_request_has_no_body)
{
    char in[1024];
    ssize_t len;
    int fd;

    start(LONG_MS, LONG_MS);
    fd = dial("HEAD /path HTTP/1.1\r\nHost: a\r\n\r\n");
    len = await(fd, in, sizeof in);
    CHECK(len > 4 && memcmp(in + len - 4, "\r\n\r\n", 4) == 0);
    CHECK(memmem(in, (size_t)len, "Content-Length: 5\r\n", 19) != NULL);
    close(fd);
    stop();
}

RUN_TESTS(T(idle_connections_end), T(slow_requests_end), T(connections_are_capped), T(late_answers),
          T(head_request_has_no_body))
