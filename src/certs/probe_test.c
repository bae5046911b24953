#include "certs/probe.h"

#include "certs/server_fixture.h"

#include <signal.h>

static struct minica *root;

static void issue_leaf(const char *file, const struct minica_leaf *leaf)
{
    struct fault why = { "" };

    if (minica_issue(root, leaf, file_of(file, ".pem"), file_of(file, ".key"), &why) != OK)
        fail_msg("%s", why.text);
}

static struct fake_server good_server(enum tls_way way)
{
    return (
        struct fake_server){ .way = way, .chain_file = file_of("good", ".pem"), .key_file = file_of("good", ".key") };
}

struct run {
    struct probe probe; /* first */
    struct loop *loop;
    bool is_over;
};

static void on_done(struct probe *p)
{
    struct run *r = CONTAINER_OF(p, struct run, probe);

    r->is_over = true;
    loop_stop(r->loop);
}

/* Probes the server once; the result lives until end(). */
static const struct probe_result *look(struct run *r, const struct fake_server *s, struct probe_target target)
{
    *r = (struct run){ .loop = loop_new(), .probe.done = on_done };
    target.address = s->address;
    target.way = s->way;
    target.helo = SLICE_LIT("probe.example.test");
    probe_start(&r->probe, prober_new(r->loop), &target);
    CHECK(!r->is_over);
    loop_run(r->loop);
    return &r->probe.result;
}

static void end(struct run *r)
{
    struct prober *prober = r->probe.prober;

    probe_release(&r->probe);
    prober_free(prober);
    loop_free(r->loop);
}

TEST(starttls)
{
    struct fake_server s = good_server(TLS_WAY_SMTP);
    const struct probe_result *got;
    struct run r;

    fake_start(&s);
    got = look(&r, &s,
               (struct probe_target){ .sni = SLICE_LIT("mx.example.test."),
                                      .wants_inside = true,
                                      .wants_resumption = true,
                                      .wants_staple = true });
    CHECK_STR(slice_str(got->text), "");
    CHECK_INT(got->failed_at, PROBE_COMPLETE);
    CHECK(got->has_session && got->chain_len == 2 && got->chain[0].len > 200);
    CHECK_STR(slice_str(got->greeting), "220 mx.example.test ESMTP");
    CHECK_INT(got->extensions, SMTP_EXT_PIPELINING | SMTP_EXT_SIZE | SMTP_EXT_STARTTLS);
    CHECK_INT(got->extensions_inside, SMTP_EXT_REQUIRETLS);
    CHECK_INT(got->session.version, TLS_VERSION_1_3);
    CHECK_INT(got->session.cipher_bits, 256);
    CHECK_STR(slice_str(got->session.group), "X25519");
    CHECK_INT(got->session.group_bits, 253);
    CHECK_INT(got->session.is_resumed, PROBE_YES);
    CHECK_INT(got->session.is_stapled, PROBE_NO);
    end(&r);
    fake_stop(&s);
    CHECK_STR(slice_str(s.sni), "mx.example.test"); /* C3: an absolute name */
    CHECK_INT(s.sessions, 2);
    CHECK_INT(s.quits, 2);
}

static const struct {
    const char *name;
    int version;
    const char *ciphers;
    enum tls_version want;
    const char *group;
} old_cases[] = {
    { "TLS 1.0", TLS1_VERSION, NULL, TLS_VERSION_1_0, "P-256" },
    { "TLS 1.1", TLS1_1_VERSION, NULL, TLS_VERSION_1_1, "P-256" },
    { "TLS 1.2", TLS1_2_VERSION, NULL, TLS_VERSION_1_2, "X25519" },
    { "RSA key exchange", TLS1_2_VERSION, "kRSA", TLS_VERSION_1_2, "RSA" },
};

TEST(old_versions)
{
    for (size_t i = 0; i < COUNT_OF(old_cases); i++) {
        struct fake_server s = good_server(TLS_WAY_SMTP);
        const struct probe_result *got;
        struct run r;

        s.version = old_cases[i].version;
        s.ciphers = old_cases[i].ciphers;
        if (s.ciphers != NULL) {
            s.chain_file = file_of("weak", ".pem");
            s.key_file = file_of("weak", ".key");
        }
        fake_start(&s);
        got = look(&r, &s, (struct probe_target){ .wants_resumption = true });
        CHECK_CASE(old_cases[i].name, got->failed_at == PROBE_COMPLETE && got->session.version == old_cases[i].want);
        if (old_cases[i].want == TLS_VERSION_1_2)
            CHECK_STR(slice_str(got->session.group), old_cases[i].group);
        CHECK_CASE(old_cases[i].name, got->session.is_resumed == PROBE_YES);
        end(&r);
        fake_stop(&s);
    }
}

TEST(other_ways)
{
    static const enum tls_way ways[] = { TLS_WAY_SMTPS, TLS_WAY_HTTPS, TLS_WAY_RAW };

    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        struct fake_server s = good_server(ways[i]);
        const struct probe_result *got;
        struct run r;

        s.alpn = ways[i] == TLS_WAY_HTTPS ? "http/1.1" : NULL;
        fake_start(&s);
        got = look(
            &r, &s,
            (struct probe_target){ .sni = SLICE_LIT("192.0.2.1"), .wants_inside = true, .wants_resumption = true });
        CHECK_CASE(tls_way_name(ways[i]), got->failed_at == PROBE_COMPLETE && got->chain_len == 2);
        CHECK_CASE(tls_way_name(ways[i]), got->session.is_resumed == PROBE_YES);
        CHECK_STR(slice_str(got->session.alpn), ways[i] == TLS_WAY_HTTPS ? "http/1.1" : "");
        CHECK_STR(slice_str(got->greeting), ways[i] == TLS_WAY_SMTPS ? "220 mx.example.test ESMTP" : "");
        end(&r);
        fake_stop(&s);
        CHECK_STR(slice_str(s.sni), "");
    }
}

TEST(no_resumption)
{
    struct fake_server s = good_server(TLS_WAY_RAW);
    struct run r;

    s.has_no_tickets = true;
    fake_start(&s);
    CHECK_INT(look(&r, &s, (struct probe_target){ .wants_resumption = true })->session.is_resumed, PROBE_NO);
    end(&r);
    fake_stop(&s);
    CHECK_INT(s.sessions, 1);
}

static const struct {
    const char *name, *greeting, *ehlo, *starttls, *text;
    enum probe_stage at;
    int code;
    bool is_unwanted, is_polite; /* says QUIT */
} refusals[] = {
    { "refused greeting", "554 5.7.1 we do not know you\r\n", NULL, NULL,
      "the server refused at greeting: 554 5.7.1 we do not know you", PROBE_GREETING, 554, false, false },
    { "rate limit", "421 4.7.0 come back later\r\n", NULL, NULL,
      "the server ended the session: 421 4.7.0 come back later", PROBE_GREETING, 421, true, false },
    { "limit in words", "450 4.7.1 Too many connections\r\n", NULL, NULL,
      "the server refused at greeting: 450 4.7.1 Too many connections", PROBE_GREETING, 450, true, false },
    { "hostile greeting", "554 \x1b[2J\x9b\r\n", NULL, NULL, "the server refused at greeting: 554 ?[2J?",
      PROBE_GREETING, 554, false, false },
    { "not a greeting", "SSH-2.0-OpenSSH\r\n", NULL, NULL, NULL, PROBE_GREETING, 0, false, false },
    { "no STARTTLS", NULL, "250 mx.example.test\r\n", NULL, "the server does not offer STARTTLS", PROBE_STARTTLS, 0,
      false, true },
    { "STARTTLS refused", NULL, NULL, "454 4.7.0 TLS not available\r\n",
      "the server refused STARTTLS: 454 4.7.0 TLS not available", PROBE_STARTTLS, 454, false, true },
    { "bytes behind 220", NULL, NULL, "220 go\r\n250 injected\r\n", NULL, PROBE_STARTTLS, 0, false, false },
    { "garbage for a handshake", NULL, NULL, "220 go\r\n", NULL, PROBE_HANDSHAKE, 0, false, false },
};

/* Who waits for a ticket does not listen to all that is said in its stead. */
TEST(flood_instead_of_a_ticket)
{
    struct fake_server s = good_server(TLS_WAY_RAW);
    const struct probe_result *got;
    struct run r;

    (void)signal(SIGPIPE, SIG_IGN);
    s.has_no_tickets = s.floods = true;
    fake_start(&s);
    got = look(&r, &s, (struct probe_target){ .wants_resumption = true });
    CHECK_INT(got->failed_at, PROBE_COMPLETE);
    CHECK_INT(got->session.is_resumed, PROBE_NO);
    end(&r);
    fake_stop(&s);
    CHECK(s.flooded > 0 && s.flooded < 16U << 20); /* what the buffers of two sockets hold, and more */
}

TEST(refusals)
{
    for (size_t i = 0; i < COUNT_OF(refusals); i++) {
        struct fake_server s = good_server(TLS_WAY_SMTP);
        const struct probe_result *got;
        struct run r;

        s.greeting = refusals[i].greeting;
        s.ehlo = refusals[i].ehlo;
        s.starttls = refusals[i].starttls;
        fake_start(&s);
        got = look(&r, &s, (struct probe_target){ .wants_inside = true });
        if (refusals[i].text != NULL)
            CHECK_STR(slice_str(got->text), refusals[i].text);
        CHECK_CASE(refusals[i].name, got->failed_at == refusals[i].at && got->text[0] != '\0');
        CHECK_CASE(refusals[i].name, got->reply_code == refusals[i].code);
        CHECK_CASE(refusals[i].name, got->is_unwanted == refusals[i].is_unwanted);
        CHECK_CASE(refusals[i].name, got->chain_len == 0 && !got->has_session);
        end(&r);
        fake_stop(&s);
        CHECK_CASE(refusals[i].name, s.quits == (refusals[i].is_polite ? 1 : 0));
    }
}

TEST(trouble_inside_keeps_the_chain)
{
    struct fake_server s = good_server(TLS_WAY_SMTP);
    const struct probe_result *got;
    struct run r;

    s.inside = "421 4.3.2 shutting down\r\n";
    fake_start(&s);
    got = look(&r, &s, (struct probe_target){ .wants_inside = true });
    CHECK_INT(got->failed_at, PROBE_INSIDE);
    CHECK(got->has_session && got->chain_len == 2);
    end(&r);
    fake_stop(&s);
}

TEST(nobody_there)
{
    struct fake_server s = good_server(TLS_WAY_SMTP);
    const struct probe_result *got;
    struct run r;

    fake_start(&s);
    fake_stop(&s);
    got = look(&r, &s, (struct probe_target){ 0 });
    CHECK_INT(got->failed_at, PROBE_CONNECT);
    CHECK_STR(slice_str(got->text), "cannot connect: Connection refused");
    end(&r);
}

/* TLS-23: each step has its time. */
TEST(silence)
{
    static const struct {
        enum tls_way way;
        enum probe_stage at;
    } cases[] = { { TLS_WAY_SMTP, PROBE_GREETING }, { TLS_WAY_RAW, PROBE_HANDSHAKE } };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fake_server s = good_server(cases[i].way);
        struct run r;

        s.is_silent = true;
        fake_start(&s);
        CHECK_INT(look(&r, &s, (struct probe_target){ .timeout_ms = 100 })->failed_at, cases[i].at);
        end(&r);
        fake_stop(&s);
    }
}

/* TLS-23: 100 certificates fit, 100 KiB do not. */
TEST(long_chains)
{
    enum { DEEP = 99, TOO_MANY = 400 };
    struct minica *all[DEEP] = { root };
    struct fake_server deep = good_server(TLS_WAY_RAW), large = good_server(TLS_WAY_RAW);
    static const char *const name[] = { "mx.example.test" };
    const struct minica_leaf leaf = { .names = name, .names_len = 1 };
    const struct probe_result *got;
    struct fault why;
    FILE *many = fopen(file_of("many", ".pem"), "w");
    FILE *one = fopen(file_of("good", ".pem"), "r");
    char pem[8192];
    size_t len;
    struct run r;

    for (int i = 1; i < DEEP; i++)
        all[i] = minica_new_authority(&(struct minica_authority){ .name = "One of many", .parent = all[i - 1] });
    CHECK(minica_issue(all[DEEP - 1], &leaf, file_of("deep", ".pem"), file_of("deep", ".key"), &why) == OK);
    deep.chain_file = file_of("deep", ".pem");
    deep.key_file = file_of("deep", ".key");
    fake_start(&deep);
    got = look(&r, &deep, (struct probe_target){ 0 });
    CHECK_INT(got->failed_at, PROBE_COMPLETE);
    CHECK_INT(got->chain_len, DEEP + 1);
    end(&r);
    fake_stop(&deep);

    CHECK(one != NULL && many != NULL);
    len = fread(pem, 1, sizeof pem, one);
    for (int i = 0; i < TOO_MANY; i++)
        CHECK(fwrite(pem, 1, len, many) == len);
    (void)fclose(many);
    (void)fclose(one);
    large.further_files[0] = file_of("many", ".pem");
    fake_start(&large);
    got = look(&r, &large, (struct probe_target){ 0 });
    CHECK_INT(got->failed_at, PROBE_HANDSHAKE);
    CHECK(strstr(got->text, "excessive message size") != NULL);
    end(&r);
    fake_stop(&large);
    for (int i = DEEP - 1; i > 0; i--)
        minica_free(all[i]);
}

/* Whoever probes may lose interest at any time. */
TEST(released_under_way)
{
    struct fake_server s = good_server(TLS_WAY_SMTP);

    fake_start(&s);
    for (int turns = 0; turns < 12; turns++) {
        struct loop *loop = loop_new();
        struct prober *prober = prober_new(loop);
        struct run r = { .loop = loop, .probe.done = on_done };

        probe_start(&r.probe, prober,
                    &(struct probe_target){ .address = s.address, .helo = SLICE_LIT("x.test"), .wants_inside = true });
        for (int i = 0; i < turns && !r.is_over; i++)
            loop_turn(loop, 50);
        probe_release(&r.probe);
        probe_release(&r.probe);
        prober_free(prober);
        loop_free(loop);
    }
    fake_stop(&s);
}

static int set_up(void **state)
{
    static const char *const name[] = { "mx.example.test" };
    struct minica_leaf leaf = { .names = name, .names_len = 1, .valid_from_s = -FIXTURE_DAY_S };

    (void)state;
    fixture_make();
    root = minica_new("Test Root");
    issue_leaf("good", &leaf);
    leaf.key = MINICA_RSA_1024;
    issue_leaf("weak", &leaf);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    minica_free(root);
    fixture_remove();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(starttls),
        T(old_versions),
        T(other_ways),
        T(no_resumption),
        T(flood_instead_of_a_ticket),
        T(refusals),
        T(trouble_inside_keeps_the_chain),
        T(nobody_there),
        T(silence),
        T(long_chains),
        T(released_under_way),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
