#include "bridge/destination.h"

#include "base/test.h"

#define LABEL63 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg"

static const struct { const char *key; enum destination_kind kind; const char *name; } cases[] = {
    { "example.com", DESTINATION_DOMAIN, "example.com" },
    { "Mail.Example.COM", DESTINATION_DOMAIN, "mail.example.com" },
    { "example.com.", DESTINATION_DOMAIN, "example.com" },
    { "example.com:25", DESTINATION_DOMAIN, "example.com" },
    { "example.com:submission", DESTINATION_DOMAIN, "example.com" },
    { "example.com.:25", DESTINATION_DOMAIN, "example.com" },
    { "b\xc3\xbc" "cher.example", DESTINATION_DOMAIN, "xn--bcher-kva.example" },
    { "xn--bcher-kva.example", DESTINATION_DOMAIN, "xn--bcher-kva.example" },
    { "com", DESTINATION_DOMAIN, "com" },
    { "[mx.example.com]", DESTINATION_RELAY, "mx.example.com" },
    { "[MX.example.com]:587", DESTINATION_RELAY, "mx.example.com" },
    { "[mx.example.com]:smtps", DESTINATION_RELAY, "mx.example.com" },
    { "[mx.example.com.]", DESTINATION_RELAY, "mx.example.com" },

    { ".example.com", DESTINATION_NONE, "" },
    { ".com", DESTINATION_NONE, "" },
    { ".", DESTINATION_NONE, "" },
    { "", DESTINATION_NONE, "" },
    { "localhost", DESTINATION_NONE, "" },
    { "LOCALHOST", DESTINATION_NONE, "" },
    { "[localhost]:10025", DESTINATION_NONE, "" },
    { "mail.localhost", DESTINATION_NONE, "" },
    { "192.0.2.1", DESTINATION_NONE, "" },
    { "192.0.2.1:25", DESTINATION_NONE, "" },
    { "[192.0.2.1]", DESTINATION_NONE, "" },
    { "[192.0.2.1]:25", DESTINATION_NONE, "" },
    { "[2001:db8::1]", DESTINATION_NONE, "" },
    { "[2001:db8::1]:25", DESTINATION_NONE, "" },
    { "[IPv6:2001:db8::1]", DESTINATION_NONE, "" },
    { "2001:db8::1", DESTINATION_NONE, "" },
    { "[.example.com]", DESTINATION_NONE, "" },
    { "[]", DESTINATION_NONE, "" },
    { "[mx.example.com", DESTINATION_NONE, "" },
    { "[mx.example.com]587", DESTINATION_NONE, "" },
    { "[mx.example.com]:", DESTINATION_NONE, "" },
    { "example.com:", DESTINATION_NONE, "" },
    { "example.com:25:25", DESTINATION_NONE, "" },
    { "example.com:2 5", DESTINATION_NONE, "" },
    { "two words.example", DESTINATION_NONE, "" },
    { "user@example.com", DESTINATION_NONE, "" },
    { "*.example.com", DESTINATION_NONE, "" },
    { "a..example.com", DESTINATION_NONE, "" },
    { "-a.example.com", DESTINATION_NONE, "" },
    { "example.com\r\n", DESTINATION_NONE, "" },
    { "\xff\xfe.example", DESTINATION_NONE, "" },
    { LABEL63 "g.example", DESTINATION_NONE, "" },
    { LABEL63 "." LABEL63 "." LABEL63 "." LABEL63, DESTINATION_NONE, "" },
    { "/var/run/lmtp.sock", DESTINATION_NONE, "" },
};

TEST(keys)
{
    struct arena arena = { 0 };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct destination d;

        destination_read(slice_str(cases[i].key), &arena, &d);
        CHECK_CASE(cases[i].key, d.kind == cases[i].kind && slice_eq(d.name, slice_str(cases[i].name)));
    }
    arena_release(&arena);
}

TEST(a_nul_inside)
{
    struct arena arena = { 0 };
    struct destination d;

    destination_read(SLICE_LIT("example.com\0.evil.test"), &arena, &d);
    CHECK_INT(d.kind, DESTINATION_NONE);
    arena_release(&arena);
}

RUN_TESTS(T(keys), T(a_nul_inside))
