/* What every backend must do. */
#include "store/store_test.h"

static const char *const one[4] = { "example.org" };
static const char *const three[4] = { "a.example", "b.example", "a.example" };

static void make_rich(struct test_message *t, uint64_t id)
{
    test_message_init(t, id, 1000, three);
    t->m.origin = ORIGIN_SUBMISSION;
    t->m.mail = (struct smtp_mail){ .address = SLICE_LIT("j\xc3\xb6@s.example"),
                                    .size = 123456,
                                    .body = SMTP_BODY_8BITMIME,
                                    .ret = SMTP_RET_HDRS,
                                    .envid = SLICE_LIT("QQ+2B1"),
                                    .auth = SLICE_LIT("<>"),
                                    .is_utf8 = true,
                                    .requires_tls = true };
    t->m.user = SLICE_LIT("joe");
    t->m.tls_required_no = true;
    t->rcpts[1].rcpt.notify = SMTP_NOTIFY_FAILURE | SMTP_NOTIFY_DELAY;
    t->rcpts[1].rcpt.orcpt = SLICE_LIT("rfc822;b@b.example");
    t->rcpts[2].is_held = true;
}

static void check_rich(const struct stored_message *m)
{
    CHECK_INT(m->received_s, 1700000000);
    CHECK_INT(m->origin, ORIGIN_SUBMISSION);
    CHECK_STR(m->mail.address, "j\xc3\xb6@s.example");
    CHECK_INT(m->mail.size, 123456);
    CHECK(m->mail.body == SMTP_BODY_8BITMIME && m->mail.ret == SMTP_RET_HDRS);
    CHECK_STR(m->mail.envid, "QQ+2B1");
    CHECK_STR(m->mail.auth, "<>");
    CHECK(m->mail.is_utf8 && m->mail.requires_tls && m->tls_required_no);
    CHECK_STR(m->user, "joe");
    CHECK_STR(m->client, "192.0.2.1");
    CHECK_INT(m->rcpts_len, 3);
    CHECK_INT(m->rcpts[1].index, 1);
    CHECK_STR(m->rcpts[1].domain, "b.example");
    CHECK_STR(m->rcpts[1].rcpt.address, "bob@somewhere.example");
    CHECK_INT(m->rcpts[1].rcpt.notify, SMTP_NOTIFY_FAILURE | SMTP_NOTIFY_DELAY);
    CHECK_STR(m->rcpts[1].rcpt.orcpt, "rfc822;b@b.example");
    CHECK_INT(m->rcpts[1].due_s, 1000);
    CHECK(!m->rcpts[1].is_held && m->rcpts[2].is_held);
}

TEST(put_and_find)
{
    const struct stored_trace lines[] = { { 1700000000001, SLICE_LIT("{\"a\":\"b c\"}") },
                                          { 1700000000002, SLICE_LIT("{}") } };
    struct test_store t = test_store_new();
    struct test_message m;
    struct store_request put = { .verb = STORE_PUT, .message = &m.m, .traces_in = lines, .traces_in_len = 2 };
    struct store_request find = { .verb = STORE_FIND, .id = 7 };

    make_rich(&m, 7);
    CHECK_INT(call(&t, &put), OK);
    CHECK_INT(call(&t, &put), ERR_EXISTS);
    test_store_reopen(&t);
    CHECK_INT(call(&t, &find), OK);
    CHECK_INT(find.messages_len, 1);
    check_rich(find.messages);
    CHECK_INT(find.traces_len, 2);
    CHECK_INT(find.traces[0].at_ms, 1700000000001);
    CHECK_STR(find.traces[0].json, "{\"a\":\"b c\"}");
    CHECK_STR(find.traces[1].json, "{}");
    arena_release(&find.arena);
    find.id = 8;
    CHECK_INT(call(&t, &find), ERR_NOT_FOUND);
    arena_release(&find.arena);
    test_store_end(&t);
}

static enum status load(struct test_store *t, uint64_t id, uint32_t no, struct store_request *r)
{
    *r = (struct store_request){ .verb = STORE_LOAD, .id = id, .chunk_no = no };
    return call(t, r);
}

TEST(load_inline)
{
    struct test_store t = test_store_new();
    struct store_request r;

    CHECK_INT(put_simple(&t, 7, 0, "example.org", false), OK);
    CHECK_INT(load(&t, 7, 0, &r), OK);
    CHECK_STR(r.bytes, "hello");
    arena_release(&r.arena);
    CHECK_INT(load(&t, 7, 1, &r), ERR_NOT_FOUND);
    CHECK_INT(load(&t, 8, 0, &r), ERR_NOT_FOUND);
    test_store_end(&t);
}

static enum status put_chunk(struct test_store *t, uint64_t id, uint32_t no, struct slice bytes)
{
    struct store_request r = { .verb = STORE_CHUNK, .id = id, .chunk_no = no, .bytes = bytes };

    return call(t, &r);
}

TEST(chunks)
{
    static char big[STORE_CHUNK_MAX];
    struct test_store t = test_store_new();
    struct test_message m;
    struct store_request put = { .verb = STORE_PUT, .message = &m.m }, r;

    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (char)(i * 31);
    test_message_init(&m, 9, 0, one);
    m.m.body = SLICE_LIT("");
    m.m.chunks = 2;
    CHECK_INT(put_chunk(&t, 9, 0, slice_of(big, sizeof big)), OK);
    CHECK_INT(call(&t, &put), ERR_NOT_FOUND);
    CHECK_INT(put_chunk(&t, 9, 1, SLICE_LIT("tail")), OK);
    CHECK_INT(put_chunk(&t, 9, 1, SLICE_LIT("tail")), ERR_EXISTS);
    CHECK_INT(load(&t, 9, 1, &r), ERR_NOT_FOUND);
    CHECK_INT(call(&t, &put), OK);
    test_store_reopen(&t);
    CHECK_INT(load(&t, 9, 0, &r), OK);
    CHECK(slice_eq(r.bytes, slice_of(big, sizeof big)));
    arena_release(&r.arena);
    CHECK_INT(load(&t, 9, 1, &r), OK);
    CHECK_STR(r.bytes, "tail");
    arena_release(&r.arena);
    test_store_end(&t);
}

/* Chunks whose message never comes go by DROP, or when the store is opened next. */
TEST(chunks_without_a_message)
{
    struct test_store t = test_store_new();
    struct store_request drop = { .verb = STORE_DROP, .id = 5 };

    CHECK_INT(put_chunk(&t, 5, 0, SLICE_LIT("x")), OK);
    CHECK_INT(call(&t, &drop), OK);
    CHECK_INT(put_chunk(&t, 5, 0, SLICE_LIT("x")), OK);
    test_store_reopen(&t);
    CHECK_INT(put_chunk(&t, 5, 0, SLICE_LIT("x")), OK);
    test_store_end(&t);
}

static struct store_request claim(struct test_store *t, size_t limit, int64_t now_s)
{
    struct store_request r = { .verb = STORE_CLAIM, .limit = limit, .now_s = now_s };

    CHECK_INT(call(t, &r), OK);
    return r;
}

static size_t claim_count(struct test_store *t, int64_t now_s)
{
    struct store_request r = claim(t, 12, now_s);

    arena_release(&r.arena);
    return r.count;
}

TEST(settle_all_done)
{
    const struct stored_trace line = { 1, SLICE_LIT("{\"done\":1}") };
    const struct delivery_change changes[] = { { .index = 0 }, { .index = 1 }, { .index = 2 } };
    struct test_store t = test_store_new();
    struct test_message m;
    struct store_request put = { .verb = STORE_PUT, .message = &m.m, .is_claimed = true };
    struct store_request settle = { .verb = STORE_SETTLE, .id = 3, .changes = changes, .changes_len = 2 };
    struct store_request find = { .verb = STORE_FIND, .id = 3 };

    test_message_init(&m, 3, 0, three);
    CHECK_INT(call(&t, &put), OK);
    CHECK_INT(call(&t, &settle), OK);
    CHECK_INT(stats_at(&t, 1).deliveries, 1);
    settle.changes_len = 3;
    settle.traces_in = &line;
    settle.traces_in_len = 1;
    CHECK_INT(call(&t, &settle), OK);
    CHECK_INT(call(&t, &settle), ERR_NOT_FOUND);
    CHECK_INT(call(&t, &find), OK);
    CHECK_INT(find.messages_len, 0);
    CHECK_INT(find.traces_len, 1);
    arena_release(&find.arena);
    CHECK_INT(stats_at(&t, 1).messages, 0);
    test_store_end(&t);
}

TEST(settle_deferred_and_claim_again)
{
    const struct delivery_change deferred = { .outcome = DELIVERY_DEFERRED,
                                              .due_s = 500,
                                              .attempts = 2,
                                              .delay_notified = true,
                                              .last_error = SLICE_LIT("450 later") };
    const struct delivery_change held = { .outcome = DELIVERY_HELD, .due_s = 500, .attempts = 3 };
    struct test_store t = test_store_new();
    struct store_request r;

    CHECK_INT(put_simple(&t, 3, 0, "example.org", true), OK);
    CHECK_INT(claim_count(&t, 1000), 0);
    CHECK_INT(settle_simple(&t, 3, deferred), OK);
    CHECK_INT(claim_count(&t, 499), 0);
    CHECK_INT(stats_at(&t, 499).due, 0);
    CHECK_INT(stats_at(&t, 500).due, 1);
    CHECK_INT(stats_at(&t, 0).due, 1);
    CHECK_INT(stats_at(&t, 500).deferred, 1);
    r = claim(&t, 10, 500);
    CHECK_INT(r.messages_len, 1);
    CHECK_INT(r.messages[0].body.len, 0);
    CHECK_INT(r.messages[0].rcpts[0].attempts, 2);
    CHECK(r.messages[0].rcpts[0].delay_notified);
    CHECK_STR(r.messages[0].rcpts[0].last_error, "450 later");
    arena_release(&r.arena);
    CHECK_INT(claim_count(&t, 500), 0);
    CHECK_INT(settle_simple(&t, 3, held), OK);
    CHECK_INT(claim_count(&t, 500), 0);
    CHECK_INT(stats_at(&t, 500).held, 1);
    CHECK_INT(stats_at(&t, 500).deferred, 0);
    test_store_end(&t);
}

TEST(settle_with_bounce)
{
    struct test_store t = test_store_new();
    struct test_message dsn;
    const struct delivery_change done = { .index = 0 };
    struct store_request settle = {
        .verb = STORE_SETTLE, .id = 3, .changes = &done, .changes_len = 1, .dsns = &dsn.m, .dsns_len = 1
    };
    struct store_request r;

    CHECK_INT(put_simple(&t, 3, 0, "example.org", true), OK);
    test_message_init(&dsn, 4, 0, one);
    dsn.m.origin = ORIGIN_LOCAL;
    dsn.m.client = (struct slice){ 0 };
    CHECK_INT(call(&t, &settle), OK);
    r = claim(&t, 10, 1);
    CHECK_INT(r.messages_len, 1);
    CHECK_INT(r.messages[0].id, 4);
    CHECK_INT(r.messages[0].origin, ORIGIN_LOCAL);
    arena_release(&r.arena);
    CHECK(!is_there(&t, 3));
    test_store_end(&t);
}

/* What was claimed when the process ended is claimed anew by the next. */
TEST(claims_are_given_back)
{
    struct test_store t = test_store_new();
    struct store_request r;

    CHECK_INT(put_simple(&t, 3, 0, "example.org", true), OK);
    CHECK_INT(put_simple(&t, 4, 0, "example.org", false), OK);
    r = claim(&t, 10, 1);
    CHECK_INT(r.count, 1);
    arena_release(&r.arena);
    test_store_reopen(&t);
    r = claim(&t, 10, 1);
    CHECK_INT(r.count, 2);
    arena_release(&r.arena);
    test_store_end(&t);
}

TEST(claim_takes_a_message_together)
{
    struct test_store t = test_store_new();
    struct test_message m;
    struct store_request put = { .verb = STORE_PUT, .message = &m.m }, r;

    test_message_init(&m, 3, 100, three);
    m.rcpts[1].due_s = 900;
    CHECK_INT(call(&t, &put), OK);
    CHECK_INT(put_simple(&t, 4, 50, "c.example", false), OK);
    r = claim(&t, 2, 500);
    CHECK_INT(r.messages_len, 2);
    CHECK_INT(r.messages[0].id, 4);
    CHECK_INT(r.messages[1].rcpts_len, 2);
    CHECK_INT(r.messages[1].rcpts[1].index, 2);
    arena_release(&r.arena);
    r = claim(&t, 2, 900);
    CHECK_INT(r.count, 1);
    CHECK_INT(r.messages[0].rcpts[0].index, 1);
    arena_release(&r.arena);
    test_store_end(&t);
}

/* RES-06: a domain with many deliveries due, all of them older, does not keep the others out. */
TEST(claim_is_fair)
{
    struct test_store t = test_store_new();
    struct store_request r;
    char domain[20];
    size_t others = 0;

    for (uint64_t i = 1; i <= 60; i++)
        CHECK_INT(put_simple(&t, i, 10, "dead.example", false), OK);
    for (uint64_t i = 101; i <= 104; i++) {
        (void)snprintf(domain, sizeof domain, "d%d.example", (int)i);
        CHECK_INT(put_simple(&t, i, 20, domain, false), OK);
    }
    CHECK_INT(put_simple(&t, 105, 99, "later.example", false), OK);
    r = claim(&t, 12, 50);
    CHECK_INT(r.count, 12);
    for (size_t i = 0; i < r.messages_len; i++)
        others += r.messages[i].id > 100;
    CHECK_INT(others, 4);
    arena_release(&r.arena);
    for (size_t taken = 12, more; taken < 64; taken += more) {
        more = claim_count(&t, 50);
        CHECK(more > 0);
    }
    CHECK_INT(claim_count(&t, 50), 0);
    test_store_end(&t);
}

static struct store_request list(struct test_store *t, uint64_t after, size_t limit, const char *domain,
                                 const char *sender)
{
    struct store_request r = {
        .verb = STORE_LIST, .after_id = after, .limit = limit, .filter = { slice_str(domain), slice_str(sender) }
    };

    CHECK_INT(call(t, &r), OK);
    return r;
}

static const struct {
    const char *name;
    uint64_t after;
    size_t limit;
    const char *domain, *sender;
    size_t found;
} lists[] = {
    { "all", 0, 100, "", "", 4 },
    { "a page", 0, 2, "", "", 2 },
    { "the next page", 2, 2, "", "", 2 },
    { "behind the last", 4, 2, "", "", 0 },
    { "no room", 0, 0, "", "", 0 },
    { "a domain", 0, 100, "b.example", "", 2 },
    { "a domain, a page", 0, 1, "b.example", "", 1 },
    { "no such domain", 0, 100, "c.example", "", 0 },
    { "a sender", 0, 100, "", "ann@sender.example", 4 },
    { "no such sender", 0, 100, "b.example", "bob@sender.example", 0 },
};

TEST(list)
{
    struct test_store t = test_store_new();

    for (uint64_t id = 1; id <= 4; id++) {
        struct test_message m;
        struct store_request put = { .verb = STORE_PUT, .message = &m.m };

        test_message_init(&m, id, 0, id % 2 == 0 ? three : one);
        CHECK_INT(call(&t, &put), OK);
    }
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        struct store_request r = list(&t, lists[i].after, lists[i].limit, lists[i].domain, lists[i].sender);

        CHECK_CASE(lists[i].name, r.messages_len == lists[i].found);
        for (size_t j = 0; j < r.messages_len; j++)
            CHECK_CASE(lists[i].name, r.messages[j].rcpts_len == (r.messages[j].id % 2 == 0 ? 3 : 1));
        arena_release(&r.arena);
    }
    test_store_end(&t);
}

static struct store_request change(struct test_store *t, enum queue_change what, uint64_t id, const char *domain,
                                   int64_t now_s)
{
    struct store_request r = {
        .verb = STORE_CHANGE, .change = what, .id = id, .now_s = now_s, .filter = { .domain = slice_str(domain) }
    };

    (void)call(t, &r);
    return r;
}

TEST(change_hold_release_retry)
{
    struct test_store t = test_store_new();

    CHECK_INT(put_simple(&t, 1, 900, "a.example", false), OK);
    CHECK_INT(put_simple(&t, 2, 900, "b.example", false), OK);
    CHECK_INT(put_simple(&t, 3, 900, "b.example", true), OK);
    CHECK_INT(change(&t, QUEUE_HOLD, 0, "b.example", 5).count, 2);
    CHECK_INT(change(&t, QUEUE_HOLD, 0, "", 5).count, 1);
    CHECK_INT(stats_at(&t, 900).held, 3);
    CHECK_INT(change(&t, QUEUE_RELEASE, 1, "", 5).count, 1);
    CHECK_INT(stats_at(&t, 900).due, 1);
    CHECK_INT(change(&t, QUEUE_RETRY, 0, "", 5).count, 2);
    CHECK_INT(change(&t, QUEUE_RETRY, 0, "", 5).count_busy, 1);
    CHECK_INT(stats_at(&t, 5).due, 1);
    CHECK_INT(change(&t, QUEUE_RETRY, 77, "", 5).status, ERR_NOT_FOUND);
    /* 3 was put on hold while it was tried: it stays there. */
    CHECK_INT(settle_simple(&t, 3, (struct delivery_change){ .outcome = DELIVERY_DEFERRED, .attempts = 1 }), OK);
    CHECK_INT(stats_at(&t, 900).held, 2);
    test_store_end(&t);
}

TEST(change_remove)
{
    struct test_store t = test_store_new();
    struct test_message m;
    struct store_request put = { .verb = STORE_PUT, .message = &m.m }, r;

    test_message_init(&m, 1, 0, three);
    CHECK_INT(call(&t, &put), OK);
    CHECK_INT(put_simple(&t, 2, 0, "a.example", true), OK);
    r = change(&t, QUEUE_REMOVE, 0, "a.example", 0);
    CHECK_INT(r.count, 2);
    CHECK_INT(r.count_busy, 1);
    CHECK_INT(stats_at(&t, 0).deliveries, 2);
    CHECK_INT(stats_at(&t, 0).messages, 2);
    CHECK_INT(change(&t, QUEUE_REMOVE, 1, "", 0).count, 1);
    CHECK(!is_there(&t, 1));
    CHECK_INT(change(&t, QUEUE_REMOVE, 1, "", 0).status, ERR_NOT_FOUND);
    r = change(&t, QUEUE_REMOVE, 2, "", 0);
    CHECK(r.status == OK && r.count == 0 && r.count_busy == 1);
    test_store_end(&t);
}

TEST(counters)
{
    struct test_store t = test_store_new();
    const struct counter_row rows[] = {
        { SLICE_LIT("2026-11-23"), SLICE_LIT("in"), SLICE_LIT("x"), 1 },
        { SLICE_LIT("2026-11-24"), SLICE_LIT("in"), SLICE_LIT("x"), 2 },
        { SLICE_LIT("2026-11-24"), SLICE_LIT("in"), SLICE_LIT("x"), 3 },
        { SLICE_LIT("2026-11-24"), SLICE_LIT("in"), SLICE_LIT("y"), 4 },
        { SLICE_LIT("2026-11-24"), SLICE_LIT("out"), SLICE_LIT("x"), 9 },
    };
    struct store_request add = { .verb = STORE_COUNT, .counters_in = rows, .counters_in_len = COUNT_OF(rows) };
    struct store_request r = { .verb = STORE_COUNTERS, .name = SLICE_LIT("in"), .since_day = SLICE_LIT("2026-11-24") };

    CHECK_INT(call(&t, &add), OK);
    CHECK_INT(call(&t, &r), OK);
    CHECK_INT(r.counters_len, 2);
    CHECK_STR(r.counters[0].key, "x");
    CHECK_INT(r.counters[0].value, 5);
    CHECK_STR(r.counters[1].day, "2026-11-24");
    CHECK_STR(r.counters[1].name, "in");
    arena_release(&r.arena);
    r.name = slice_str("");
    CHECK_INT(call(&t, &r), OK);
    CHECK_INT(r.counters_len, 3);
    CHECK_STR(r.counters[2].name, "out");
    arena_release(&r.arena);
    test_store_end(&t);
}

TEST(trim)
{
    const struct stored_trace line = { 1, SLICE_LIT("{}") };
    const uint64_t old = (uint64_t)1000 * 1000 << 20, new = (uint64_t)2000 * 1000 << 20;
    const struct {
        uint64_t id;
        bool is_queued;
    } messages[] = { { old, false }, { old + 1, true }, { old + 2, false }, { new, false } };
    struct test_store t = test_store_new();
    struct store_request r = { .verb = STORE_TRIM, .before_s = 1500, .limit = 1 };

    for (size_t i = 0; i < COUNT_OF(messages); i++) {
        struct test_message m;
        struct store_request put = { .verb = STORE_PUT, .message = &m.m, .traces_in = &line, .traces_in_len = 1 };

        test_message_init(&m, messages[i].id, 0, one);
        CHECK_INT(call(&t, &put), OK);
        if (!messages[i].is_queued)
            CHECK_INT(settle_simple(&t, messages[i].id, (struct delivery_change){ 0 }), OK);
    }
    CHECK_INT(call(&t, &r), OK);
    CHECK_INT(r.count, 1);
    r.limit = 10;
    CHECK_INT(call(&t, &r), OK);
    CHECK_INT(r.count, 1);
    r = (struct store_request){ .verb = STORE_FIND, .id = new };
    CHECK_INT(call(&t, &r), OK);
    CHECK_INT(r.traces_len, 1);
    arena_release(&r.arena);
    CHECK(is_there(&t, old + 1));
    test_store_end(&t);
}

/* Many requests at once: one transaction or a few, answers in order, one failure among them harms no other. */
TEST(group)
{
    enum { MANY = 1200, TWICE = 600 };
    static struct test_message m[MANY];
    static struct store_request puts[MANY];
    struct test_store t = test_store_new();
    struct handoff *reply = handoff_new();
    size_t back = 0;

    for (size_t i = 0; i < MANY; i++) {
        test_message_init(&m[i], i == TWICE ? 1 : i + 1, 0, one);
        puts[i] = (struct store_request){ .verb = STORE_PUT, .message = &m[i].m, .reply_to = reply };
        store_send(t.store, &puts[i]);
    }
    while (back < MANY) {
        struct handoff_item *item = handoff_take(reply);

        if (item == NULL)
            CHECK(handoff_wait(reply, 10000));
        for (; item != NULL; item = item->next) {
            CHECK((struct store_request *)(void *)item == &puts[back]);
            CHECK_INT(puts[back].status, back == TWICE ? ERR_EXISTS : OK);
            back++;
        }
    }
    CHECK_INT(stats_at(&t, 0).messages, MANY - 1);
    CHECK_INT(stats_at(&t, 0).oldest_received_s, 1700000000);
    test_store_end(&t);
    handoff_free(reply);
}

TEST(closing_answers_what_was_sent)
{
    struct test_store t = test_store_new();
    struct test_message m;
    struct handoff *reply = handoff_new();
    struct store_request r = { .verb = STORE_PUT, .message = &m.m, .reply_to = reply };

    test_message_init(&m, 1, 0, one);
    store_send(t.store, &r);
    store_close(t.store);
    CHECK(handoff_take(reply) == &r.item && r.status == OK);
    handoff_free(reply);
    test_store_open(&t);
    CHECK(is_there(&t, 1));
    test_store_end(&t);
}

TEST(room_beyond_the_reserve)
{
    static const struct { uint64_t reserve, bytes; bool fits; } cases[] = {
        { 0, 0, true },          { 0, 4096, true },          { 4096, 4096, true },
        { 0, 1ULL << 60, false }, { 1ULL << 60, 0, false },  { 0, UINT64_MAX, false },
        { UINT64_MAX, 0, false }, { UINT64_MAX, UINT64_MAX, false },
    };
    struct test_store t = test_store_new();

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct store_config config = { .url = t.url, .reserve_bytes = cases[i].reserve };

        store_close(t.store);
        CHECK(store_open(&config, &t.store, NULL) == OK);
        CHECK(store_has_room(t.store, cases[i].bytes) == cases[i].fits);
    }
    test_store_end(&t);
}

RUN_TESTS(T(put_and_find), T(load_inline), T(chunks), T(chunks_without_a_message), T(settle_all_done),
          T(settle_deferred_and_claim_again), T(settle_with_bounce), T(claims_are_given_back),
          T(claim_takes_a_message_together), T(claim_is_fair), T(list), T(change_hold_release_retry), T(change_remove),
          T(counters), T(trim), T(group), T(closing_answers_what_was_sent),
          T(room_beyond_the_reserve))
