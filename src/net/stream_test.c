#include "net/stream_pair.h"

#include <errno.h>
#include <fcntl.h>

/* A server with one certificate and a client that trusts its root, for all tests here. */
static struct tls_server *server;
static struct tls_client *client;
static struct folder folder;

static int set_up(void **unused)
{
    static const char *const names[] = { "mx.example.test" };
    const struct minica_leaf leaf = { .names = names, .names_len = 1 };
    struct minica *ca = minica_new("Test Root");
    struct fault why = { "" };
    struct tls_server_certificate files;

    (void)unused;
    folder_make(&folder);
    issue(ca, &folder, &leaf, "chain.pem", "key.pem");
    if (minica_write_root(ca, folder_file(&folder, "root.pem"), &why) != OK)
        fail_msg("%s", why.text);
    minica_free(ca);
    files = (struct tls_server_certificate){ folder_file(&folder, "chain.pem"), folder_file(&folder, "key.pem") };
    if (tls_server_new(&(struct tls_server_config){ .profile = TLS_PROFILE_INTERMEDIATE,
                                                    .certificates = &files,
                                                    .certificates_len = 1 },
                       &server, &why) != OK)
        fail_msg("%s", why.text);
    client = tls_client_new();
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    tls_server_free(server);
    tls_client_free(client);
    folder_remove(&folder);
    return 0;
}

static void start_tls(struct pair *p)
{
    const struct slice name = SLICE_LIT("mx.example.test");
    const struct tls_target target = {
        .sni = name,
        .names = &name,
        .names_len = 1,
        .ca_file = folder_file(&folder, "root.pem"),
        .profile = TLS_PROFILE_INTERMEDIATE,
        .is_demanding = true,
    };

    stream_start_server(&p->server, server);
    stream_start_client(&p->client, client, &target);
    must_shake(p);
}

static void pair_open_tls(struct pair *p)
{
    pair_open(p);
    start_tls(p);
}

TEST(tcp_talks_and_ends)
{
    struct pair p;
    char out[8];
    size_t got;

    pair_open(&p);
    CHECK(!stream_is_tls(&p.client) && !stream_has_pending(&p.client));
    CHECK(stream_read(&p.server, out, sizeof out, &got) == STREAM_AGAIN);
    CHECK_INT(stream_wants(&p.server), LOOP_READ);
    say(&p.client, &p.server, "EHLO there\r\n");
    say(&p.server, &p.client, "250 here\r\n");
    stream_close(&p.client);
    stream_close(&p.client);
    CHECK(read_some(&p.server, out, sizeof out, &got) == STREAM_END);
    CHECK(stream_read(&p.server, out, sizeof out, &got) == STREAM_END);
    pair_close(&p);
}

/* SRV-13 */
TEST(tcp_reset_is_broken)
{
    const struct linger now = { .l_onoff = 1 };
    struct pair p;
    char out[8];
    size_t got, put;

    pair_open(&p);
    CHECK(setsockopt(p.client.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now) == 0);
    stream_close(&p.client);
    CHECK(read_some(&p.server, out, sizeof out, &got) == STREAM_BROKEN);
    CHECK(strstr(stream_error(&p.server), "Connection reset") != NULL);
    CHECK(stream_read(&p.server, out, sizeof out, &got) == STREAM_BROKEN);
    CHECK(stream_write(&p.server, SLICE_LIT("x"), &put) == STREAM_BROKEN);
    pair_close(&p);
}

TEST(connect_to_nobody)
{
    struct net_address at;
    struct listener l;
    struct stream s;
    struct fault why = { "" };

    CHECK(net_address_parse(SLICE_LIT("127.0.0.1"), 0, &at) == OK);
    CHECK(listener_open(&l, &at, true, &why) == OK);
    listener_address(&l, &at);
    listener_close(&l);
    if (stream_connect(&s, &at, NULL, &why) == OK) {
        wait_until(&s);
        CHECK(stream_connected(&s) == STREAM_BROKEN);
        CHECK(strstr(stream_error(&s), "refused") != NULL);
        stream_close(&s);
    }
    CHECK_INT(s.fd, -1);
}

TEST(connect_from_an_address)
{
    struct net_address at, from, peer;
    struct listener l;
    struct stream s;
    struct pollfd waits = { .events = POLLIN };
    struct fault why = { "" };
    int fd;

    CHECK(net_address_parse(SLICE_LIT("127.0.0.1"), 0, &at) == OK);
    CHECK(net_address_parse(SLICE_LIT("127.0.0.9"), 0, &from) == OK);
    CHECK(listener_open(&l, &at, true, &why) == OK);
    listener_address(&l, &at);
    CHECK(stream_connect(&s, &at, &from, &why) == OK);
    waits.fd = l.fd;
    CHECK(poll(&waits, 1, PAIR_WAIT_MS) == 1);
    CHECK(listener_accept(&l, &fd, &peer) == LISTENER_ACCEPTED);
    CHECK(net_address_same_ip(&peer, &from));
    close(fd);
    stream_close(&s);
    CHECK(net_address_parse(SLICE_LIT("192.0.2.1"), 0, &from) == OK);
    CHECK(stream_connect(&s, &at, &from, &why) == ERR_TEMPORARY);
    CHECK(strstr(why.text, "cannot send from 192.0.2.1") != NULL);
    listener_close(&l);
}

TEST(tls_talks)
{
    struct pair p;
    struct tls_facts facts;

    pair_open(&p);
    say(&p.client, &p.server, "STARTTLS\r\n");
    say(&p.server, &p.client, "220 go ahead\r\n");
    start_tls(&p);
    CHECK(stream_is_tls(&p.client) && stream_is_tls(&p.server));
    say(&p.client, &p.server, "EHLO there\r\n");
    say(&p.server, &p.client, "250 here\r\n");
    stream_tls_facts(&p.server, &facts);
    CHECK(facts.is_tls && facts.version == TLS_VERSION_1_3 && facts.verdict == CERT_ABSENT);
    CHECK_STR(slice_str(facts.sni), "mx.example.test");
    CHECK_STR(slice_str(facts.cipher), "TLS_AES_256_GCM_SHA384");
    CHECK_INT(facts.cipher_bits, 256);
    CHECK(facts.group[0] != '\0');
    pair_close(&p);
}

/* Four megabytes through the socket buffers, at both ends piece by piece, with offers that end anywhere. */
static void transfer(struct pair *p)
{
    enum { ALL = 4 << 20, PIECE = 50000 };
    static char source[ALL], sink[ALL];
    size_t sent = 0, received = 0;

    for (size_t i = 0; i < ALL; i++)
        source[i] = (char)(i * 31 ^ i >> 11);
    while (received < ALL) {
        size_t put, got;
        enum stream_result w, r;

        w = stream_write(&p->client, slice_of(source + sent, ALL - sent < PIECE ? ALL - sent : PIECE), &put);
        CHECK(w == STREAM_OK || (w == STREAM_AGAIN && put == 0 && stream_wants(&p->client) == LOOP_WRITE));
        sent += put;
        do {
            r = stream_read(&p->server, sink + received, ALL - received < 7777 ? ALL - received : 7777, &got);
            CHECK(r == STREAM_OK || (r == STREAM_AGAIN && got == 0));
            received += got;
        } while (r == STREAM_OK && received < ALL);
        /* After AGAIN nothing is left that no readiness announces. */
        CHECK(received == ALL || !stream_has_pending(&p->server));
    }
    CHECK(memcmp(source, sink, ALL) == 0);
}

TEST(much_at_once)
{
    struct pair p;

    pair_open(&p);
    transfer(&p);
    pair_close(&p);
    pair_open_tls(&p);
    transfer(&p);
    pair_close(&p);
}

/* A record larger than what was asked for stays in TLS, where poll() does not see it. */
TEST(pending_bytes_are_announced)
{
    struct pair p;
    char out[16];
    size_t put, got;

    pair_open_tls(&p);
    CHECK(stream_write(&p.client, SLICE_LIT("0123456789abcdef0123"), &put) == STREAM_OK && put == 20);
    CHECK(read_some(&p.server, out, sizeof out, &got) == STREAM_OK && got == 16);
    CHECK(stream_has_pending(&p.server));
    CHECK(stream_read(&p.server, out, sizeof out, &got) == STREAM_OK && got == 4);
    CHECK(stream_read(&p.server, out, sizeof out, &got) == STREAM_AGAIN);
    CHECK(!stream_has_pending(&p.server));
    pair_close(&p);
}

/* Half a record: nothing to read, nothing pending, no spinning; whole when the rest comes. */
TEST(partial_record)
{
    struct pair p, relay;
    char wire[256], out[16];
    ssize_t len;
    size_t put, got;

    pair_open_tls(&p);
    pair_open(&relay);
    /* What the client writes ends up with us instead; then we feed it in two parts. */
    CHECK(stream_read(&p.client, out, sizeof out, &got) == STREAM_AGAIN); /* takes the ticket first */
    {
        int saved = dup(p.client.fd);

        CHECK(dup2(relay.client.fd, p.client.fd) >= 0);
        CHECK(stream_write(&p.client, SLICE_LIT("hello"), &put) == STREAM_OK);
        relay.server.wants = LOOP_READ;
        wait_until(&relay.server);
        len = recv(relay.server.fd, wire, sizeof wire, 0);
        CHECK(len > 10);
        CHECK(dup2(saved, p.client.fd) >= 0);
        close(saved);
    }
    CHECK(send(p.client.fd, wire, 7, 0) == 7);
    p.server.wants = LOOP_READ;
    wait_until(&p.server);
    CHECK(stream_read(&p.server, out, sizeof out, &got) == STREAM_AGAIN);
    CHECK(!stream_has_pending(&p.server));
    CHECK(send(p.client.fd, wire + 7, (size_t)len - 7, 0) == len - 7);
    CHECK(read_some(&p.server, out, sizeof out, &got) == STREAM_OK);
    CHECK_STR(slice_of(out, got), "hello");
    pair_close(&relay);
    pair_close(&p);
}

/* TLS-22: a FIN alone may come from anyone. */
TEST(truncation_is_broken)
{
    struct pair p;
    char out[16];
    size_t got;

    pair_open_tls(&p);
    say(&p.client, &p.server, "half a message");
    CHECK(shutdown(p.client.fd, SHUT_WR) == 0);
    CHECK(read_some(&p.server, out, sizeof out, &got) == STREAM_BROKEN);
    CHECK(strstr(stream_error(&p.server), "without a closing alert") != NULL);
    CHECK(stream_read(&p.server, out, sizeof out, &got) == STREAM_BROKEN);
    pair_close(&p);
}

/* TLS-21: what follows close_notify in the clear is never seen. */
TEST(nothing_is_read_behind_close_notify)
{
    struct pair p;
    char out[64];
    size_t got;
    int fd;

    pair_open_tls(&p);
    fd = dup(p.client.fd);
    stream_close(&p.client); /* says close_notify */
    CHECK(send(fd, "MAIL FROM:<x@example.test>\r\n", 28, MSG_NOSIGNAL) == 28);
    CHECK(read_some(&p.server, out, sizeof out, &got) == STREAM_END);
    CHECK(!stream_has_pending(&p.server));
    CHECK(stream_read(&p.server, out, sizeof out, &got) == STREAM_END && got == 0);
    close(fd);
    pair_close(&p);
}

TEST(clear_text_inside_tls_is_broken)
{
    struct pair p;
    char out[64];
    size_t got;

    pair_open_tls(&p);
    CHECK(send(p.client.fd, "MAIL FROM:<x@example.test>\r\n", 28, MSG_NOSIGNAL) == 28);
    CHECK(read_some(&p.server, out, sizeof out, &got) == STREAM_BROKEN);
    pair_close(&p);
}

/* TLS-06: garbage in place of a ServerHello. */
TEST(garbage_handshake)
{
    struct pair p;
    struct tls_facts facts;
    struct tls_target target = { .profile = TLS_PROFILE_INTERMEDIATE };
    size_t put;

    pair_open(&p);
    stream_start_client(&p.client, client, &target);
    CHECK(stream_handshake(&p.client) == STREAM_AGAIN);
    CHECK(stream_write(&p.server, SLICE_LIT("500 what is this?\r\n"), &put) == STREAM_OK);
    wait_until(&p.client);
    CHECK(stream_handshake(&p.client) == STREAM_BROKEN);
    CHECK(stream_handshake(&p.client) == STREAM_BROKEN);
    stream_tls_facts(&p.client, &facts);
    CHECK(!facts.is_tls && facts.handshake_error[0] != '\0' && facts.verdict == CERT_ABSENT);
    pair_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(tcp_talks_and_ends),
        T(tcp_reset_is_broken),
        T(connect_to_nobody),
        T(connect_from_an_address),
        T(tls_talks),
        T(much_at_once),
        T(pending_bytes_are_announced),
        T(partial_record),
        T(truncation_is_broken),
        T(nothing_is_read_behind_close_notify),
        T(clear_text_inside_tls_is_broken),
        T(garbage_handshake),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
