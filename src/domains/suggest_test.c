#include "domains/checks_fixture.h"
#include "domains/suggest.h"

static const struct {
    const char *given, *uri; /* NULL: refused */
} addresses[] = {
    { "tlsrpt@ours.example", "mailto:tlsrpt@ours.example" },
    { "mailto:tlsrpt@ours.example", "mailto:tlsrpt@ours.example" },
    { "a!b@ours.example", "mailto:a%21b@ours.example" },
    { "https://reports.ours.example/tls?of=us", "https://reports.ours.example/tls?of=us" },
    { "tlsrpt", NULL },
    { "tlsrpt@", NULL },
    { "http://ours.example/", NULL },
    { "https://127.0.0.1/", NULL },
    { "mailto:a@ours.example;b", NULL },
    { "mailto:a@ours.example,mailto:b@ours.example", NULL },
    { "", NULL },
};

TEST(suggest_addresses)
{
    struct arena arena = { 0 };

    for (size_t i = 0; i < COUNT_OF(addresses); i++) {
        struct slice uri;
        struct fault why = { "" };
        enum status st = suggest_report_uri(slice_str(addresses[i].given), &arena, &uri, &why);

        CHECK_CASE(addresses[i].given, (st == OK) == (addresses[i].uri != NULL) && (st == OK || why.text[0] != '\0'));
        if (st == OK)
            CHECK_STR(uri, addresses[i].uri);
    }
    arena_release(&arena);
}

TEST(suggest_nothing_to_change)
{
    struct suggestion out;
    struct spoilt s;

    make_good(&s);
    suggest_records(&s.f, NULL, 0, &s.arena, &out);
    CHECK(out.reports.is_published && out.policy.is_published && out.sts.is_published && out.has_policy_host);
    CHECK_STR(out.reports.value, "v=TLSRPTv1; rua=mailto:tlsrpt@ours.example");
    CHECK_STR(out.policy.name, "https://mta-sts.ours.example/.well-known/mta-sts.txt");
    CHECK_STR(out.policy.value, GOOD_POLICY);
    CHECK_STR(out.sts.value, "v=STSv1; id=20261125021500");
    CHECK_STR(out.zone, "_smtp._tls.ours.example. 3600 IN TXT \"v=TLSRPTv1; rua=mailto:tlsrpt@ours.example\"\n"
                        "_mta-sts.ours.example. 3600 IN TXT \"v=STSv1; id=20261125021500\"\n");
    arena_release(&s.arena);
}

TEST(suggest_from_nothing)
{
    const struct slice to[] = { SLICE_LIT("mailto:a@ours.example"), SLICE_LIT("https://ours.example/r") };
    struct suggestion out;
    struct spoilt s;

    make_good(&s);
    s.f.now_s = 1795573230; /* 2026-11-25 02:20:30 UTC */
    s.f.servers_len = 2;
    s.f.sts = txt_of("_mta-sts.ours.example", NULL, 0);
    s.f.reports = txt_of("_smtp._tls.ours.example", NULL, 0);
    s.f.policy_host.addresses_len = 0;
    s.f.policy = (struct http_facts){ .outcome = HTTPS_NO_ADDRESS, .type = "", .why = "none" };
    suggest_records(&s.f, to, 2, &s.arena, &out);
    CHECK(!out.reports.is_published && !out.policy.is_published && !out.sts.is_published && !out.has_policy_host);
    CHECK_STR(out.reports.value, "v=TLSRPTv1; rua=mailto:a@ours.example,https://ours.example/r");
    CHECK_STR(out.policy.value, "version: STSv1\r\nmode: testing\r\nmx: mx.ours.example\r\nmx: mx2.ours.example\r\n"
                                "max_age: 604800\r\n");
    CHECK_STR(out.sts.value, "v=STSv1; id=20261125022030");
    arena_release(&s.arena);
}

/* The policy changes, so the id does, though the clock is behind it. */
TEST(suggest_fresh_id)
{
    struct suggestion out;
    struct spoilt s;

    make_good(&s);
    s.f.servers_len = 2;
    s.f.now_s = 0;
    suggest_records(&s.f, NULL, 0, &s.arena, &out);
    CHECK(!out.policy.is_published && !out.sts.is_published);
    CHECK_STR(out.sts.value, "v=STSv1; id=20261125021501");
    arena_release(&s.arena);
}

/* An address that does not do its work is not suggested again. */
TEST(suggest_drops_dead_mailbox)
{
    struct suggestion out;
    struct spoilt s;

    make_good(&s);
    s.rua.answer = RUA_REFUSES;
    s.rua.uri.uri = SLICE_LIT("mailto:nobody@ours.example");
    suggest_records(&s.f, NULL, 0, &s.arena, &out);
    CHECK_STR(out.reports.value, "v=TLSRPTv1; rua=mailto:tlsrpt@ours.example");
    arena_release(&s.arena);
}

/* A string of a TXT record holds 255 bytes. */
TEST(suggest_long_record)
{
    struct slice to[10];
    struct suggestion out;
    struct spoilt s;

    make_good(&s);
    for (size_t i = 0; i < COUNT_OF(to); i++)
        to[i] = arena_printf(&s.arena, "mailto:a-rather-long-name-of-a-mailbox-%zu@ours.example", i);
    suggest_records(&s.f, to, COUNT_OF(to), &s.arena, &out);
    CHECK(out.reports.value.len > 255 && memmem(out.zone.ptr, out.zone.len, "\" \"", 3) != NULL);
    arena_release(&s.arena);
}

TEST(suggest_for_no_servers)
{
    struct suggestion out;
    struct spoilt s;

    make_good(&s);
    s.f.servers_len = 0;
    suggest_records(&s.f, NULL, 0, &s.arena, &out);
    CHECK(out.why_not[0] != '\0');
    arena_release(&s.arena);
}

RUN_TESTS(T(suggest_addresses), T(suggest_nothing_to_change), T(suggest_from_nothing), T(suggest_fresh_id),
          T(suggest_drops_dead_mailbox), T(suggest_long_record), T(suggest_for_no_servers))
