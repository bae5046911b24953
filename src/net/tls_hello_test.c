/* net/tls_hello_test.c: hellos that no library would send, written by hand, to a server of ours. */
#include "net/tls_fixture.h"

#include "base/buf.h"
#include "base/memory.h"

enum { ALERT = 21, HANDSHAKE = 22, UNRECOGNIZED_NAME = 112, DECODE_ERROR = 50 };

static void put(struct buf *b, const void *bytes, size_t len)
{
    CHECK(buf_add(b, slice_of(bytes, len)) == OK);
}

static void put_16(struct buf *b, size_t n)
{
    const unsigned char be[] = { (unsigned char)(n >> 8), (unsigned char)n };

    put(b, be, sizeof be);
}

/* RFC 6066 section 3: a list of one host name. */
static void put_server_name(struct buf *b, struct slice name)
{
    put_16(b, 0);
    put_16(b, name.len + 5);
    put_16(b, name.len + 3);
    put(b, "", 1);
    put_16(b, name.len);
    put(b, name.ptr, name.len);
}

/* A hello of TLS 1.2 that offers ECDHE-ECDSA-AES128-GCM, X25519, P-256 and ecdsa_secp256r1_sha256. */
static void put_hello(struct buf *out, struct slice name)
{
    static const unsigned char fixed[] = { 0, 0, 2, 0xc0, 0x2b, 1, 0 };
    static const unsigned char groups[] = { 0, 10, 0, 6, 0, 4, 0, 29, 0, 23 }, signs[] = { 0, 13, 0, 4, 0, 2, 4, 3 };
    size_t extensions = 4 + 5 + name.len + sizeof groups + sizeof signs;
    size_t body = 2 + 32 + sizeof fixed + 2 + extensions;
    char random[32] = "not random at all";

    put(out, "\x16\x03\x01", 3);
    put_16(out, body + 4);
    put(out, "\x01", 2); /* the length of 24 bits begins with 0 */
    put_16(out, body);
    put(out, "\x03\x03", 2);
    put(out, random, sizeof random);
    put(out, fixed, sizeof fixed);
    put_16(out, extensions);
    put_server_name(out, name);
    put(out, groups, sizeof groups);
    put(out, signs, sizeof signs);
}

static char long_name[400];

static const struct {
    const char  *name;
    struct slice sni;
    int          record, alert; /* of the answer */
} cases[] = {
    { "a name like others", { "mx.example.test", 15 }, HANDSHAKE, 0 },
    { "as long as may be", { long_name, 255 }, HANDSHAKE, 0 },
    { "longer", { long_name, 256 }, ALERT, UNRECOGNIZED_NAME },
    { "much longer", { long_name, 400 }, ALERT, UNRECOGNIZED_NAME },
    { "with a NUL", { "mx.example.test\0.evil.test", 25 }, ALERT, UNRECOGNIZED_NAME },
    { "empty", { long_name, 0 }, HANDSHAKE, 0 },
};

/* TLS-17: the library itself ends a handshake whose name breaks RFC 6066, before it asks for a certificate; what it lets
 * pass gets one of the table. */
TEST(server_names_written_by_hand)
{
    struct tls_server *server = serve_one("good");

    memset(long_name, 'a', sizeof long_name);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        unsigned char answer[7] = { 0 };
        struct pollfd waits = { .events = POLLIN };
        struct buf hello;
        struct pair p;
        enum stream_result r;

        buf_init(&hello, 1024);
        put_hello(&hello, cases[i].sni);
        pair_open(&p);
        stream_start_server(&p.server, server);
        CHECK(send(p.client.fd, buf_slice(&hello).ptr, hello.len, MSG_NOSIGNAL) == (ssize_t)hello.len);
        waits.fd = p.server.fd;
        CHECK(poll(&waits, 1, PAIR_WAIT_MS) == 1);
        r = stream_handshake(&p.server);
        waits.fd = p.client.fd;
        CHECK(poll(&waits, 1, PAIR_WAIT_MS) == 1);
        CHECK(recv(p.client.fd, answer, sizeof answer, 0) == sizeof answer);
        CHECK_CASE(cases[i].name, answer[0] == cases[i].record);
        CHECK_CASE(cases[i].name, r == (cases[i].record == ALERT ? STREAM_BROKEN : STREAM_AGAIN));
        if (cases[i].record == ALERT)
            CHECK_CASE(cases[i].name, answer[6] == cases[i].alert);
        buf_release(&hello);
        pair_close(&p);
    }
    tls_server_free(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(server_names_written_by_hand),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
