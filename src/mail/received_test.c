#include "mail/received.h"

#include "base/test.h"

static struct received full(const struct received_tls *tls)
{
    return (struct received){ .helo = SLICE_LIT("client.example.com"),
                              .client_ip = SLICE_LIT("192.0.2.1"),
                              .client_name = SLICE_LIT("mx1.example.com"),
                              .by = SLICE_LIT("mx.example.org"),
                              .id = SLICE_LIT("4XyZ-01"),
                              .rcpt = SLICE_LIT("user@example.org"),
                              .tls = tls,
                              .is_esmtp = true,
                              .at_s = 1790000000 };
}

static const struct received_tls plain_tls = { .version = { "TLSv1.3", 7 },
                                               .cipher = { "TLS_AES_256_GCM_SHA384", 22 },
                                               .bits = 256 };

static void check(const struct received *r, const char *want)
{
    struct buf out;

    buf_init(&out, 4096);
    CHECK(received_write(r, &out) == OK);
    CHECK_STR(buf_slice(&out), want);
    buf_release(&out);
}

TEST(in_clear)
{
    struct received r = full(NULL);

    check(&r, "Received: from client.example.com (mx1.example.com [192.0.2.1]) by\r\n"
              "\tmx.example.org with ESMTP id 4XyZ-01 for <user@example.org>; Mon, 21 Sep 2026\r\n"
              "\t14:13:20 +0000\r\n");
}

TEST(in_tls)
{
    struct received r = full(&plain_tls);

    check(&r, "Received: from client.example.com (mx1.example.com [192.0.2.1]) (using TLSv1.3\r\n"
              "\twith cipher TLS_AES_256_GCM_SHA384 (256 bits)) by mx.example.org with ESMTPS\r\n"
              "\tid 4XyZ-01 for <user@example.org>; Mon, 21 Sep 2026 14:13:20 +0000\r\n");
}

TEST(bare)
{
    struct received r = { .by = SLICE_LIT("mx.example.org") };

    check(&r, "Received: from unknown by mx.example.org with SMTP; Thu, 1 Jan 1970 00:00:00\r\n\t+0000\r\n");
}

/* TLS-24: whatever a certificate says stays within its comment. */
TEST(hostile_certificate)
{
    struct received_tls tls = { .version = SLICE_LIT("TLSv1.2"),
                                .cipher = SLICE_LIT("X"),
                                .client_subject = SLICE_LIT("CN=a)\r\nX-Spam: no (\\\0<b>"),
                                .client_issuer = SLICE_LIT("CN=\xc3\xa9\xff") };
    struct received r = { .by = SLICE_LIT("m.example"), .tls = &tls, .is_esmtp = true, .is_authenticated = true };

    check(&r, "Received: from unknown (using TLSv1.2 with cipher X) (client certificate\r\n"
              "\tCN=a\\) X-Spam: no \\(\\\\?<b> issued by CN=??, not verified) by m.example with\r\n"
              "\tESMTPSA; Thu, 1 Jan 1970 00:00:00 +0000\r\n");
}

static const struct { const char *name, *helo, *ip, *client_name, *want; } client_cases[] = {
    { "literal", "[192.0.2.7]", "192.0.2.1", "", "Received: from [192.0.2.7] (unknown [192.0.2.1]) by" },
    { "IPv6", "a.example", "2001:db8::1", "", "Received: from a.example (unknown [IPv6:2001:db8::1]) by" },
    { "no address", "a.example", "unix", "x.example", "Received: from a.example by" },
    { "SRV-16: header injection by EHLO", "a\r\nX: y", "", "", "Received: from unknown (HELO a X: y) by" },
    { "SRV-16: comment in EHLO", "a)(b", "", "", "Received: from unknown (HELO a\\)\\(b) by" },
    { "SRV-16: backslash at the end", "a\\", "", "", "Received: from unknown (HELO a\\\\) by" },
    { "SRV-16: hostile PTR", "a.example", "192.0.2.1", "b) by evil", "Received: from a.example (unknown [192.0.2.1]) by" },
    { "UTF-8 EHLO in an ASCII session", "\xc3\xa9.example", "", "", "Received: from unknown (HELO ?.example) by" },
    { "blanks only", " \t ", "", "", "Received: from unknown (HELO) by" },
};

TEST(clients)
{
    for (size_t i = 0; i < COUNT_OF(client_cases); i++) {
        struct received r = { .helo = slice_str(client_cases[i].helo),
                              .client_ip = slice_str(client_cases[i].ip),
                              .client_name = slice_str(client_cases[i].client_name),
                              .by = SLICE_LIT("m.example") };
        struct buf out;

        buf_init(&out, 4096);
        CHECK(received_write(&r, &out) == OK);
        CHECK_CASE(client_cases[i].name, slice_starts(buf_slice(&out), slice_str(client_cases[i].want)));
        buf_release(&out);
    }
}

static const struct { const char *id, *rcpt; bool is_utf8; const char *want; } end_cases[] = {
    { "a1", "a@b.example", false, " with ESMTP id a1 for <a@b.example>;" },
    { "", "", false, " with ESMTP;" },
    { "a b", "a@b@c", false, " with ESMTP;" },
    { "a;b", "<a@b.example>", false, " with ESMTP;" },
    { "a1", "\"a (b\"@b.example", false, " with ESMTP id a1 for <\"a (b\"@b.example>;" },
    { "a1", "\xc3\xa9@b.example", false, " with ESMTP id a1;" },
    { "a1", "\xc3\xa9@b.example", true, " with UTF8SMTP id a1 for <\xc3\xa9@b.example>;" },
};

TEST(ends)
{
    for (size_t i = 0; i < COUNT_OF(end_cases); i++) {
        struct received r = { .by = SLICE_LIT("m.example"),
                              .id = slice_str(end_cases[i].id),
                              .rcpt = slice_str(end_cases[i].rcpt),
                              .is_esmtp = true,
                              .is_utf8 = end_cases[i].is_utf8 };
        struct buf out;

        buf_init(&out, 4096);
        CHECK(received_write(&r, &out) == OK);
        CHECK_CASE(end_cases[i].want, memmem(buf_slice(&out).ptr, buf_slice(&out).len, end_cases[i].want,
                                             strlen(end_cases[i].want)) != NULL);
        buf_release(&out);
    }
}

TEST(full_buffer)
{
    struct received r = full(&plain_tls);
    struct buf out;

    buf_init(&out, 100);
    CHECK(received_write(&r, &out) == ERR_LIMIT);
    buf_release(&out);
}

RUN_TESTS(T(in_clear), T(in_tls), T(bare), T(hostile_certificate), T(clients), T(ends), T(full_buffer))
