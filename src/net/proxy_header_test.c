#include "base/test.h"
#include "net/proxy_header.h"

#define V2 "\r\n\r\n\0\r\nQUIT\n"
#define BYTES(s) { (s), sizeof(s) - 1 }

static const struct {
    const char *name;
    struct slice in;
    const char *source, *destination; /* NULL: local */
    size_t len;
} good[] = {
    { "v1, IPv4", BYTES("PROXY TCP4 192.0.2.1 198.51.100.2 56324 25\r\nEHLO"), "192.0.2.1:56324", "198.51.100.2:25", 44 },
    { "v1, IPv6", BYTES("PROXY TCP6 2001:db8::1 2001:db8::2 1 465\r\n"), "[2001:db8::1]:1", "[2001:db8::2]:465", 42 },
    { "v1, unknown", BYTES("PROXY UNKNOWN\r\n"), NULL, NULL, 15 },
    { "v1, unknown with words", BYTES("PROXY UNKNOWN ffff::1 x 1 2\r\n"), NULL, NULL, 29 },
    { "v2, IPv4", BYTES(V2 "\x21\x11\0\x0c\xc0\0\2\1\xc6\x33\x64\2\xdc\4\0\x19QUIT"), "192.0.2.1:56324",
      "198.51.100.2:25", 28 },
    { "v2, IPv4 with TLV", BYTES(V2 "\x21\x11\0\x10\xc0\0\2\1\xc6\x33\x64\2\xdc\4\0\x19\4\0\1\0"), "192.0.2.1:56324",
      "198.51.100.2:25", 32 },
    { "v2, IPv6",
      BYTES(V2 "\x21\x21\0\x24\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2\0\1\1\xd1"),
      "[2001:db8::1]:1", "[2001:db8::2]:465", 52 },
    { "v2, local", BYTES(V2 "\x20\0\0\0"), NULL, NULL, 16 },
    { "v2, local with addresses", BYTES(V2 "\x20\x11\0\x0c\xc0\0\2\1\xc6\x33\x64\2\xdc\4\0\x19"), NULL, NULL, 28 },
    { "v2, unspecified", BYTES(V2 "\x21\0\0\0"), NULL, NULL, 16 },
};

TEST(good_headers)
{
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        struct proxy_header h;
        char text[NET_ADDRESS_TEXT];

        CHECK_CASE(good[i].name, proxy_header_parse(good[i].in, &h, NULL) == PROXY_OK);
        CHECK_CASE(good[i].name, h.len == good[i].len && h.is_local == (good[i].source == NULL));
        for (size_t cut = 0; cut < good[i].len; cut++) { /* wherever it is split, more is waited for */
            struct proxy_header part;

            CHECK_CASE(good[i].name, proxy_header_parse(slice_first(good[i].in, cut), &part, NULL) == PROXY_MORE);
        }
        if (good[i].source == NULL)
            continue;
        CHECK_STR(slice_str(net_address_text(&h.source, text)), good[i].source);
        CHECK_STR(slice_str(net_address_text(&h.destination, text)), good[i].destination);
    }
}

static const struct { const char *name; struct slice in; } bad[] = {
    { "no header", BYTES("EHLO there\r\n") },
    { "lower case", BYTES("proxy TCP4 192.0.2.1 192.0.2.2 1 25\r\n") },
    { "TLS", BYTES("\x16\3\1\2\0\1") },
    { "v1, LF alone", BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 25\n") },
    { "v1, empty", BYTES("PROXY \r\n") },
    { "v1, two blanks", BYTES("PROXY TCP4 192.0.2.1  192.0.2.2 1 25\r\n") },
    { "v1, word behind", BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 25 x\r\n") },
    { "v1, port missing", BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n") },
    { "v1, port too high", BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n") },
    { "v1, leading zero", BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 01 25\r\n") },
    { "v1, signed port", BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 +1 25\r\n") },
    { "v1, other family", BYTES("PROXY TCP6 192.0.2.1 192.0.2.2 1 25\r\n") },
    { "v1, name", BYTES("PROXY TCP4 mx.example.org 192.0.2.2 1 25\r\n") },
    { "v1, brackets", BYTES("PROXY TCP6 [2001:db8::1] 2001:db8::2 1 25\r\n") },
    { "v1, UDP", BYTES("PROXY UDP4 192.0.2.1 192.0.2.2 1 25\r\n") },
    { "v1, NUL", BYTES("PROXY TCP4 192.0.2.1\0 192.0.2.2 1 25\r\n") },
    { "v1, too long",
      BYTES("PROXY UNKNOWN xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
            "xxxxxxxxxxxxxxxxxxxxxxxx\r\n") },
    { "v2, version 3", BYTES(V2 "\x31\x11\0\x0c") },
    { "v2, command 2", BYTES(V2 "\x22\x11\0\x0c") },
    { "v2, UDP", BYTES(V2 "\x21\x12\0\x0c\xc0\0\2\1\xc6\x33\x64\2\xdc\4\0\x19") },
    { "v2, socket of a file", BYTES(V2 "\x21\x31\0\0") },
    { "v2, addresses cut", BYTES(V2 "\x21\x11\0\x0b\xc0\0\2\1\xc6\x33\x64\2\xdc\4\0") },
    { "v2, IPv4 for IPv6", BYTES(V2 "\x21\x21\0\x0c\xc0\0\2\1\xc6\x33\x64\2\xdc\4\0\x19") },
    { "v2, too long", BYTES(V2 "\x21\x11\xff\xff") },
    { "v2, signature broken", BYTES("\r\n\r\n\0\r\nQUIX\n\x21\x11\0\x0c") },
};

TEST(bad_headers)
{
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct proxy_header h;
        struct fault why = { "" };

        CHECK_CASE(bad[i].name, proxy_header_parse(bad[i].in, &h, &why) == PROXY_ERROR);
        CHECK_CASE(bad[i].name, why.text[0] != '\0');
    }
}

RUN_TESTS(T(good_headers), T(bad_headers))
