/* MTA-STS policies in the store. */
#include "store/store_test.h"

static enum status save(struct test_store *t, const char *domain, const char *id, int64_t used_s)
{
    const struct sts_row row = { .domain = slice_str(domain),
                                 .id = slice_str(id),
                                 .text = SLICE_LIT("version: STSv1\nmode: none\nmax_age: 60\n"),
                                 .fetched_s = 1000,
                                 .expires_s = 1060,
                                 .checked_s = 1001,
                                 .used_s = used_s };
    struct store_request r = { .verb = STORE_STS_SAVE, .sts_in = &row, .sts_in_len = 1 };

    return call(t, &r);
}

static struct store_request load(struct test_store *t)
{
    struct store_request r = { .verb = STORE_STS_LOAD };

    CHECK_INT(call(t, &r), OK);
    return r;
}

static uint64_t forget(struct test_store *t, const char *domain)
{
    struct store_request r = { .verb = STORE_STS_FORGET, .name = slice_str(domain) };

    CHECK_INT(call(t, &r), OK);
    return r.count;
}

TEST(policies_survive)
{
    struct test_store t = test_store_new();
    struct store_request r;

    CHECK_INT(save(&t, "b.example", "1", 1002), OK);
    CHECK_INT(save(&t, "a.example", "7", 1003), OK);
    CHECK_INT(save(&t, "b.example", "2", 1004), OK);
    test_store_reopen(&t);
    r = load(&t);
    CHECK_INT(r.sts_len, 2);
    CHECK_STR(r.sts[0].domain, "a.example");
    CHECK_STR(r.sts[1].domain, "b.example");
    CHECK_STR(r.sts[1].id, "2");
    CHECK_STR(r.sts[1].text, "version: STSv1\nmode: none\nmax_age: 60\n");
    CHECK_INT(r.sts[1].fetched_s, 1000);
    CHECK_INT(r.sts[1].expires_s, 1060);
    CHECK_INT(r.sts[1].checked_s, 1001);
    CHECK_INT(r.sts[1].used_s, 1004);
    arena_release(&r.arena);
    test_store_end(&t);
}

TEST(policies_are_forgotten)
{
    struct test_store t = test_store_new();
    struct store_request r;

    CHECK_INT(save(&t, "a.example", "1", 0), OK);
    CHECK_INT(save(&t, "b.example", "1", 0), OK);
    CHECK_INT(save(&t, "c.example", "1", 0), OK);
    CHECK_INT(forget(&t, "b.example"), 1);
    CHECK_INT(forget(&t, "b.example"), 0);
    r = load(&t);
    CHECK_INT(r.sts_len, 2);
    arena_release(&r.arena);
    CHECK_INT(forget(&t, ""), 2);
    r = load(&t);
    CHECK_INT(r.sts_len, 0);
    arena_release(&r.arena);
    test_store_end(&t);
}

RUN_TESTS(T(policies_survive), T(policies_are_forgotten))
