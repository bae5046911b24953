/* Policies of our own domains in the store. */
#include "store/store_test.h"

static enum status add(struct test_store *t, const char *domain, const char *id, int64_t made_s)
{
    const struct policy_row row = {
        .domain = slice_str(domain), .id = slice_str(id), .text = SLICE_LIT("version: STSv1\r\n"), .made_s = made_s
    };
    struct store_request r = { .verb = STORE_POLICY_ADD, .policy = &row };

    return call(t, &r);
}

static struct store_request list(struct test_store *t, const char *domain, size_t limit)
{
    struct store_request r = { .verb = STORE_POLICY_LIST, .name = slice_str(domain), .limit = limit };

    CHECK_INT(call(t, &r), OK);
    return r;
}

TEST(policies_are_kept)
{
    struct test_store t = test_store_new();
    struct store_request r;

    CHECK_INT(add(&t, "b.example", "1", 1001), OK);
    CHECK_INT(add(&t, "b.example", "3", 1002), OK);
    CHECK_INT(add(&t, "a.example", "1", 1003), OK);
    CHECK_INT(add(&t, "b.example", "2", 1004), OK);
    test_store_reopen(&t);
    r = list(&t, "", 0);
    CHECK_INT(r.policies_len, 2);
    CHECK_STR(r.policies[0].domain, "a.example");
    CHECK_STR(r.policies[1].id, "2"); /* the last one, not the greatest */
    CHECK_STR(r.policies[1].text, "version: STSv1\r\n");
    CHECK_INT(r.policies[1].made_s, 1004);
    arena_release(&r.arena);
    r = list(&t, "b.example", 2);
    CHECK_INT(r.policies_len, 2);
    CHECK_STR(r.policies[0].id, "2");
    CHECK_STR(r.policies[1].id, "3");
    arena_release(&r.arena);
    r = list(&t, "c.example", 10);
    CHECK_INT(r.policies_len, 0);
    arena_release(&r.arena);
    test_store_end(&t);
}

TEST(ids_are_never_used_again) /* M8 */
{
    struct test_store t = test_store_new();
    struct store_request r;

    CHECK_INT(add(&t, "b.example", "1", 1001), OK);
    CHECK_INT(add(&t, "b.example", "2", 1002), OK);
    CHECK_INT(add(&t, "b.example", "1", 1003), ERR_EXISTS);
    r = list(&t, "b.example", 10);
    CHECK_INT(r.policies_len, 2);
    arena_release(&r.arena);
    test_store_end(&t);
}

RUN_TESTS(T(policies_are_kept), T(ids_are_never_used_again))
