/* What every backend must do with settings and their audit. */
#include "store/store_test.h"

static enum status change_setting(struct test_store *t, uint64_t base, const char *name, const char *before,
                                  const char *after)
{
    const struct setting_row row = { .kind = SLICE_LIT("host"),
                                     .name = slice_str(name),
                                     .before = slice_str(before),
                                     .after = slice_str(after),
                                     .audit_before = slice_str(before),
                                     .audit_after = slice_str(after) };
    struct store_request r = { .verb = STORE_SETTINGS_CHANGE,
                               .base_version = base,
                               .settings_in = &row,
                               .settings_in_len = 1,
                               .who = SLICE_LIT("ann"),
                               .from = SLICE_LIT("cli") };

    return call(t, &r);
}

static const struct {
    const char *name;
    uint64_t base;
    const char *setting, *before, *after;
    enum status st;
} setting_cases[] = {
    { "create", 0, "h", NULL, "{\"v\":1}", OK },
    { "on an old version", 0, "h", "{\"v\":1}", "{\"v\":2}", ERR_CONFLICT },
    { "change", 1, "h", "{\"v\":1}", "{\"v\":2}", OK },
    { "create what is there", 2, "h", NULL, "{}", ERR_EXISTS },
    { "change what is not", 2, "i", "{}", "{\"v\":1}", ERR_NOT_FOUND },
    { "create another", 2, "i", NULL, "{}", OK },
    { "delete", 3, "h", "{\"v\":2}", NULL, OK },
};

TEST(settings_and_audit)
{
    struct test_store t = test_store_new();
    struct store_request r = { .verb = STORE_SETTINGS_LOAD };

    for (size_t i = 0; i < COUNT_OF(setting_cases); i++)
        CHECK_CASE(setting_cases[i].name,
                   change_setting(&t, setting_cases[i].base, setting_cases[i].setting, setting_cases[i].before,
                                  setting_cases[i].after) == setting_cases[i].st);
    CHECK_INT(call(&t, &r), OK);
    CHECK_INT(r.version, 4);
    CHECK_INT(r.settings_len, 1);
    CHECK_STR(r.settings[0].name, "i");
    CHECK_STR(r.settings[0].after, "{}");
    arena_release(&r.arena);
    r = (struct store_request){ .verb = STORE_AUDIT, .limit = 10 };
    CHECK_INT(call(&t, &r), OK);
    CHECK(r.audit_is_whole);
    CHECK_INT(r.audit_len, 4);
    CHECK_STR(r.audit[0].action, "create");
    CHECK(r.audit[0].before.ptr == NULL);
    CHECK_STR(r.audit[1].action, "change");
    CHECK_STR(r.audit[1].after, "{\"v\":2}");
    CHECK_STR(r.audit[3].action, "delete");
    CHECK(r.audit[3].after.ptr == NULL);
    CHECK_STR(r.audit[3].who, "ann");
    CHECK_STR(r.audit[3].from, "cli");
    arena_release(&r.arena);
    for (uint64_t after = 0; after <= 5; after++) {
        r = (struct store_request){ .verb = STORE_AUDIT, .after_id = after, .limit = 2 };
        CHECK_INT(call(&t, &r), OK);
        CHECK(r.audit_is_whole);
        CHECK_INT(r.audit_len, after >= 4 ? 0 : after == 3 ? 1 : 2);
        arena_release(&r.arena);
    }
    test_store_end(&t);
}

/* One conflict in a change of several settings changes none of them. */
TEST(settings_change_is_all_or_nothing)
{
    struct test_store t = test_store_new();
    const struct setting_row rows[] = {
        { .kind = SLICE_LIT("rule"), .name = SLICE_LIT("a"), .after = SLICE_LIT("{}") },
        { .kind = SLICE_LIT("rule"), .name = SLICE_LIT("b"), .before = SLICE_LIT("{}") },
    };
    struct store_request r = { .verb = STORE_SETTINGS_CHANGE, .settings_in = rows, .settings_in_len = 2 };

    CHECK_INT(call(&t, &r), ERR_NOT_FOUND);
    r = (struct store_request){ .verb = STORE_SETTINGS_LOAD };
    CHECK_INT(call(&t, &r), OK);
    CHECK(r.version == 0 && r.settings_len == 0);
    arena_release(&r.arena);
    test_store_end(&t);
}

RUN_TESTS(T(settings_and_audit), T(settings_change_is_all_or_nothing))
