/* What is known of watched servers, in the store. */
#include "store/store_test.h"

static enum status save(struct test_store *t, const struct watched_row *rows, size_t len)
{
    struct store_request r = { .verb = STORE_WATCH_SAVE, .watched_in = rows, .watched_in_len = len };

    (void)call(t, &r);
    arena_release(&r.arena);
    return r.status;
}

static struct store_request load(struct test_store *t)
{
    struct store_request r = { .verb = STORE_WATCH_LOAD };

    CHECK_INT(call(t, &r), OK);
    return r;
}

TEST(what_is_watched_survives)
{
    const struct watched_row rows[] = { { SLICE_LIT("b.test:25"), SLICE_LIT("{\"a\":1}") },
                                        { SLICE_LIT("a.test:25"), SLICE_LIT("{}") } };
    const struct watched_row later[] = { { SLICE_LIT("b.test:25"), SLICE_LIT("{\"a\":2}") },
                                         { SLICE_LIT("a.test:25"), SLICE_LIT("") } };
    struct test_store t = test_store_new();
    struct store_request r;

    CHECK_INT(save(&t, rows, COUNT_OF(rows)), OK);
    test_store_reopen(&t);
    r = load(&t);
    CHECK_INT(r.watched_len, 2);
    CHECK_STR(r.watched[0].name, "a.test:25");
    CHECK_STR(r.watched[1].state, "{\"a\":1}");
    arena_release(&r.arena);
    CHECK_INT(save(&t, later, COUNT_OF(later)), OK);
    r = load(&t);
    CHECK_INT(r.watched_len, 1);
    CHECK_STR(r.watched[0].state, "{\"a\":2}");
    arena_release(&r.arena);
    test_store_end(&t);
}

RUN_TESTS(T(what_is_watched_survives))
