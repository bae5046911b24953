#include "certs/cert_target.h"

#include "base/test.h"

static const struct {
    const char *text;
    uint16_t usual;
    const char *host; /* NULL: refused */
    uint16_t port;
    bool is_address;
} cases[] = {
    { "mx.example.org", 25, "mx.example.org", 25, false },
    { "MX.Example.ORG.", 25, "mx.example.org", 25, false },
    { "mx.example.org.:587", 25, "mx.example.org", 587, false },
    { " mx.example.org:1 ", 25, "mx.example.org", 1, false },
    { "b\xc3\xbc"
      "cher.example",
      25, "xn--bcher-kva.example", 25, false },
    { "192.0.2.1", 25, "192.0.2.1", 25, true },
    { "192.0.2.1:465", 25, "192.0.2.1", 465, true },
    { "2001:db8::1", 25, "2001:db8::1", 25, true },
    { "[2001:DB8::1]", 25, "2001:db8::1", 25, true },
    { "[2001:db8::1]:443", 25, "2001:db8::1", 443, true },
    { "mx.example.org:443", 0, "mx.example.org", 443, false },
    { "mx.example.org", 0, NULL, 0, false },
    { "mx.example.org:0", 25, NULL, 0, false },
    { "mx.example.org:65536", 25, NULL, 0, false },
    { "mx.example.org:", 25, NULL, 0, false },
    { "mx.example.org:smtp", 25, NULL, 0, false },
    { "[2001:db8::1", 25, NULL, 0, false },
    { "[2001:db8::1]443", 25, NULL, 0, false },
    { "mx example.org", 25, NULL, 0, false },
    { "mx.example.org\x1b[2J", 25, NULL, 0, false },
    { "", 25, NULL, 0, false },
    { ":25", 25, NULL, 0, false },
};

TEST(parse)
{
    struct arena arena = { 0 };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fault why = { "" };
        struct cert_target t;
        enum status st = cert_target_parse(slice_str(cases[i].text), cases[i].usual, &arena, &t, &why);

        CHECK_CASE(cases[i].text, (st == OK) == (cases[i].host != NULL));
        if (st != OK) {
            CHECK_CASE(cases[i].text, st == ERR_SYNTAX && why.text[0] != '\0' && strchr(why.text, '\x1b') == NULL);
            continue;
        }
        CHECK_STR(t.host, cases[i].host);
        CHECK_CASE(cases[i].text, t.port == cases[i].port && t.is_address == cases[i].is_address);
    }
    arena_release(&arena);
}

TEST(text)
{
    struct arena arena = { 0 };

    CHECK_STR(cert_target_text(&(struct cert_target){ SLICE_LIT("mx.example.org"), 25, false }, &arena),
              "mx.example.org:25");
    CHECK_STR(cert_target_text(&(struct cert_target){ SLICE_LIT("::1"), 25, true }, &arena), "[::1]:25");
    arena_release(&arena);
}

RUN_TESTS(T(parse), T(text))
