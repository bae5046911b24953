#include "certs/hello.h"

#include "base/memory.h"
#include "base/test.h"
#include "net/tls_setup.h"

#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

/* A server of the library's own, in memory, with a certificate for RSA and nobody's trust. */
static SSL_CTX *server;

static int set_up(void **unused)
{
    EVP_PKEY *key;
    X509 *cert = X509_new();

    (void)unused;
    tls_setup();
    key = EVP_RSA_gen(2048);
    server = SSL_CTX_new(TLS_server_method());
    tls_must(key != NULL && cert != NULL && server != NULL);
    X509_gmtime_adj(X509_getm_notBefore(cert), 0);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    tls_must(X509_set_pubkey(cert, key) && X509_sign(cert, key, EVP_sha256()));
    SSL_CTX_set_security_level(server, 0);
    tls_must(SSL_CTX_set_min_proto_version(server, TLS1_VERSION));
    tls_must(SSL_CTX_set_dh_auto(server, 1) && SSL_CTX_set_cipher_list(server, "ALL:eNULL@SECLEVEL=0"));
    tls_must(SSL_CTX_use_certificate(server, cert) && SSL_CTX_use_PrivateKey(server, key));
    X509_free(cert);
    EVP_PKEY_free(key);
    return 0;
}

static int tear_down(void **unused)
{
    (void)unused;
    SSL_CTX_free(server);
    return 0;
}

struct question {
    uint16_t suites[SUITE_MOST], groups[TLS_GROUP_MOST];
    struct hello_offer offer;
};

static const struct hello_offer *ask_for(struct question *q, uint16_t version, unsigned classes)
{
    q->offer = (struct hello_offer){
        .version = version,
        .suites = q->suites,
        .groups = q->groups,
        .groups_len = tls_group_list(version, q->groups),
        .suites_len = suite_list(classes, version, false, q->suites),
        .sni = SLICE_LIT("mx.example.test"),
        .random = "as random as need be",
    };
    return &q->offer;
}

/* The hello as the server gets it, and its answer as far as it goes before it waits for more. */
static void meet(const struct hello_offer *offer, struct hello_reader *r)
{
    SSL *ssl = SSL_new(server);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    uint8_t bytes[HELLO_MAX];
    struct slice hello = hello_write(offer, bytes);
    char *answer = NULL;
    long len;

    tls_must(ssl != NULL && in != NULL && out != NULL);
    SSL_set_bio(ssl, in, out);
    CHECK_INT(BIO_write(in, hello.ptr, (int)hello.len), hello.len);
    CHECK(SSL_accept(ssl) != 1);
    len = BIO_get_mem_data(out, &answer);
    hello_reader_init(r, offer);
    (void)hello_feed(r, slice_of(answer, (size_t)len));
    SSL_free(ssl);
}

static const struct {
    const char *name;
    uint16_t version;
    unsigned classes;
    bool is_taken;
    uint16_t chosen;
    uint16_t group;
    unsigned group_bits;
} meetings[] = {
    { "1.3", WIRE_TLS1_3, 1U << SUITE_TLS1_3, true, WIRE_TLS1_3, 29, 255 },
    { "1.2 ECDHE", WIRE_TLS1_2, 1U << SUITE_ECDHE_AEAD, true, WIRE_TLS1_2, 29, 255 },
    { "1.2 ECDHE CBC", WIRE_TLS1_2, 1U << SUITE_ECDHE_CBC, true, WIRE_TLS1_2, 29, 255 },
    { "1.2 DHE", WIRE_TLS1_2, 1U << SUITE_DHE, true, WIRE_TLS1_2, 0, 2048 },
    { "1.2 RSA", WIRE_TLS1_2, 1U << SUITE_STATIC, true, WIRE_TLS1_2, 0, 0 },
    { "1.2 anonymous", WIRE_TLS1_2, 1U << SUITE_ANONYMOUS, true, WIRE_TLS1_2, 0, 3072 },
    { "1.2 NULL", WIRE_TLS1_2, 1U << SUITE_NULL, true, WIRE_TLS1_2, 29, 255 },
    { "1.1 all", WIRE_TLS1_1, ~0U, true, WIRE_TLS1_1, 29, 255 },
    { "1.0 RSA", WIRE_TLS1_0, 1U << SUITE_STATIC, true, WIRE_TLS1_0, 0, 0 },
    { "3DES", WIRE_TLS1_2, 1U << SUITE_3DES, false, 0, 0, 0 },
    { "RC4", WIRE_TLS1_0, 1U << SUITE_RC4, false, 0, 0, 0 },
    { "SSLv3", WIRE_SSL3, ~0U, false, 0, 0, 0 },
    { "SSLv2", WIRE_SSL2, 0, false, 0, 0, 0 },
};

TEST(a_real_server_takes_our_hellos)
{
    for (size_t i = 0; i < COUNT_OF(meetings); i++) {
        struct question q;
        struct hello_reader r;
        const struct hello_answer *a = &r.answer;

        meet(ask_for(&q, meetings[i].version, meetings[i].classes), &r);
        CHECK_CASE(meetings[i].name, r.state == (meetings[i].is_taken ? HELLO_ANSWERED : HELLO_ALERT));
        CHECK_CASE(meetings[i].name, a->has_choice == meetings[i].is_taken);
        if (a->has_choice) {
            CHECK_CASE(meetings[i].name, a->version == meetings[i].chosen && a->group == meetings[i].group);
            CHECK_CASE(meetings[i].name, a->group_bits == meetings[i].group_bits);
            CHECK_CASE(meetings[i].name, r.suite.class < SUITE_CLASSES && (meetings[i].classes >> r.suite.class & 1));
            CHECK_CASE(meetings[i].name, a->version == WIRE_TLS1_3 || a->has_secure_renegotiation);
        }
        hello_reader_release(&r);
    }
}

TEST(tls_1_3_tells_its_group_and_falls_back)
{
    struct question q;
    struct hello_reader r;

    (void)ask_for(&q, WIRE_TLS1_3, 1U << SUITE_TLS1_3);
    meet(&q.offer, &r);
    CHECK(r.answer.is_retry);
    CHECK_INT(r.answer.suite, 0x1302);
    hello_reader_release(&r);

    q.offer.suites_len += suite_list(~0U, WIRE_TLS1_2, false, q.suites + q.offer.suites_len);
    tls_must(SSL_CTX_set_max_proto_version(server, TLS1_2_VERSION));
    meet(&q.offer, &r);
    tls_must(SSL_CTX_set_max_proto_version(server, 0));
    CHECK_INT(r.state, HELLO_ANSWERED);
    CHECK_INT(r.answer.version, WIRE_TLS1_2);
    hello_reader_release(&r);
}

TEST(the_certificate_is_had_without_a_handshake)
{
    struct question q;
    struct hello_reader r;
    const unsigned char *der;
    X509 *cert;

    meet(ask_for(&q, WIRE_TLS1_0, ~0U), &r);
    CHECK_INT(r.answer.certs_len, 1);
    der = (const unsigned char *)hello_cert(&r, 0).ptr;
    cert = d2i_X509(NULL, &der, (long)hello_cert(&r, 0).len);
    CHECK(cert != NULL && X509_cmp(cert, SSL_CTX_get0_certificate(server)) == 0);
    X509_free(cert);
    hello_reader_release(&r);
}

/* Hellos of 256 to 511 bytes do not occur (RFC 7685). */
TEST(hellos_are_never_of_the_bad_length)
{
    struct question q;
    uint8_t out[HELLO_MAX];

    (void)ask_for(&q, WIRE_TLS1_2, ~0U);
    for (size_t n = 0, all = q.offer.suites_len; n <= all; n++) {
        size_t len;

        q.offer.suites_len = n;
        len = hello_write(&q.offer, out).len;
        CHECK(len - 5 < 256 || len - 5 > 511);
        CHECK_INT(len - 5, (size_t)out[3] << 8 | out[4]);
    }
}

TEST(the_hello_of_ssl3_has_no_extensions)
{
    struct question q;
    uint8_t out[HELLO_MAX];
    struct slice hello = hello_write(ask_for(&q, WIRE_SSL3, 1U << SUITE_RC4), out);

    CHECK(memcmp(out, "\x16\x03\x00", 3) == 0 && memcmp(out + 9, "\x03\x00", 2) == 0);
    CHECK(memcmp(hello.ptr + hello.len - 4, "\x00\xff\x01\x00", 4) == 0);
}

TEST(the_hello_of_ssl2)
{
    struct question q;
    uint8_t out[HELLO_MAX];
    struct slice hello = hello_write(ask_for(&q, WIRE_SSL2, 0), out);

    CHECK_INT(hello.len, 2 + 9 + 21 + 16);
    CHECK(memcmp(out, "\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10", 11) == 0);
}

#define RANDOM "0123456789abcdef0123456789abcdef"
#define BYTES(s)                                                                                                      \
    {                                                                                                                 \
        (s), sizeof(s) - 1                                                                                            \
    }

/* Answers written by hand to an offer of all suites of a version. */
static const struct {
    const char *name;
    uint16_t version;
    struct slice answer;
    enum hello_state state;
    const char *broken;
} answers[] = {
    { "SSLv3, RC4-SHA", WIRE_SSL3,
      BYTES("\x16\x03\x00\x00\x2e\x02\x00\x00\x26\x03\x00" RANDOM "\x00\x00\x05\x00\x0e\x00\x00\x00"), HELLO_ANSWERED,
      NULL },
    { "SSLv3 in two records", WIRE_SSL3,
      BYTES("\x16\x03\x00\x00\x2a\x02\x00\x00\x26\x03\x00" RANDOM "\x00\x00\x05\x00\x16\x03\x00\x00\x04\x0e\x00\x00"
            "\x00"),
      HELLO_ANSWERED, NULL },
    { "a downgrade", WIRE_TLS1_2,
      BYTES("\x16\x03\x00\x00\x2e\x02\x00\x00\x26\x03\x00" RANDOM "\x00\x00\x05\x00\x0e\x00\x00\x00"), HELLO_ANSWERED,
      NULL },
    { "an alert", WIRE_TLS1_2, BYTES("\x15\x03\x01\x00\x02\x02\x46"), HELLO_ALERT, NULL },
    { "a warning and then nothing", WIRE_TLS1_2, BYTES("\x15\x03\x01\x00\x02\x01\x70"), HELLO_MORE, NULL },
    { "close notify", WIRE_TLS1_2, BYTES("\x15\x03\x01\x00\x02\x01\x00"), HELLO_ALERT, NULL },
    { "SSLv2", WIRE_SSL2, BYTES("\x80\x0e\x04\x00\x01\x00\x02\x00\x00\x00\x03\x00\x00\x07\x00\xc0"), HELLO_ANSWERED,
      NULL },
    { "SSLv2 without a cipher", WIRE_SSL2, BYTES("\x80\x0b\x04\x00\x01\x00\x02\x00\x00\x00\x00\x00\x00"), HELLO_ALERT,
      NULL },
    { "SSLv2 error", WIRE_SSL2, BYTES("\x80\x03\x00\x00\x01"), HELLO_ALERT, NULL },
    { "SSLv2, cut inside", WIRE_SSL2, BYTES("\x80\x06\x04\x00\x01\x00\x02\x00"), HELLO_BROKEN,
      "its SSLv2 answer cannot be read" },
    { "SMTP", WIRE_TLS1_2, BYTES("454 4.7.0 TLS not available\r\n"), HELLO_BROKEN, "its answer is not TLS" },
    { "HTTP", WIRE_TLS1_3, BYTES("HTTP/1.1 400 Bad Request\r\n\r\n"), HELLO_BROKEN, "its answer is not TLS" },
    { "a record of 64 KiB", WIRE_TLS1_2, BYTES("\x16\x03\x03\xff\xff"), HELLO_BROKEN, "a record of it is too long" },
    { "a message of 16 MiB", WIRE_TLS1_2, BYTES("\x16\x03\x03\x00\x04\x02\xff\xff\xff"), HELLO_BROKEN,
      "a handshake message of it is too long" },
    { "data before any hello", WIRE_TLS1_2, BYTES("\x17\x03\x03\x00\x01x"), HELLO_BROKEN,
      "it sent a record that has no place here" },
    { "a certificate before any hello", WIRE_TLS1_2, BYTES("\x16\x03\x03\x00\x07\x0b\x00\x00\x03\x00\x00\x00"),
      HELLO_BROKEN, "its handshake messages are out of order" },
    { "a hello request", WIRE_TLS1_2, BYTES("\x16\x03\x03\x00\x04\x00\x00\x00\x00"), HELLO_BROKEN,
      "it sent a handshake message that has no place here" },
    { "a version above", WIRE_TLS1_1, BYTES("\x16\x03\x03\x00\x2a\x02\x00\x00\x26\x03\x03" RANDOM "\x00\x00\x05\x00"),
      HELLO_BROKEN, "it chose a version that was not offered" },
    { "version 2.0", WIRE_TLS1_1, BYTES("\x16\x03\x00\x00\x2a\x02\x00\x00\x26\x02\x00" RANDOM "\x00\x00\x05\x00"),
      HELLO_BROKEN, "it chose a version that was not offered" },
    { "a suite from nowhere", WIRE_TLS1_2,
      BYTES("\x16\x03\x03\x00\x2a\x02\x00\x00\x26\x03\x03" RANDOM "\x00\x56\x00\x00"), HELLO_BROKEN,
      "it chose a suite that was not offered" },
    { "compression", WIRE_TLS1_2, BYTES("\x16\x03\x03\x00\x2a\x02\x00\x00\x26\x03\x03" RANDOM "\x00\x00\x05\x01"),
      HELLO_BROKEN, "it chose a compression that was not offered" },
    { "a short hello", WIRE_TLS1_2, BYTES("\x16\x03\x03\x00\x06\x02\x00\x00\x02\x03\x03"), HELLO_BROKEN,
      "its ServerHello has the wrong length" },
    { "two hellos", WIRE_SSL3,
      BYTES("\x16\x03\x00\x00\x54\x02\x00\x00\x26\x03\x00" RANDOM "\x00\x00\x05\x00\x02\x00\x00\x26\x03\x00" RANDOM
            "\x00\x00\x05\x00"),
      HELLO_BROKEN, "its handshake messages are out of order" },
    { "certificates longer than their message", WIRE_SSL3,
      BYTES("\x16\x03\x00\x00\x34\x02\x00\x00\x26\x03\x00" RANDOM "\x00\x00\x05\x00\x0b\x00\x00\x06\x00\x00\x03\x00"
            "\x01\x00"),
      HELLO_BROKEN, "its Certificate has the wrong length" },
    { "key exchange without one in the suite", WIRE_SSL3,
      BYTES("\x16\x03\x00\x00\x2e\x02\x00\x00\x26\x03\x00" RANDOM "\x00\x00\x05\x00\x0c\x00\x00\x00"), HELLO_BROKEN,
      "it sent a ServerKeyExchange that its suite does not have" },
    { "a prime that is cut", WIRE_SSL3,
      BYTES("\x16\x03\x00\x00\x31\x02\x00\x00\x26\x03\x00" RANDOM "\x00\x00\x16\x00\x0c\x00\x00\x03\x00\x80\x01"),
      HELLO_BROKEN, "its ServerKeyExchange has the wrong length" },
    { "cut", WIRE_SSL3, BYTES("\x16\x03\x00\x00\x2e\x02\x00\x00\x26\x03\x00" RANDOM), HELLO_MORE, NULL },
    { "nothing", WIRE_SSL3, BYTES(""), HELLO_MORE, NULL },
};

TEST(answers_written_by_hand)
{
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        struct question q;
        struct hello_reader r;
        const char *broken = answers[i].broken;

        hello_reader_init(&r, ask_for(&q, answers[i].version, ~0U));
        CHECK_CASE(answers[i].name, hello_feed(&r, answers[i].answer) == answers[i].state);
        if (broken != NULL)
            CHECK_STR(slice_str(r.answer.broken), broken);
        hello_reader_release(&r);
    }
}

/* A server with heartbeats says so in its hello. Ours never sends one. */
TEST(heartbeats)
{
    static const struct slice with =
        BYTES("\x16\x03\x03\x00\x31\x02\x00\x00\x2d\x03\x03" RANDOM "\x00\x00\x05\x00\x00\x05\x00\x0f\x00\x01\x01");
    static const struct slice without =
        BYTES("\x16\x03\x03\x00\x2a\x02\x00\x00\x26\x03\x03" RANDOM "\x00\x00\x05\x00");
    struct question q;
    struct hello_reader r;
    uint8_t out[HELLO_MAX];
    struct slice hello;

    hello_reader_init(&r, ask_for(&q, WIRE_TLS1_2, ~0U));
    CHECK(hello_feed(&r, with) == HELLO_MORE && r.answer.has_choice && r.answer.has_heartbeat);
    hello_reader_release(&r);
    hello_reader_init(&r, ask_for(&q, WIRE_TLS1_2, ~0U));
    CHECK(hello_feed(&r, without) == HELLO_MORE && r.answer.has_choice && !r.answer.has_heartbeat);
    hello_reader_release(&r);
    hello = hello_write(ask_for(&q, WIRE_TLS1_2, ~0U), out);
    CHECK(memmem(hello.ptr, hello.len, "\x00\x0f\x00\x01", 4) == NULL);
    q.offer.has_heartbeat = true;
    hello = hello_write(&q.offer, out);
    CHECK(memmem(hello.ptr, hello.len, "\x00\x0f\x00\x01\x02", 5) != NULL); /* none may be sent to us */
}

/* RFC 7507: a server that speaks more refuses, by an alert of its own. */
TEST(a_fallback_is_marked)
{
    struct question q;
    struct hello_reader r;

    (void)ask_for(&q, WIRE_TLS1_1, ~0U);
    meet(&q.offer, &r);
    CHECK(r.state != HELLO_ALERT && r.answer.has_choice);
    hello_reader_release(&r);
    q.offer.is_fallback = true;
    meet(&q.offer, &r);
    CHECK(r.state == HELLO_ALERT && !r.answer.has_choice && r.answer.alert == 86);
    hello_reader_release(&r);
}

/* FREAK and Logjam: short keys show their length. */
TEST(short_keys)
{
    static const char export_rsa[] = "\x16\x03\x01\x00\x7a\x02\x00\x00\x26\x03\x01" RANDOM "\x00\x00\x03\x00"
                                     "\x0c\x00\x00\x48\x00\x41\x00" RANDOM RANDOM "\x00\x03\x01\x00\x01"
                                     "\x0e\x00\x00\x00";
    struct question q;
    struct hello_reader r;

    hello_reader_init(&r, ask_for(&q, WIRE_TLS1_0, 1U << SUITE_EXPORT));
    (void)hello_feed(&r, slice_of(export_rsa, sizeof export_rsa - 1));
    CHECK_INT(r.state, HELLO_ANSWERED);
    CHECK_INT(r.answer.group_bits, 510);
    hello_reader_release(&r);
}

TEST(an_endless_answer)
{
    static const char warning[] = "\x15\x03\x01\x00\x02\x01\x70";
    struct question q;
    struct hello_reader r;
    size_t fed = 0;

    hello_reader_init(&r, ask_for(&q, WIRE_TLS1_2, ~0U));
    while (hello_feed(&r, slice_of(warning, 7)) == HELLO_MORE)
        fed += 7;
    CHECK(fed < HELLO_ANSWER_MAX);
    CHECK_STR(slice_str(r.answer.broken), "its answer is too long");
    hello_reader_release(&r);
}

TEST(names_of_alerts)
{
    CHECK_STR(slice_str(hello_alert_name(70)), "protocol version");
    CHECK_STR(slice_str(hello_alert_name(200)), "unknown alert");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_real_server_takes_our_hellos),
        T(tls_1_3_tells_its_group_and_falls_back),
        T(the_certificate_is_had_without_a_handshake),
        T(hellos_are_never_of_the_bad_length),
        T(the_hello_of_ssl3_has_no_extensions),
        T(the_hello_of_ssl2),
        T(answers_written_by_hand),
        T(heartbeats),
        T(a_fallback_is_marked),
        T(short_keys),
        T(an_endless_answer),
        T(names_of_alerts),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
