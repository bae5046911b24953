#include "certs/protocols_fixture.h"

#include "base/clock.h"
#include "certs/server_fixture.h"

static struct minica *root;

static int set_up(void **unused)
{
    static const char *const names[] = { "mx.example.test" };
    const struct minica_leaf leaf = { .names = names, .names_len = 1, .key = MINICA_RSA_2048 };
    struct fault why = { "" };

    (void)unused;
    fixture_make();
    root = minica_new("Test Root");
    return minica_issue(root, &leaf, file_of("rsa", ".pem"), file_of("rsa", ".key"), &why) == OK ? 0 : -1;
}

static int tear_down(void **unused)
{
    (void)unused;
    minica_free(root);
    fixture_remove();
    return 0;
}

/* Servers of the local library, by each way of reaching them. */
static const struct {
    const char *name;
    enum tls_way way;
    int version;
    const char *ciphers;
    unsigned budget, connections;
    const char *versions, *classes;
} usual[] = {
    { "SMTP, all", TLS_WAY_SMTP, 0, "ALL:eNULL:@SECLEVEL=0", 0, 8, "~-++++", "+--+--~~~++" },
    { "SMTP, sound", TLS_WAY_SMTP, 0, "ECDHE+AESGCM:@SECLEVEL=0", 0, 8, "----++", "-------~~++" },
    { "raw, RSA alone", TLS_WAY_RAW, TLS1_2_VERSION, "kRSA+AES:@SECLEVEL=0", 0, 8, "--+++-", "------+-~~-" },
    { "https, up to 1.1", TLS_WAY_HTTPS, TLS1_1_VERSION, "AES128-SHA:@SECLEVEL=0", 0, 8, "--++--", "------+----" },
    { "smtps, asked out", TLS_WAY_SMTPS, 0, "ECDHE+AES256:kRSA+AES128:@SECLEVEL=0", 60, 31, "--++++", "------+-+++" },
};

TEST(servers_of_the_local_library)
{
    for (size_t i = 0; i < COUNT_OF(usual); i++) {
        struct fake_server s = {
            .way = usual[i].way,
            .chain_file = file_of("rsa", ".pem"),
            .key_file = file_of("rsa", ".key"),
            .version = usual[i].version,
            .ciphers = usual[i].ciphers,
        };
        struct protocol_facts f;

        fake_start(&s);
        f = ask_protocols(&s.address, s.way, (struct protocols_target){ .budget = usual[i].budget });
        fake_stop(&s);
        check_states(usual[i].name, &f, usual[i].versions, usual[i].classes);
        CHECK_INT(f.connections, usual[i].connections);
        CHECK_STR(slice_str(s.sni), "mx.example.test");
    }
}

/* A server that answers hellos by hand, or badly. Each connection runs on the thread, one after the other. */
struct rude_server {
    void (*serve)(struct rude_server *s, int fd);
    struct listener listener;
    struct net_address address;
    pthread_t thread;
    int stop[2];
    unsigned connections;
};

static void *rude_run(void *arg)
{
    struct rude_server *s = arg;
    struct pollfd waits[2] = { { .fd = s->listener.fd, .events = POLLIN }, { .fd = s->stop[0], .events = POLLIN } };
    const struct timeval patience = { .tv_sec = FIXTURE_WAIT_S };

    while (poll(waits, 2, -1) >= 0 && waits[1].revents == 0) {
        struct net_address peer;
        int fd;

        if (listener_accept(&s->listener, &fd, &peer) != LISTENER_ACCEPTED)
            continue;
        (void)fcntl(fd, F_SETFL, 0);
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        s->connections++;
        s->serve(s, fd);
        close(fd);
    }
    return NULL;
}

static struct protocol_facts ask_rude(struct rude_server *s, enum tls_way way, struct protocols_target target)
{
    struct fault why = { "" };
    struct protocol_facts f;

    CHECK(net_address_parse(SLICE_LIT("127.0.0.1"), 0, &s->address) == OK);
    if (listener_open(&s->listener, &s->address, true, &why) != OK)
        fail_msg("%s", why.text);
    listener_address(&s->listener, &s->address);
    CHECK(pipe(s->stop) == 0);
    CHECK(pthread_create(&s->thread, NULL, rude_run, s) == 0);
    f = ask_protocols(&s->address, way, target);
    CHECK(write(s->stop[1], "x", 1) == 1);
    CHECK(pthread_join(s->thread, NULL) == 0);
    listener_close(&s->listener);
    close(s->stop[0]);
    close(s->stop[1]);
    return f;
}

/* Reads the hello; the version that it offers, 0 when there is none. */
static unsigned hear_hello(int fd, uint8_t *hello, size_t size)
{
    ssize_t got = read(fd, hello, size);

    if (got >= 11 && hello[0] == 22)
        return (unsigned)hello[9] << 8 | hello[10];
    return got >= 5 && (hello[0] & 0x80) ? WIRE_SSL2 : 0;
}

static void say(int fd, const void *bytes, size_t len)
{
    CHECK(write(fd, bytes, len) == (ssize_t)len);
}

#define SAY(fd, s) say(fd, s, sizeof(s) - 1)
#define RANDOM "0123456789abcdef0123456789abcdef"

/* True when the SSLv3 hello offers the suite: the list begins behind version, random and an empty session. */
static bool hears_suite(const uint8_t *hello, unsigned suite)
{
    size_t len = (size_t)hello[44] << 8 | hello[45];

    for (size_t i = 0; i + 1 < len; i += 2)
        if (((unsigned)hello[46 + i] << 8 | hello[47 + i]) == suite)
            return true;
    return false;
}

/* SSLv3 alone, with 3DES and RC4 by RSA, as servers were in 1999. */
static void serve_ssl3(struct rude_server *s, int fd)
{
    uint8_t hello[HELLO_MAX] = { 0 };
    unsigned version = hear_hello(fd, hello, sizeof hello);

    (void)s;
    if (version != WIRE_SSL3)
        SAY(fd, "\x15\x03\x00\x00\x02\x02\x28");
    else if (hears_suite(hello, 0x0005))
        SAY(fd, "\x16\x03\x00\x00\x2e\x02\x00\x00\x26\x03\x00" RANDOM "\x00\x00\x05\x00\x0e\x00\x00\x00");
    else if (hears_suite(hello, 0x000a))
        SAY(fd, "\x16\x03\x00\x00\x2e\x02\x00\x00\x26\x03\x00" RANDOM "\x00\x00\x0a\x00\x0e\x00\x00\x00");
    else
        SAY(fd, "\x15\x03\x00\x00\x02\x02\x28");
}

TEST(a_server_of_ssl3)
{
    struct rude_server s = { .serve = serve_ssl3 };
    struct protocol_facts f = ask_rude(&s, TLS_WAY_RAW, (struct protocols_target){ .budget = 20 });
    char name[SUITE_NAME];

    check_states("SSLv3", &f, "-+----", "----++-----");
    CHECK_STR(slice_str(suite_name(f.choices[0].suite, name)), "TLS_RSA_WITH_RC4_128_SHA");
    CHECK_STR(slice_str(suite_name(f.choices[1].suite, name)), "TLS_RSA_WITH_3DES_EDE_CBC_SHA");
    CHECK(f.lists_all && f.lacks_secure_renegotiation);
    CHECK_INT(s.connections, f.connections);
    CHECK_STR(slice_str(f.stopped), "");
}

/* SSLv2 in a format of its own; TLS hellos are closed on. */
static void serve_ssl2(struct rude_server *s, int fd)
{
    uint8_t hello[HELLO_MAX] = { 0 };

    (void)s;
    if (hear_hello(fd, hello, sizeof hello) == WIRE_SSL2)
        SAY(fd, "\x80\x0e\x04\x00\x01\x00\x02\x00\x00\x00\x03\x00\x00\x07\x00\xc0");
}

TEST(a_server_of_ssl2)
{
    struct rude_server s = { .serve = serve_ssl2 };
    struct protocol_facts f = ask_rude(&s, TLS_WAY_RAW, (struct protocols_target){ .budget = 0 });

    check_states("SSLv2", &f, "+-----", "~~~~~~~~~~-");
    CHECK_STR(slice_str(f.versions[PROTOCOL_SSL3].text), "closed without an alert");
}

static void serve_nothing(struct rude_server *s, int fd)
{
    uint8_t hello[HELLO_MAX];

    (void)s;
    (void)hear_hello(fd, hello, sizeof hello);
}

static void serve_half(struct rude_server *s, int fd)
{
    serve_nothing(s, fd);
    SAY(fd, "\x16\x03\x03\x00\x40\x02\x00\x00\x3c\x03\x03");
}

static void serve_garbage(struct rude_server *s, int fd)
{
    serve_nothing(s, fd);
    SAY(fd, "HTTP/1.1 400 Bad Request\r\n\r\n");
}

static void serve_oversized(struct rude_server *s, int fd)
{
    serve_nothing(s, fd);
    SAY(fd, "\x16\x03\x03\xff\xff\x02");
}

static void serve_flood(struct rude_server *s, int fd)
{
    serve_nothing(s, fd);
    while (send(fd, "\x15\x03\x01\x00\x02\x01\x70", 7, MSG_NOSIGNAL) == 7)
        ;
}

static void serve_silence(struct rude_server *s, int fd)
{
    char bytes[64];

    (void)s;
    while (read(fd, bytes, sizeof bytes) > 0)
        ;
}

static void serve_421(struct rude_server *s, int fd)
{
    (void)s;
    SAY(fd, "421 4.7.0 too many connections from you\r\n");
}

static void serve_421_later(struct rude_server *s, int fd)
{
    char line[512];

    if (s->connections > 3) {
        serve_421(s, fd);
        return;
    }
    SAY(fd, "220 mx.example.test ESMTP\r\n");
    CHECK(fake_read(fd, NULL, line, sizeof line));
    SAY(fd, "250-mx.example.test\r\n250 STARTTLS\r\n");
    CHECK(fake_read(fd, NULL, line, sizeof line));
    SAY(fd, "220 go on\r\n");
    serve_nothing(s, fd);
    SAY(fd, "\x15\x03\x01\x00\x02\x02\x46");
}

static void serve_without_starttls(struct rude_server *s, int fd)
{
    char line[512];

    (void)s;
    SAY(fd, "220 mx.example.test ESMTP\r\n");
    CHECK(fake_read(fd, NULL, line, sizeof line));
    SAY(fd, "250 mx.example.test\r\n");
    (void)fake_read(fd, NULL, line, sizeof line);
}

static const struct {
    const char *name;
    void (*serve)(struct rude_server *s, int fd);
    enum tls_way way;
    unsigned connections;
    const char *versions, *classes;
    const char *text; /* of TLS 1.3, or of what is not tested */
    bool is_unwanted;
} rude[] = {
    { "cuts", serve_nothing, TLS_WAY_RAW, 6, "~~~~~~", "~~~~~~~~~~~", "closed on every hello without a word of TLS",
      false },
    { "cuts in the middle", serve_half, TLS_WAY_RAW, 6, "~~~~~~", "~~~~~~~~~~~",
      "closed on every hello without a word of TLS", false },
    { "garbage", serve_garbage, TLS_WAY_RAW, 2, "~~~~~~", "~~~~~~~~~~~", "its answer is not TLS", false },
    { "an oversized record", serve_oversized, TLS_WAY_RAW, 2, "~~~~~~", "~~~~~~~~~~~", "a record of it is too long",
      false },
    { "warnings without end", serve_flood, TLS_WAY_RAW, 2, "~~~~~~", "~~~~~~~~~~~", "its answer is too long", false },
    { "silence", serve_silence, TLS_WAY_RAW, 4, "~~~~~~", "~~~~~~~~~~~", "no answer, twice", false },
    { "421", serve_421, TLS_WAY_SMTP, 1, "~~~~~~", "~~~~~~~~~~~", "421", true },
    { "no STARTTLS", serve_without_starttls, TLS_WAY_SMTP, 1, "~~~~~~", "~~~~~~~~~~~", "STARTTLS", false },
    { "421 at the fourth", serve_421_later, TLS_WAY_SMTP, 4, "~~----", "~~~~~~~~~~-", "alert 70", true },
};

TEST(servers_that_do_not_do_their_part)
{
    for (size_t i = 0; i < COUNT_OF(rude); i++) {
        struct rude_server s = { .serve = rude[i].serve };
        const struct protocols_target target = { .answer_ms = rude[i].serve == serve_silence ? 150 : 0 };
        struct protocol_facts f = ask_rude(&s, rude[i].way, target);

        check_states(rude[i].name, &f, rude[i].versions, rude[i].classes);
        CHECK_INT(f.connections, rude[i].connections);
        CHECK_INT(s.connections, rude[i].connections);
        if (strstr(f.versions[PROTOCOL_TLS1_3].text, rude[i].text) == NULL)
            fail_msg("%s: '%s' lacks '%s'", rude[i].name, f.versions[PROTOCOL_TLS1_3].text, rude[i].text);
        CHECK_CASE(rude[i].name, f.is_unwanted == rude[i].is_unwanted);
    }
}

TEST(nobody_there)
{
    struct net_address at;
    struct protocol_facts f;

    CHECK(net_address_parse(SLICE_LIT("127.0.0.1"), 1, &at) == OK);
    f = ask_protocols(&at, TLS_WAY_RAW, (struct protocols_target){ .budget = 0 });
    check_states("refused", &f, "~~~~~~", "~~~~~~~~~~~");
    CHECK_INT(f.connections, 1);
    CHECK(strstr(f.stopped, "refused") != NULL);
}

/* The whole is bounded, and so is each step; what is under way counts. */
TEST(the_time_runs_out)
{
    struct rude_server s = { .serve = serve_silence };
    struct protocol_facts f = ask_rude(&s, TLS_WAY_RAW, (struct protocols_target){ .total_ms = 50 });

    CHECK_STR(slice_str(f.stopped), "the time for all questions ran out");
    CHECK_INT(f.connections, 1);
}

TEST(there_is_a_pause_between_connections)
{
    struct rude_server s = { .serve = serve_ssl2 };
    int64_t before = clock_mono_ms();
    struct protocol_facts f = ask_rude(&s, TLS_WAY_RAW, (struct protocols_target){ .pause_ms = 30 });

    CHECK(clock_mono_ms() - before >= 30 * (f.connections - 1));
}

static void ask_and_leave(struct loop *loop, struct protocols *p, const struct net_address *at, int turns)
{
    const struct protocols_target target = { .address = *at, .way = TLS_WAY_RAW, .pause_ms = -1 };

    *p = (struct protocols){ .done = asking_done };
    protocols_start(p, loop, &target);
    for (int i = 0; i < turns; i++)
        loop_turn(loop, 5);
    protocols_release(p);
    protocols_release(p);
    loop_turn(loop, 0);
}

/* Whoever asked may go away at any time. */
TEST(left_when_under_way)
{
    static struct protocols p;
    struct fake_server s = { .way = TLS_WAY_RAW, .is_silent = true };
    struct loop *loop = loop_new();

    fake_start(&s);
    for (int turns = 0; turns < 6; turns++)
        ask_and_leave(loop, &p, &s.address, turns);
    p = (struct protocols){ 0 };
    protocols_release(&p);
    loop_free(loop);
    fake_stop(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(servers_of_the_local_library),         T(a_server_of_ssl3),    T(a_server_of_ssl2),
        T(servers_that_do_not_do_their_part),    T(nobody_there),        T(the_time_runs_out),
        T(there_is_a_pause_between_connections), T(left_when_under_way),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
