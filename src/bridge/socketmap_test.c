#include "bridge/socketmap.h"

#include "bridge/fixture.h"
#include "net/listener.h"
#include "net/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

struct service {
    struct world           world;
    struct listener        listener;
    struct bridge_counters counters;
    struct socketmap      *map;
};

static void service_open(struct service *s)
{
    struct net_address at;
    struct fault why = { "" };

    *s = (struct service){ .map = NULL };
    world_open(&s->world, 0);
    CHECK(net_address_parse(SLICE_LIT("127.0.0.1"), 0, &at) == OK);
    if (listener_open(&s->listener, &at, true, &why) != OK)
        fail_msg("%s", why.text);
    s->map = socketmap_new(s->world.loop, &s->listener, s->world.lookups, &s->counters);
}

static void service_close(struct service *s)
{
    socketmap_free(s->map);
    listener_close(&s->listener);
    world_close(&s->world);
}

static int dial(struct service *s)
{
    struct net_address at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    listener_address(&s->listener, &at);
    CHECK(fd >= 0 && connect(fd, &at.sa.any, at.len) == 0);
    CHECK(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
    return fd;
}

static void say(int fd, const char *text)
{
    CHECK(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
}

enum { CLOSED = -1 };

/* What comes back within a while, up to `len` bytes; CLOSED when the service closed first. */
static ssize_t hear(struct service *s, int fd, char *out, size_t len)
{
    int64_t end = loop_now_ms(s->world.loop) + 15000;
    size_t got = 0;

    while (got < len && loop_now_ms(s->world.loop) < end) {
        ssize_t n;

        loop_turn(s->world.loop, 10);
        n = recv(fd, out + got, len - got, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN))
            return CLOSED;
        got += n > 0 ? (size_t)n : 0;
    }
    return (ssize_t)got;
}

static void expect(struct service *s, int fd, const char *reply)
{
    char got[1000];
    ssize_t len = hear(s, fd, got, strlen(reply));

    CHECK(len > 0);
    CHECK_STR(slice_of(got, (size_t)len), reply);
}

#define UNKNOWN "89:PERM no such map; there are policy, policy-tlsrpt, policy-nosni and policy-tlsrpt-testing,"

TEST(asks_and_answers_many_times_over_one_connection)
{
    struct service s;
    int fd;

    service_open(&s);
    fd = dial(&s);
    for (int i = 0; i < 3; i++) {
        say(fd, "23:policy all.example.test,");
        expect(&s, fd, "12:OK dane-only,");
        say(fd, "20:policy .example.test,");
        expect(&s, fd, "9:NOTFOUND ,");
    }
    say(fd, "30:policy-tlsrpt all.example.test,");
    expect(&s, fd, "12:OK dane-only,");
    CHECK(count_of(&s.counters, COUNT_ASKED) == 7 && count_of(&s.counters, COUNT_FROM_MEMORY) == 6);
    CHECK(count_of(&s.counters, COUNT_POLICY) == 4 && count_of(&s.counters, COUNT_NOTFOUND) == 3);
    close(fd);
    service_close(&s);
}

TEST(split_anywhere)
{
    static const char request[] = "23:policy all.example.test,";
    struct service s;
    int fd;

    service_open(&s);
    fd = dial(&s);
    for (size_t cut = 0; cut + 1 < sizeof request; cut++) {
        CHECK(send(fd, request, cut, 0) == (ssize_t)cut);
        for (int i = 0; i < 3; i++)
            loop_turn(s.world.loop, 1);
        say(fd, request + cut);
        expect(&s, fd, "12:OK dane-only,");
    }
    close(fd);
    service_close(&s);
}

/* Postfix does not, but nothing gets lost or out of order when somebody does; of replies that wait for DNS, too. */
TEST(many_at_once)
{
    struct service s;
    int fd;

    service_open(&s);
    fd = dial(&s);
    say(fd, "24:policy some.example.test,23:policy all.example.test,20:policy .example.test,24:policy none.example.test,"
            "14:policy [::1]:1,23:policy all.exa");
    expect(&s, fd, "7:OK dane,12:OK dane-only,9:NOTFOUND ,9:NOTFOUND ,9:NOTFOUND ,");
    say(fd, "mple.test,");
    expect(&s, fd, "12:OK dane-only,");
    close(fd);
    service_close(&s);
}

static const struct { const char *name, *said, *reply; } maps[] = {
    { "unknown", "17:QUERY example.com,", UNKNOWN },
    { "nothing", "0:,", UNKNOWN },
    { "the name begins like one of ours", "26:policy-tlsrptx example.com,", UNKNOWN },
    { "in capitals", "18:POLICY example.com,", UNKNOWN },
    { "no key", "6:policy,", "9:NOTFOUND ," },
    { "an empty key", "7:policy ,", "9:NOTFOUND ," },
    { "blanks in the key", "20:policy a b c example,", "9:NOTFOUND ," },
    { "two blanks", "19:policy  example.com,", "9:NOTFOUND ," },
};

TEST(maps_and_keys)
{
    struct service s;
    int fd;

    service_open(&s);
    fd = dial(&s);
    for (size_t i = 0; i < COUNT_OF(maps); i++) {
        say(fd, maps[i].said);
        expect(&s, fd, maps[i].reply);
    }
    CHECK_INT(count_of(&s.counters, COUNT_PERM), 4);
    close(fd);
    service_close(&s);
}

static const struct { const char *name, *said; } abuse[] = {
    { "no comma", "18:policy example.com;" },
    { "payload longer than said", "17:policy example.com," },
    { "no length", ":policy example.com," },
    { "letters", "EHLO example.com\r\n" },
    { "a leading zero", "018:policy example.com," },
    { "10 MB", "10000000:" },
    { "one byte too long", "10001:" },
    { "beyond 64 bits", "99999999999999999999999999:" },
};

TEST(what_is_no_netstring_closes)
{
    struct service s;
    char byte;

    service_open(&s);
    for (size_t i = 0; i < COUNT_OF(abuse); i++) {
        int fd = dial(&s);

        say(fd, "20:policy .example.test,");
        say(fd, abuse[i].said);
        expect(&s, fd, "9:NOTFOUND ,");
        CHECK_CASE(abuse[i].name, hear(&s, fd, &byte, 1) == CLOSED);
        close(fd);
    }
    CHECK_INT(count_of(&s.counters, COUNT_MALFORMED), COUNT_OF(abuse));
    CHECK_INT(count_of(&s.counters, COUNT_CONNECTIONS_OPEN), 0);
    service_close(&s);
}

TEST(the_longest_request)
{
    static char request[SOCKETMAP_REQUEST_MAX + 8] = "10000:policy ";
    struct service s;
    int fd;

    service_open(&s);
    memset(request + 13, 'a', sizeof request - 14);
    request[6 + SOCKETMAP_REQUEST_MAX] = ',';
    request[7 + SOCKETMAP_REQUEST_MAX] = '\0';
    fd = dial(&s);
    say(fd, request);
    expect(&s, fd, "9:NOTFOUND ,");
    close(fd);
    service_close(&s);
}

TEST(a_client_may_leave_while_it_waits)
{
    struct service s;
    int fd;

    service_open(&s);
    s.world.sts_is_silent = true;
    fd = dial(&s);
    say(fd, "24:policy none.example.test,");
    for (int i = 0; i < 30; i++)
        loop_turn(s.world.loop, 5);
    CHECK(s.world.kept_len == 1 && count_of(&s.counters, COUNT_CONNECTIONS_OPEN) == 1);
    close(fd);
    for (int i = 0; i < 5; i++)
        loop_turn(s.world.loop, 5);
    release_sts(&s.world);
    for (int i = 0; i < 5; i++)
        loop_turn(s.world.loop, 5);
    service_close(&s);
}

/* Beyond the most connections the one that was silent longest makes room (SRV-11). */
TEST(connections_are_bounded)
{
    static int fds[SOCKETMAP_CONNECTIONS_MOST + 2];
    struct service s;
    char byte;

    service_open(&s);
    for (size_t i = 0; i < COUNT_OF(fds); i++) {
        fds[i] = dial(&s);
        loop_turn(s.world.loop, 0);
        if (i == 2) { /* these two are not the oldest any more */
            say(fds[0], "20:policy .example.test,");
            expect(&s, fds[0], "9:NOTFOUND ,");
        }
    }
    CHECK_INT(hear(&s, fds[1], &byte, 1), CLOSED);
    CHECK_INT(hear(&s, fds[2], &byte, 1), CLOSED);
    say(fds[0], "20:policy .example.test,");
    expect(&s, fds[0], "9:NOTFOUND ,");
    CHECK_INT(count_of(&s.counters, COUNT_CONNECTIONS_OPEN), SOCKETMAP_CONNECTIONS_MOST);
    for (size_t i = 0; i < COUNT_OF(fds); i++)
        close(fds[i]);
    service_close(&s);
}

/* A client that reads nothing makes the service hold one reply, not all of them. */
TEST(a_slow_reader_is_waited_for)
{
    enum { REQUESTS = 40000 };
    struct service s;
    size_t sent = 0, heard = 0;
    char got[4096];
    int fd;

    service_open(&s);
    fd = dial(&s);
    for (int stalls = 0; sent < REQUESTS && stalls < 50;) {
        if (send(fd, "20:policy .example.test,", 24, MSG_NOSIGNAL) == 24)
            sent++;
        else
            stalls++;
        loop_turn(s.world.loop, 0);
    }
    while (heard < sent * 12) {
        ssize_t n = recv(fd, got, sizeof got, 0);

        heard += n > 0 ? (size_t)n : 0;
        loop_turn(s.world.loop, 1);
    }
    CHECK_INT(count_of(&s.counters, COUNT_ASKED), sent);
    close(fd);
    service_close(&s);
}

RUN_TESTS(T(asks_and_answers_many_times_over_one_connection), T(split_anywhere), T(many_at_once), T(maps_and_keys),
          T(what_is_no_netstring_closes), T(the_longest_request), T(a_client_may_leave_while_it_waits),
          T(connections_are_bounded), T(a_slow_reader_is_waited_for))
