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

/* When a certificate left, and that it came back. */
TEST(what_left_service_is_remembered)
{
    const struct cert_row both[] = { { SLICE_LIT("mx"), SLICE_LIT("aa"), 5, .spki = SLICE_LIT("11") },
                                     { SLICE_LIT("mx"), SLICE_LIT("bb"), 9, .spki = SLICE_LIT("22") } };
    static const struct {
        int64_t now_s;
        size_t first, len;
        int64_t until_s[2]; /* of bb and aa: the latest first */
    } steps[] = { { 10, 0, 2, { 0, 0 } }, { 20, 1, 1, { 0, 20 } }, { 30, 1, 1, { 0, 20 } }, { 40, 0, 1, { 40, 0 } } };
    struct test_store t = test_store_new();

    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        struct store_request r = { .verb = STORE_CERT_SAVE, .now_s = steps[i].now_s, .certs_in = both + steps[i].first,
                                   .certs_in_len = steps[i].len };
        struct store_request h = { .verb = STORE_CERT_HISTORY, .limit = 10 };

        CHECK_INT(call(&t, &r), OK);
        CHECK_INT(call(&t, &h), OK);
        CHECK_INT(h.certs_len, 2);
        CHECK_STR(h.certs[0].spki, "22");
        CHECK_STR(h.certs[1].spki, "11");
        CHECK_INT(h.certs[0].until_s, steps[i].until_s[0]);
        CHECK_INT(h.certs[1].until_s, steps[i].until_s[1]);
        arena_release(&h.arena);
    }
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

RUN_TESTS(T(what_left_service_is_remembered), T(certificates_in_service_survive), T(what_was_in_service_is_remembered))
