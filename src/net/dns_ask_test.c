#include "net/dns_ask.h"

#include "base/clock.h"
#include "base/test.h"
#include "net/dns_message.h"
#include "net/listener.h"

#include <unistd.h>

enum { PATIENCE_MS = 20000 };

/* A server on the test's own loop, by UDP and TCP on one port. */
static struct {
    struct loop *loop;
    struct loop_io udp, tcp, conversation;
    struct listener listener;
    struct net_address at;
    bool cuts, is_deaf, lies; /* by UDP: the answer is cut short; nothing; another id */
    unsigned by_udp, by_tcp, done;
} f;

/* The question back, with one TXT record "hi" behind it. */
static size_t answer(const char *q, size_t len, char *out)
{
    static const char record[] = "\xc0\x0c\0\x10\0\1\0\0\0\x3c\0\3\2hi";
    size_t question = len - 11; /* without the OPT record */

    memcpy(out, q, question);
    out[2] = (char)0x84;
    out[7] = 1;
    out[11] = 0;
    memcpy(out + question, record, sizeof record - 1);
    return question + sizeof record - 1;
}

static void on_udp(struct loop_io *io, unsigned events)
{
    char in[512], out[1024];
    struct net_address from = { .len = sizeof from.sa };
    ssize_t n = recvfrom(io->fd, in, sizeof in, 0, &from.sa.any, &from.len);
    size_t len;

    (void)events;
    if (n < 12)
        return;
    f.by_udp++;
    len = answer(in, (size_t)n, out);
    if (f.lies)
        out[0] ^= 1;
    if (f.cuts)
        out[2] |= 2;
    if (!f.is_deaf)
        CHECK(sendto(io->fd, out, len, 0, &from.sa.any, from.len) == (ssize_t)len);
}

static void on_conversation(struct loop_io *io, unsigned events)
{
    char in[512], out[1024];
    ssize_t n = recv(io->fd, in, sizeof in, 0);
    size_t len;
    int fd = io->fd;

    (void)events;
    if (n > 2) {
        f.by_tcp++;
        len = answer(in + 2, (size_t)n - 2, out + 2);
        out[0] = (char)(len >> 8);
        out[1] = (char)len;
        CHECK(send(fd, out, 1, 0) == 1); /* in two pieces */
        CHECK(send(fd, out + 1, len + 1, 0) == (ssize_t)len + 1);
    }
    loop_unwatch(f.loop, io);
    close(fd);
}

static void on_tcp(struct loop_io *io, unsigned events)
{
    struct net_address peer;
    int fd;

    (void)io, (void)events;
    if (listener_accept(&f.listener, &fd, &peer) == LISTENER_ACCEPTED)
        loop_watch(f.loop, &f.conversation, fd, LOOP_READ);
}

static void start(void)
{
    struct fault why = { "" };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);

    memset(&f, 0, sizeof f);
    f.loop = loop_new();
    f.udp.ready = on_udp;
    f.tcp.ready = on_tcp;
    f.conversation.ready = on_conversation;
    CHECK(net_address_parse(SLICE_LIT("127.0.0.1"), 0, &f.at) == OK);
    if (listener_open(&f.listener, &f.at, true, &why) != OK)
        fail_msg("%s", why.text);
    listener_address(&f.listener, &f.at);
    CHECK(bind(fd, &f.at.sa.any, f.at.len) == 0);
    loop_watch(f.loop, &f.udp, fd, LOOP_READ);
    loop_watch(f.loop, &f.tcp, f.listener.fd, LOOP_READ);
}

static void stop(void)
{
    int fd = f.udp.fd;

    loop_unwatch(f.loop, &f.udp);
    loop_unwatch(f.loop, &f.tcp);
    close(fd);
    listener_close(&f.listener);
    loop_free(f.loop);
}

static void on_done(struct dns_ask *a)
{
    (void)a;
    f.done++;
}

static void ask(struct dns_ask *a, struct buf *message, bool by_tcp)
{
    int64_t until_ms = clock_mono_ms() + PATIENCE_MS;

    buf_init(message, 1000);
    CHECK(dns_question_write(SLICE_LIT("_mta-sts.example.org"), DNS_TXT, 0x1234, message));
    *a = (struct dns_ask){ .done = on_done, .server = f.at, .message = buf_slice(message), .by_tcp = by_tcp };
    f.done = 0;
    dns_ask_start(a, f.loop);
    CHECK_INT(f.done, 0);
    while (f.done == 0 && clock_mono_ms() < until_ms)
        loop_turn(f.loop, 20);
    CHECK_INT(f.done, 1);
}

static void end(struct dns_ask *a, struct buf *message)
{
    dns_ask_release(a);
    buf_release(message);
}

static void check_answer(const struct dns_ask *a)
{
    struct arena arena = { 0 };
    struct dns_answer answer;

    CHECK_INT(a->status, OK);
    dns_message_read(a->answer, DNS_TXT, &arena, &answer);
    CHECK(answer.outcome == DNS_FOUND && answer.records_len == 1 && answer.ttl_s == 60);
    CHECK_STR(answer.records[0].bytes, "hi");
    CHECK_STR(answer.records[0].wire, "\002hi");
    CHECK_STR(answer.canonical, "_mta-sts.example.org");
    arena_release(&arena);
}

TEST(by_udp)
{
    struct dns_ask a;
    struct buf message;

    start();
    ask(&a, &message, false);
    check_answer(&a);
    CHECK(f.by_udp == 1 && f.by_tcp == 0);
    end(&a, &message);
    stop();
}

TEST(by_tcp_when_cut_short)
{
    struct dns_ask a;
    struct buf message;

    start();
    f.cuts = true;
    ask(&a, &message, false);
    check_answer(&a);
    CHECK(f.by_udp == 1 && f.by_tcp == 1);
    end(&a, &message);
    ask(&a, &message, true);
    check_answer(&a);
    CHECK(f.by_udp == 1 && f.by_tcp == 2);
    end(&a, &message);
    stop();
}

TEST(what_is_no_answer_is_not_taken)
{
    struct dns_ask a;
    struct buf message;

    start();
    f.lies = true; /* a forger that does not know the id; asked again, and in vain */
    ask(&a, &message, false);
    CHECK(a.status == ERR_TEMPORARY && f.by_udp > 1 && strstr(a.why.text, "silent") != NULL);
    end(&a, &message);
    stop();
}

TEST(nobody_there)
{
    struct dns_ask a;
    struct buf message;

    start();
    loop_unwatch(f.loop, &f.udp);
    loop_unwatch(f.loop, &f.tcp);
    close(f.udp.fd);
    listener_close(&f.listener);
    f.udp.fd = -1;
    ask(&a, &message, true);
    CHECK(a.status == ERR_TEMPORARY && a.why.text[0] != '\0');
    end(&a, &message);
    loop_free(f.loop);
}

static const struct {
    const char *name;
    bool is_good;
} names[] = {
    { "a.example", true },
    { "", true },
    { "a..example", false },
    { "a.example.", true },
    { "0123456789012345678901234567890123456789012345678901234567890123.example", false },
};

TEST(names)
{
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct buf out;

        buf_init(&out, 512);
        CHECK_CASE(names[i].name, dns_question_write(slice_str(names[i].name), DNS_A, 1, &out) == names[i].is_good);
        buf_release(&out);
    }
}

RUN_TESTS(T(by_udp), T(by_tcp_when_cut_short), T(what_is_no_answer_is_not_taken), T(nobody_there), T(names))
