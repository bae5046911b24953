#include "bridge/lookup.h"

#include "bridge/fixture.h"
#include "bridge/netstring.h"

struct asker {
    struct lookup_waiter waiter; /* first */
    bool                 is_done;
    char                 reply[400];
};

static void keep(struct asker *a, struct slice reply)
{
    struct slice text;
    size_t used;

    a->is_done = true;
    CHECK(netstring_read(reply, ANSWER_MAX, &text, &used) == NETSTRING_WHOLE && used == reply.len);
    CHECK(slice_to_cstr(text, a->reply, sizeof a->reply));
}

static void on_reply(struct lookup_waiter *w, struct slice reply)
{
    keep(CONTAINER_OF(w, struct asker, waiter), reply);
}

/* True: answered at once. */
static bool ask(struct world *w, struct asker *a, const char *key)
{
    struct slice reply;

    *a = (struct asker){ .waiter.done = on_reply };
    if (!lookups_ask(w->lookups, slice_str(key), ANSWER_POLICY, &w->allowance, &a->waiter, &reply))
        return false;
    keep(a, reply);
    return true;
}

static void wait_for(struct world *w, const struct asker *a)
{
    int64_t end = loop_now_ms(w->loop) + 15000;

    while (!a->is_done && loop_now_ms(w->loop) < end)
        loop_turn(w->loop, 50);
    CHECK(a->is_done);
}

static void settle(struct world *w)
{
    for (int i = 0; i < 20; i++)
        loop_turn(w->loop, 5);
}

#define N "NOTFOUND "
static const struct { const char *name, *key, *reply; } cases[] = {
    { "DANE everywhere", "all.example.test", "OK dane-only" },
    { "DANE on some", "some.example.test", "OK dane" },
    { "TLSA of no use", "unusable.example.test", "OK dane" },
    { "no DANE", "none.example.test", N },
    { "no server", "null.example.test", N },
    { "a rule", "partner.example.test", "OK encrypt" },
    { "the same in capitals, with a port", "Partner.EXAMPLE.test.:25", "OK encrypt" },
    { "a rule for one sender does not count", "bank.example.test", N },
};

TEST(replies)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct world w = { 0 };
        struct asker a;

        world_open(&w, 0);
        CHECK_CASE(cases[i].name, !ask(&w, &a, cases[i].key));
        wait_for(&w, &a);
        if (strcmp(a.reply, cases[i].reply) != 0)
            fail_msg("case '%s': got '%s'", cases[i].name, a.reply);
        CHECK_CASE(cases[i].name, ask(&w, &a, cases[i].key) && strcmp(a.reply, cases[i].reply) == 0);
        world_close(&w);
    }
}

static const struct { const char *key, *reply; } at_once[] = {
    { ".example.test", N },           { ".test", N },           { "[192.0.2.1]:25", N },
    { "localhost", N },               { "ours.example", N },    { "OURS.example:25", N },
    { "[ours.example]", N },          { "[mx.other.example]:587", N },
    { "no name at all", N },          { "[mx.host.example]:25", "OK encrypt protocols=!SSLv2:!SSLv3:!TLSv1:!TLSv1.1" },
    { "[relay.example]", "OK secure match=mx.relay.example servername=hostname" },
    { "[all.example.test]", N },
};

TEST(what_is_known_without_looking)
{
    struct world w = { 0 };

    world_open(&w, 0);
    for (size_t i = 0; i < COUNT_OF(at_once); i++) {
        struct asker a;

        CHECK_CASE(at_once[i].key, ask(&w, &a, at_once[i].key));
        if (strcmp(a.reply, at_once[i].reply) != 0)
            fail_msg("case '%s': got '%s'", at_once[i].key, a.reply);
    }
    CHECK(lookups_count(w.lookups) == 1 && w.sts_asked == 0); /* ours.example */
    world_close(&w);
}

TEST(mta_sts_where_there_is_no_dane)
{
    struct world w = { 0 };
    struct asker a;

    world_open(&w, 0);
    set_enforce(&w);
    CHECK(!ask(&w, &a, "sts.example.test"));
    wait_for(&w, &a);
    CHECK_STR(slice_str(a.reply), "OK secure match=plain.example.test servername=hostname");
    CHECK(!ask(&w, &a, "all.example.test"));
    wait_for(&w, &a);
    CHECK_STR(slice_str(a.reply), "OK dane-only");
    CHECK(!ask(&w, &a, "unusable.example.test"));
    wait_for(&w, &a);
    CHECK_STR(slice_str(a.reply), "OK dane");
    CHECK(!ask(&w, &a, "weak.example.test")); /* a rule demands TLS there */
    wait_for(&w, &a);
    CHECK_STR(slice_str(a.reply), "OK secure match=plain.example.test servername=hostname");
    world_close(&w);
}

/* One look-up at a time for a domain; whoever asks meanwhile gets the same reply. */
TEST(askers_join)
{
    struct world w = { 0 };
    struct asker a[20], left;

    world_open(&w, 0);
    w.sts_is_silent = true;
    set_enforce(&w);
    for (size_t i = 0; i < COUNT_OF(a); i++)
        CHECK(!ask(&w, &a[i], "sts.example.test"));
    CHECK(!ask(&w, &left, "sts.example.test"));
    lookups_leave(&left.waiter);
    lookups_leave(&left.waiter);
    CHECK_INT(w.sts_asked, 1);
    settle(&w);
    CHECK(!a[0].is_done);
    release_sts(&w);
    for (size_t i = 0; i < COUNT_OF(a); i++) {
        wait_for(&w, &a[i]);
        CHECK(strstr(a[i].reply, "OK secure") != NULL);
    }
    CHECK(!left.is_done);
    world_close(&w);
}

/* DNS that is forged or silent means TEMP, never a fall to MTA-STS or clear text; MTA-STS is then of no matter. */
TEST(forged_dns_defers)
{
    struct world w = { 0 };
    struct asker a;

    world_open(&w, 0);
    set_enforce(&w);
    minizone_forge(w.zone, true);
    CHECK(!ask(&w, &a, "sts.example.test"));
    wait_for(&w, &a);
    CHECK_STR(slice_str(a.reply), "TEMP DNS gave no sure answer about DANE");
    CHECK(ask(&w, &a, "sts.example.test")); /* and not asked again at once */
    CHECK_STR(slice_str(a.reply), "TEMP DNS gave no sure answer about DANE");
    world_close(&w);
}

TEST(service_that_fails_is_no_policy_and_is_asked_again)
{
    struct world w = { 0 };
    struct asker a;

    world_open(&w, 0);
    set_facts(&w, (struct sts_facts){ .finding = STS_UNKNOWN });
    CHECK(!ask(&w, &a, "sts.example.test"));
    wait_for(&w, &a);
    CHECK_STR(slice_str(a.reply), N);
    world_close(&w);
}

TEST(policy_that_ran_out_is_not_used)
{
    struct world w = { 0 };
    struct asker a;

    world_open(&w, 0);
    set_facts(&w, (struct sts_facts){ .finding = STS_FOUND,
                                      .expires_s = 1,
                                      .policy = { .mode = STS_MODE_ENFORCE, .mx = sts_mx, .mx_len = 1 } });
    CHECK(!ask(&w, &a, "sts.example.test"));
    settle(&w);
    CHECK(!a.is_done); /* it waits for its deadline: another policy may come */
    lookups_leave(&a.waiter);
    world_close(&w);
}

TEST(new_settings_count_at_once)
{
    struct world w = { 0 };
    struct asker a;
    size_t rows_len = COUNT_OF(rows);

    world_open(&w, 0);
    CHECK(!ask(&w, &a, "none.example.test"));
    wait_for(&w, &a);
    CHECK_STR(slice_str(a.reply), N);
    rows[rows_len - 1] = (struct setting_row)ROW("rule", "new", "{\"to\":[\"none.example.test\"],\"level\":\"encrypt\"}");
    lookups_adopt(w.lookups, world_settings(2, rows_len));
    CHECK(ask(&w, &a, "none.example.test"));
    CHECK_STR(slice_str(a.reply), "OK encrypt");
    rows[rows_len - 1] = (struct setting_row)ROW("domain", "none.example.test", "{}");
    lookups_adopt(w.lookups, world_settings(3, rows_len));
    CHECK(ask(&w, &a, "none.example.test"));
    CHECK_STR(slice_str(a.reply), N);
    rows[rows_len - 1] = (struct setting_row)ROW("host", "mx.host.example", "{\"servers\":[\"mx.host.example\"],\"tls\":\"encrypt\"}");
    world_close(&w);
}

TEST(memory_is_bounded)
{
    struct world w = { 0 };
    struct asker a;

    world_open(&w, 3);
    for (size_t i = 0; i < 5; i++) {
        (void)ask(&w, &a, cases[i].key);
        wait_for(&w, &a);
    }
    settle(&w);
    CHECK_INT(lookups_count(w.lookups), 3);
    CHECK(ask(&w, &a, cases[4].key) && ask(&w, &a, cases[2].key));
    CHECK(!ask(&w, &a, cases[0].key)); /* the oldest went first */
    wait_for(&w, &a);
    world_close(&w);
}

TEST(one_peer_cannot_bring_too_many_domains)
{
    struct world w = { 0 };
    struct asker a[3];
    struct slice reply;

    world_open(&w, 0);
    w.allowance = (struct lookup_allowance){ .at_ms = loop_now_ms(w.loop), .used = (LOOKUP_BURST - 1) * 1000 };
    CHECK(!ask(&w, &a[0], "none.example.test"));
    CHECK(ask(&w, &a[1], "some.example.test"));
    CHECK(strstr(a[1].reply, "TEMP") != NULL);
    CHECK(!ask(&w, &a[2], "none.example.test")); /* joins what is under way */
    CHECK(lookups_ask(w.lookups, SLICE_LIT(".example.test"), ANSWER_POLICY, &w.allowance, &a[1].waiter, &reply));
    wait_for(&w, &a[0]);
    wait_for(&w, &a[2]);
    world_close(&w);
}

RUN_TESTS(T(replies), T(what_is_known_without_looking), T(mta_sts_where_there_is_no_dane), T(askers_join),
          T(forged_dns_defers), T(service_that_fails_is_no_policy_and_is_asked_again),
          T(policy_that_ran_out_is_not_used), T(new_settings_count_at_once), T(memory_is_bounded),
          T(one_peer_cannot_bring_too_many_domains))
