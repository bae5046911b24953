#include "net/dialer.h"

#include "base/memory.h"
#include "base/test.h"
#include "net/listener.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LONG_MS = 10000, SHORT_MS = 400 };

struct dialed {
    struct dialer dialer; /* first */
    bool is_done;
};

static void on_done(struct dialer *d)
{
    struct dialed *x = CONTAINER_OF(d, struct dialed, dialer);

    CHECK(!x->is_done);
    x->is_done = true;
}

static void wait_for(struct loop *l, const struct dialed *x)
{
    int64_t end = loop_now_ms(l) + LONG_MS;

    while (!x->is_done && loop_now_ms(l) < end)
        loop_turn(l, 50);
    CHECK(x->is_done);
}

/* Somebody listens; `len` such addresses, from 127.0.0.1 on, or [::1]. */
static struct listener listen_at(const char *ip, struct net_address *at)
{
    struct listener l = { .fd = -1 };
    struct fault why;

    CHECK(net_address_parse(slice_str(ip), 0, at) == OK);
    if (listener_open(&l, at, true, &why) == OK)
        listener_address(&l, at);
    else
        l.fd = -1;
    return l;
}

/* Nobody listens there: it was just closed. */
static struct net_address dead_address(const char *ip)
{
    struct net_address at;
    struct listener l = listen_at(ip, &at);

    listener_close(&l);
    return at;
}

/* A full queue answers no SYN. */
struct silent {
    int fds[8];
    struct net_address at;
};

static void silent_open(struct silent *s)
{
    struct fault why;
    socklen_t len = sizeof s->at.sa;

    CHECK(net_address_parse(SLICE_LIT("127.0.0.1"), 0, &s->at) == OK);
    s->fds[0] = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(bind(s->fds[0], &s->at.sa.any, s->at.len) == 0 && listen(s->fds[0], 0) == 0);
    CHECK(getsockname(s->fds[0], &s->at.sa.any, &len) == 0);
    for (size_t i = 1; i < COUNT_OF(s->fds); i++) {
        struct stream filler;

        CHECK(stream_connect(&filler, &s->at, NULL, &why) == OK);
        s->fds[i] = filler.fd;
    }
}

static void silent_close(struct silent *s)
{
    for (size_t i = 0; i < COUNT_OF(s->fds); i++)
        close(s->fds[i]);
}

/* Dials; the winner, or `len` when there is none. */
static size_t dial(const struct net_address *to, size_t len, int64_t timeout_ms, char text[static 200])
{
    struct loop *l = loop_new();
    struct dialed *x = calloc(1, sizeof *x);
    struct stream got;
    size_t winner;

    x->dialer.done = on_done;
    dialer_start(&x->dialer, l, to, len, NULL, NULL, timeout_ms);
    CHECK(!x->is_done); /* never from inside the call */
    wait_for(l, x);
    winner = x->dialer.winner;
    (void)snprintf(text, 200, "%s", x->dialer.text);
    if (winner < len) {
        dialer_take(&x->dialer, &got);
        stream_close(&got);
    }
    dialer_release(&x->dialer);
    dialer_release(&x->dialer);
    loop_free(l);
    free(x);
    return winner;
}

TEST(dialer_takes_the_first_that_answers)
{
    struct net_address to[3];
    struct listener l = listen_at("127.0.0.1", &to[1]);
    char text[200];

    to[0] = dead_address("127.0.0.1");
    to[2] = dead_address("127.0.0.1");
    CHECK_INT(dial(&to[1], 1, LONG_MS, text), 0);
    CHECK_INT(dial(to, 3, LONG_MS, text), 1);
    CHECK_INT(dial(&to[1], 2, LONG_MS, text), 0);
    listener_close(&l);
}

TEST(dialer_speaks_ipv6)
{
    struct net_address to[2];
    struct listener l6 = listen_at("::1", &to[0]), l4 = listen_at("127.0.0.1", &to[1]);
    char text[200];

    if (l6.fd >= 0)
        CHECK_INT(dial(to, 2, LONG_MS, text), 0);
    listener_close(&l6);
    CHECK_INT(dial(to, 2, LONG_MS, text), 1); /* IPv6 is dead, or not there at all */
    listener_close(&l4);
}

TEST(dialer_says_why_nobody_answers)
{
    struct net_address to[2] = { dead_address("127.0.0.1"), dead_address("127.0.0.2") };
    char text[200];

    CHECK(dial(to, 2, LONG_MS, text) >= 2);
    CHECK(strstr(text, "127.0.0.1:") != NULL && strstr(text, "; 127.0.0.2:") != NULL);
    CHECK(dial(to, 0, LONG_MS, text) == 0 && strcmp(text, "there was no address to connect to") == 0);
}

TEST(dialer_does_not_wait_for_the_silent)
{
    struct silent silent;
    struct net_address to[2];
    struct listener l = listen_at("127.0.0.1", &to[1]);
    char text[200];

    silent_open(&silent);
    to[0] = silent.at;
    CHECK_INT(dial(to, 2, LONG_MS, text), 1);
    CHECK(dial(to, 1, SHORT_MS, text) == 1 && strstr(text, "no answer in time") != NULL);
    silent_close(&silent);
    listener_close(&l);
}

TEST(dialer_is_given_up_half_way)
{
    struct silent silent;
    struct loop *l = loop_new();
    struct dialed x = { .dialer.done = on_done };

    silent_open(&silent);
    dialer_release(&x.dialer); /* zeroed */
    dialer_start(&x.dialer, l, &silent.at, 1, NULL, NULL, SHORT_MS);
    loop_turn(l, 0);
    dialer_release(&x.dialer);
    for (int i = 0; i < 10; i++)
        loop_turn(l, 50);
    CHECK(!x.is_done);
    silent_close(&silent);
    loop_free(l);
}

RUN_TESTS(T(dialer_takes_the_first_that_answers), T(dialer_speaks_ipv6), T(dialer_says_why_nobody_answers),
          T(dialer_does_not_wait_for_the_silent), T(dialer_is_given_up_half_way))
