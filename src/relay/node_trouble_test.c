/* relay/node_trouble_test.c: a node whose letters meet servers that leave it in doubt, and names that lead nowhere. */
#include "relay/node_world.h"

#define HEARS_ALL "C MAIL FROM:<me@home.test>\nC RCPT TO:<\nC DATA\nS 250 ok\nS 250 ok\nS 354 go\nB\n"
#define TAKES_ALL HEARS_ALL "S 250 2.0.0 kept\n"

static size_t letters_heard(const struct world *w)
{
    struct slice body = slice_of(w->peer.body, w->peer.body_len);
    static const char letter[] = "a letter\r\n.\r\n";
    size_t n = 0;

    for (const char *at = body.ptr; (at = memmem(at, body.len - (size_t)(at - body.ptr), letter, sizeof letter - 1));
         at += sizeof letter - 1)
        n++;
    return n;
}

static const struct {
    const char *name, *rcpt;
    const char *scripts[2];
    int first; /* letters that pass before the one in doubt */
} doubts[] = {
    { "a kept connection", TO, { CLEAR TAKES_ALL HEARS_ALL, CLEAR TAKES_ALL "W" }, 1 },
    { "a kept connection that is reset", TO, { CLEAR TAKES_ALL HEARS_ALL "Z", CLEAR TAKES_ALL "W" }, 1 },
    { "a fresh one, though another server is named",
      "RCPT TO:<jo@two.test>",
      { CLEAR HEARS_ALL, CLEAR TAKES_ALL "W" },
      0 },
};

/* RFC 1047: whoever had the whole message and did not answer may have kept it. It is tried again later, not elsewhere
 * at once. */
TEST(a_message_in_doubt_waits)
{
    for (size_t i = 0; i < COUNT_OF(doubts); i++) {
        int64_t delivered = metric_get(METRIC_DELIVERED), deferred = metric_get(METRIC_DEFERRED);
        struct world w;

        world_begin(&w, 1);
        w.peer.scripts[0] = doubts[i].scripts[0];
        w.peer.scripts[1] = doubts[i].scripts[1];
        world_open(&w, NULL, 0);
        for (int n = 0; n <= doubts[i].first; n++) {
            await(METRIC_DELIVERED, delivered + n);
            post(&w, FROM, doubts[i].rcpt);
        }
        await(METRIC_DEFERRED, deferred + 1);
        await(METRIC_DELIVERED, delivered + doubts[i].first + 1);
        CHECK_CASE(doubts[i].name, metric_get(METRIC_DEFERRED) == deferred + 1);
        CHECK_CASE(doubts[i].name, letters_heard(&w) == (size_t)doubts[i].first + 2);
        node_end(&w, STOP_MS);
        CHECK_CASE(doubts[i].name, messages_left(&w) == 0);
        world_end(&w, doubts[i].name, true);
    }
}

/* A denial is certain and ends it; what was not answered, and an MX that leads nowhere, may be mended. */
TEST(a_domain_without_servers)
{
    int64_t bounced = metric_get(METRIC_BOUNCED), deferred = metric_get(METRIC_DEFERRED);
    int64_t delivered = metric_get(METRIC_DELIVERED);
    struct world w;

    world_begin(&w, 1);
    w.peer.scripts[0] = CLEAR "C MAIL FROM:<>\nC RCPT TO:<me@home.test>\nC DATA\nS 250 ok\nS 250 ok\nS 354 go\nB\n"
                              "S 250 2.0.0 kept\nW";
    world_open(&w, NULL, 0);
    post(&w, FROM, "RCPT TO:<jo@empty.test>");
    await(METRIC_BOUNCED, bounced + 1);
    await(METRIC_DELIVERED, delivered + 1);
    CHECK(body_has(&w, "Status: 5.4.4") && body_has(&w, "'empty.test' has neither MX nor address"));
    CHECK_INT(metric_get(METRIC_DEFERRED), deferred);
    post(&w, FROM, "RCPT TO:<jo@unanswered.example>");
    await(METRIC_DEFERRED, deferred + 1);
    post(&w, FROM, "RCPT TO:<jo@nowhere.test>");
    await(METRIC_DEFERRED, deferred + 2);
    CHECK_INT(metric_get(METRIC_BOUNCED), bounced + 1);
    node_end(&w, STOP_MS);
    CHECK_INT(messages_left(&w), 2);
    world_end(&w, "no servers", true);
}

static void keep_policy(const struct world *w, const char *text)
{
    const struct store_config config = { .url = w->store };
    const struct sts_row row = { .domain = SLICE_LIT("partner.test"), .id = SLICE_LIT("1"), .text = slice_str(text) };
    struct store_request r = { .verb = STORE_STS_SAVE, .sts_in = &row, .sts_in_len = 1 };
    struct store *s;
    struct fault why;

    CHECK(store_open(&config, &s, &why) == OK);
    CHECK(store_call(s, &r) == OK);
    arena_release(&r.arena);
    store_close(s);
}

static size_t policies_left(const struct world *w)
{
    const struct store_config config = { .url = w->store };
    struct store_request r = { .verb = STORE_STS_LOAD };
    struct store *s;
    struct fault why;
    size_t n;

    CHECK(store_open(&config, &s, &why) == OK);
    CHECK(store_call(s, &r) == OK);
    n = r.sts_len;
    arena_release(&r.arena);
    store_close(s);
    return n;
}

/* As when an address of a listener is taken: what is to be written is written before the store is closed. */
TEST(a_node_that_never_starts_leaves_its_policies_in_order)
{
    struct fault why = { "" };
    struct world w;

    world_begin(&w, 1);
    script_peer_start(&w.peer);
    keep_policy(&w, "no policy");
    CHECK_INT(policies_left(&w), 1);
    CHECK(node_new(w.config, &w.node, &why) == OK);
    node_free(w.node);
    CHECK_INT(policies_left(&w), 0);
    world_end(&w, "never started", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_message_in_doubt_waits),
        T(a_domain_without_servers),
        T(a_node_that_never_starts_leaves_its_policies_in_order),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
