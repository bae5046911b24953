#include "certs/tls_group.h"

#include "base/test.h"
#include "net/tls_setup.h"

#include <openssl/ssl.h>

static const struct {
    const char *name;
    uint16_t id;
    enum suite_class class;
    unsigned bits, strength;
    uint16_t since;
} cases[] = {
    { "TLS_RSA_WITH_3DES_EDE_CBC_SHA", 0x000a, SUITE_3DES, 168, 112, WIRE_SSL3 },
    { "TLS_RSA_WITH_RC4_128_MD5", 0x0004, SUITE_RC4, 128, 128, WIRE_SSL3 },
    { "TLS_ECDHE_RSA_WITH_RC4_128_SHA", 0xc011, SUITE_RC4, 128, 128, WIRE_TLS1_0 },
    { "TLS_RSA_EXPORT_WITH_RC4_40_MD5", 0x0003, SUITE_EXPORT, 40, 40, WIRE_SSL3 },
    { "TLS_DH_anon_EXPORT_WITH_DES40_CBC_SHA", 0x0019, SUITE_EXPORT, 40, 40, WIRE_SSL3 },
    { "TLS_RSA_WITH_NULL_SHA256", 0x003b, SUITE_NULL, 0, 0, WIRE_TLS1_2 },
    { "TLS_ECDH_anon_WITH_NULL_SHA", 0xc015, SUITE_NULL, 0, 0, WIRE_TLS1_0 },
    { "TLS_DHE_RSA_WITH_DES_CBC_SHA", 0x0015, SUITE_DES, 56, 56, WIRE_SSL3 },
    { "TLS_ECDH_anon_WITH_AES_128_CBC_SHA", 0xc018, SUITE_ANONYMOUS, 128, 128, WIRE_TLS1_0 },
    { "TLS_DH_anon_WITH_RC4_128_MD5", 0x0018, SUITE_ANONYMOUS, 128, 128, WIRE_SSL3 },
    { "TLS_RSA_WITH_AES_128_GCM_SHA256", 0x009c, SUITE_STATIC, 128, 128, WIRE_TLS1_2 },
    { "TLS_DHE_RSA_WITH_AES_256_CBC_SHA", 0x0039, SUITE_DHE, 256, 256, WIRE_SSL3 },
    { "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", 0xc028, SUITE_ECDHE_CBC, 256, 256, WIRE_TLS1_2 },
    { "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8", 0xc0ae, SUITE_ECDHE_AEAD, 128, 128, WIRE_TLS1_2 },
    { "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", 0xcca8, SUITE_ECDHE_AEAD, 256, 256, WIRE_TLS1_2 },
    { "TLS_AES_256_GCM_SHA384", 0x1302, SUITE_TLS1_3, 256, 256, WIRE_TLS1_3 },
};

TEST(suite_find)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct suite s;
        char name[SUITE_NAME];

        CHECK_CASE(cases[i].name, suite_find(cases[i].id, &s));
        CHECK_STR(slice_str(suite_name(cases[i].id, name)), cases[i].name);
        CHECK_CASE(cases[i].name, s.class == cases[i].class && s.bits == cases[i].bits);
        CHECK_CASE(cases[i].name, s.strength == cases[i].strength && s.since == cases[i].since);
    }
}

TEST(unknown_numbers)
{
    struct suite s;
    char name[SUITE_NAME];

    CHECK(!suite_find(0, &s) && !suite_find(0x00ff, &s) && !suite_find(0xffff, &s));
    CHECK_STR(slice_str(suite_name(0x5600, name)), "0x5600");
    CHECK(tls_group_find(999) == NULL);
    CHECK(wire_version_name(0x0305) == NULL && wire_version_name(0) == NULL);
    CHECK_STR(slice_str(wire_version_name(WIRE_SSL2)), "SSLv2");
}

/* Every suite that the library knows as well has the name and the bits that it has there. */
TEST(names_and_bits_as_the_library_has_them)
{
    SSL_CTX *ctx;
    SSL *ssl;
    size_t known = 0;

    tls_setup();
    ctx = SSL_CTX_new(TLS_method());
    ssl = SSL_new(ctx);
    tls_must(ssl != NULL);

    for (unsigned id = 0; id < 0xffff; id++) {
        const unsigned char wire[2] = { (unsigned char)(id >> 8), (unsigned char)id };
        const SSL_CIPHER *c = SSL_CIPHER_find(ssl, wire);
        struct suite s;
        char name[SUITE_NAME];
        int bits;

        if (c == NULL || !suite_find((uint16_t)id, &s))
            continue;
        CHECK_STR(slice_str(suite_name((uint16_t)id, name)), SSL_CIPHER_standard_name(c));
        (void)SSL_CIPHER_get_bits(c, &bits);
        CHECK_INT(s.bits, bits);
        CHECK_CASE(name, SSL_CIPHER_is_aead(c) == (s.class >= SUITE_ECDHE_AEAD) || s.class < SUITE_ECDHE_CBC);
        known++;
    }
    CHECK(known > 80);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}

static bool holds(const uint16_t *list, size_t len, uint16_t id)
{
    for (size_t i = 0; i < len; i++)
        if (list[i] == id)
            return true;
    return false;
}

TEST(lists_by_version)
{
    uint16_t list[SUITE_MOST];
    size_t len = suite_list(~0U, WIRE_TLS1_3, false, list);

    CHECK_INT(len, 5);
    CHECK_INT(list[0], 0x1302);
    len = suite_list(~0U, WIRE_SSL3, true, list);
    CHECK(holds(list, len, 0x0005) && !holds(list, len, 0xc011) && !holds(list, len, 0x009c));
    len = suite_list(~0U, WIRE_TLS1_1, true, list);
    CHECK(holds(list, len, 0xc011) && !holds(list, len, 0xc02f) && !holds(list, len, 0x1301));
    len = suite_list(1U << SUITE_RC4 | 1U << SUITE_3DES, WIRE_TLS1_2, false, list);
    CHECK(holds(list, len, 0x000a) && holds(list, len, 0x0005) && !holds(list, len, 0x0018));
    CHECK_INT(suite_list(0, WIRE_TLS1_2, false, list), 0);
}

TEST(lists_in_order)
{
    uint16_t list[SUITE_MOST];
    size_t len = suite_list(~0U, WIRE_TLS1_2, false, list);
    struct suite a, b;

    CHECK_INT(list[0], 0xc030);
    for (size_t i = 0; i + 1 < len; i++) {
        CHECK(suite_find(list[i], &a) && suite_find(list[i + 1], &b));
        CHECK(a.class >= b.class);
    }
    CHECK_INT(suite_list(~0U, WIRE_TLS1_2, true, list), len);
    for (size_t i = 0; i + 1 < len; i++) {
        CHECK(suite_find(list[i], &a) && suite_find(list[i + 1], &b));
        CHECK(a.class <= b.class);
    }
}

TEST(groups)
{
    uint16_t list[TLS_GROUP_MOST];
    size_t len = tls_group_list(WIRE_TLS1_2, list);

    CHECK_INT(list[0], 29);
    CHECK(!holds(list, len, 256) && !holds(list, len, 4588) && holds(list, len, 19));
    len = tls_group_list(WIRE_TLS1_3, list);
    CHECK(holds(list, len, 256) && holds(list, len, 4588));
    CHECK_STR(slice_str(tls_group_find(23)->name), "P-256");
}

RUN_TESTS(T(suite_find), T(unknown_numbers), T(names_and_bits_as_the_library_has_them), T(lists_by_version),
          T(lists_in_order), T(groups))
