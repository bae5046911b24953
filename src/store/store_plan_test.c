/* Plans of our domains, in the store. */
#include "store/store_test.h"

static void save(struct test_store *t, struct slice domain, struct slice state)
{
    const struct plan_row row = { domain, state };
    struct store_request r = { .verb = STORE_PLAN_SAVE, .plan = &row };

    CHECK_INT(call(t, &r), OK);
    arena_release(&r.arena);
}

static struct store_request load(struct test_store *t)
{
    struct store_request r = { .verb = STORE_PLAN_LOAD };

    CHECK_INT(call(t, &r), OK);
    return r;
}

TEST(plans_survive)
{
    struct test_store t = test_store_new();
    struct store_request r;

    save(&t, SLICE_LIT("b.example"), SLICE_LIT("{\"a\":1}"));
    save(&t, SLICE_LIT("a.example"), SLICE_LIT("{}"));
    test_store_reopen(&t);
    r = load(&t);
    CHECK_INT(r.plans_len, 2);
    CHECK_STR(r.plans[0].domain, "a.example");
    CHECK_STR(r.plans[1].state, "{\"a\":1}");
    arena_release(&r.arena);
    save(&t, SLICE_LIT("b.example"), SLICE_LIT("{\"a\":2}"));
    save(&t, SLICE_LIT("a.example"), SLICE_LIT(""));
    r = load(&t);
    CHECK_INT(r.plans_len, 1);
    CHECK_STR(r.plans[0].state, "{\"a\":2}");
    arena_release(&r.arena);
    test_store_end(&t);
}

RUN_TESTS(T(plans_survive))
