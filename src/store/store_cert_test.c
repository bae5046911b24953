/* Which of our certificates are in service, in the store. */
#include "store/store_test.h"

static enum status save(struct test_store *t, const struct cert_row *rows, size_t len)
{
    struct store_request r = { .verb = STORE_CERT_SAVE, .certs_in = rows, .certs_in_len = len };

    return call(t, &r);
}

TEST(certificates_in_service_survive)
{
    const struct cert_row rows[] = { { SLICE_LIT("mx"), SLICE_LIT("bb"), 7 },
                                     { SLICE_LIT("mx"), SLICE_LIT("aa"), 5 },
                                     { SLICE_LIT(""), SLICE_LIT("aa"), 6 } };
    struct store_request r = { .verb = STORE_CERT_LOAD };
    struct test_store t = test_store_new();

    CHECK_INT(save(&t, rows, COUNT_OF(rows)), OK);
    test_store_reopen(&t);
    CHECK_INT(call(&t, &r), OK);
    CHECK_INT(r.certs_len, 3);
    CHECK_STR(r.certs[0].name, "");
    CHECK_STR(r.certs[1].fingerprint, "aa");
    CHECK_INT(r.certs[1].since_s, 5);
    CHECK_INT(r.certs[2].since_s, 7);
    arena_release(&r.arena);
    CHECK_INT(save(&t, rows, 1), OK); /* in place of all */
    r = (struct store_request){ .verb = STORE_CERT_LOAD };
    CHECK_INT(call(&t, &r), OK);
    CHECK_INT(r.certs_len, 1);
    arena_release(&r.arena);
    test_store_end(&t);
}

TEST(what_was_in_service_is_remembered)
{
    const struct cert_row first = { SLICE_LIT("mx"), SLICE_LIT("aa"), 5 }, second = { SLICE_LIT("mx"), SLICE_LIT("bb"), 9 };
    struct store_request r = { .verb = STORE_CERT_HISTORY, .since_s = 5, .limit = 10 };
    struct test_store t = test_store_new();

    CHECK_INT(save(&t, &first, 1), OK);
    CHECK_INT(save(&t, &second, 1), OK);
    CHECK_INT(save(&t, &second, 1), OK);
    CHECK_INT(call(&t, &r), OK);
    CHECK_INT(r.certs_len, 2);
    CHECK_STR(r.certs[0].fingerprint, "bb"); /* the latest first */
    CHECK_INT(r.certs[1].since_s, 5);
    arena_release(&r.arena);
    r = (struct store_request){ .verb = STORE_CERT_HISTORY, .since_s = 6, .limit = 10 };
    CHECK_INT(call(&t, &r), OK);
    CHECK_INT(r.certs_len, 1);
    arena_release(&r.arena);
    test_store_end(&t);
}

RUN_TESTS(T(certificates_in_service_survive), T(what_was_in_service_is_remembered))
