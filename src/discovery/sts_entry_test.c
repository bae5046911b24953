/* How the times of a policy are read, also by a clock that jumps. */
#include "discovery/sts_entry.h"

#include "base/test.h"
#include "discovery/sts_facts.h"

enum { MINUTE = 60, HOUR = 3600, DAY = 86400, YEAR = 365 * DAY, NOON = 1800000000 };

static const struct sts_facts *kept_since(int64_t fetched_s, int64_t max_age_s)
{
    const struct sts_facts draft = { .finding = STS_FOUND,
                                     .domain = SLICE_LIT("a.example"),
                                     .id = SLICE_LIT("1"),
                                     .policy.max_age_s = max_age_s,
                                     .fetched_s = fetched_s,
                                     .expires_s = fetched_s + max_age_s };

    return sts_facts_new(&draft);
}

/* CLK-01, STS-28: looks at a policy fetched at NOON that lives for ten days, by clocks that say this, one after
 * another. */
static const struct {
    const char *name;
    struct {
        int64_t at_s;
        bool holds;
    } looks[4];
} clocks[] = {
    { "goes on",
      { { NOON, true }, { NOON + 10 * DAY - 1, true }, { NOON + 10 * DAY, false }, { NOON + YEAR, false } } },
    { "an hour back",
      { { NOON - HOUR, true }, { NOON, true }, { NOON + 10 * DAY - 1, true }, { NOON + 10 * DAY, false } } },
    { "boots at 1970 and is set right",
      { { 5, true }, { 5 + DAY, true }, { NOON + DAY, true }, { NOON + 10 * DAY, false } } },
    { "ten years back for good: not for longer than it could live",
      { { NOON - 10 * YEAR, true },
        { NOON - 10 * YEAR + 10 * DAY - 1, true },
        { NOON - 10 * YEAR + 10 * DAY, false },
        { NOON - 9 * YEAR, false } } },
    { "back twice",
      { { NOON - YEAR, true }, { NOON - 2 * YEAR, true }, { NOON - 2 * YEAR + 10 * DAY, false }, { NOON, true } } },
    { "ten years on, and back",
      { { NOON + 10 * YEAR, false }, { NOON + DAY, true }, { NOON, true }, { NOON - 1, true } } },
};

TEST(expiry_by_any_clock)
{
    for (size_t i = 0; i < COUNT_OF(clocks); i++) {
        struct sts_entry e = { .kept = kept_since(NOON, 10 * DAY) };

        for (size_t j = 0; j < COUNT_OF(clocks[i].looks); j++)
            CHECK_CASE(clocks[i].name, sts_entry_holds(&e, clocks[i].looks[j].at_s) == clocks[i].looks[j].holds);
        sts_facts_release(e.kept);
    }
}

/* An answer of the DNS serves for its time to live, at least a minute and at most an hour. */
static const struct {
    const char *name;
    int64_t ttl_s, after_s;
    bool is_due;
} looks[] = {
    { "zero counts as a minute", 0, MINUTE - 1, false },
    { "and no more", 0, MINUTE, true },
    { "as it says", 600, 599, false },
    { "and then no more", 600, 600, true },
    { "a day counts as an hour", DAY, HOUR - 1, false },
    { "and no more than that", DAY, HOUR, true },
    { "a clock gone back", 600, -YEAR, false },
};

TEST(looks_serve_for_a_while)
{
    for (size_t i = 0; i < COUNT_OF(looks); i++) {
        struct sts_entry e = { .kept = kept_since(NOON, YEAR) };

        sts_entry_looked(&e, NOON, looks[i].ttl_s);
        CHECK_CASE(looks[i].name, sts_entry_look_is_due(&e, NOON + looks[i].after_s) == looks[i].is_due);
        sts_facts_release(e.kept);
    }
}

/* After a clock went back, the wait is as long as any, no longer. */
TEST(looks_after_a_clock_went_back)
{
    struct sts_entry e = { .kept = kept_since(NOON - 2 * YEAR, 3 * YEAR) };

    sts_entry_looked(&e, NOON, 600);
    CHECK(!sts_entry_look_is_due(&e, NOON - YEAR));
    CHECK(sts_entry_look_is_due(&e, NOON - YEAR + 600));
    sts_facts_release(e.kept);
}

TEST(unknown_is_looked_for)
{
    struct sts_entry e = { .domain = SLICE_LIT("a.example") };

    CHECK(sts_entry_look_is_due(&e, NOON));
    sts_entry_looked(&e, NOON, 600);
    CHECK(sts_entry_look_is_due(&e, NOON));
}

static const int64_t hold_minutes[] = { 5, 10, 20, 40, 80, 160, 240, 240, 240, 240, 240, 240, 240, 240 };

TEST(hold_off_grows)
{
    struct sts_entry e = { .failures = 0 };

    CHECK(!sts_entry_is_held_off(&e, NOON, slice_str("")));
    CHECK_INT(sts_entry_next_try_s(&e, NOON), 0);
    for (size_t i = 0; i < COUNT_OF(hold_minutes); i++) {
        int64_t until_s = NOON + hold_minutes[i] * MINUTE;

        sts_entry_failed(&e, NOON, SLICE_LIT("7"));
        CHECK_INT(sts_entry_next_try_s(&e, NOON), until_s);
        CHECK(sts_entry_is_held_off(&e, until_s - 1, SLICE_LIT("7")));
        CHECK(sts_entry_is_held_off(&e, until_s - 1, slice_str("")));
        CHECK(sts_entry_is_held_off(&e, NOON + STS_HOLD_LEAST_S - 1, SLICE_LIT("8")));
        CHECK(!sts_entry_is_held_off(&e, NOON + STS_HOLD_LEAST_S, SLICE_LIT("8")));
        CHECK(!sts_entry_is_held_off(&e, until_s, SLICE_LIT("7")));
    }
    CHECK(sts_entry_is_held_off(&e, NOON - YEAR, SLICE_LIT("7")));
    CHECK_INT(sts_entry_next_try_s(&e, NOON - YEAR), NOON - YEAR + STS_HOLD_MOST_S);
    sts_entry_succeeded(&e);
    CHECK(!sts_entry_is_held_off(&e, NOON, SLICE_LIT("7")));
}

/* Well before the end, and each at another time; what is late, within an hour, and in time. */
static const struct {
    const char *name;
    int64_t max_age_s, age_s, least_s, most_s;
} refreshes[] = {
    { "ten minutes", 600, 0, 300, 400 },
    { "a day", DAY, 0, DAY / 2, DAY * 2 / 3 },
    { "a year", STS_MAX_AGE_MOST_S, 0, STS_REFRESH_MOST_S * 3 / 4, STS_REFRESH_MOST_S },
    { "a year, and half of it over", STS_MAX_AGE_MOST_S, 180 * DAY, 180 * DAY, 180 * DAY + HOUR },
    { "a day, and almost over", DAY, DAY - 60, DAY - 60, DAY - 30 },
    { "long over", DAY, 3 * DAY, 3 * DAY, 3 * DAY },
};

TEST(refresh_is_planned)
{
    for (size_t i = 0; i < COUNT_OF(refreshes); i++) {
        struct sts_entry e = { .kept = kept_since(NOON, refreshes[i].max_age_s) };
        int64_t first = -1, others = 0;

        for (uint32_t random = 0; random < 3000; random += 7) {
            sts_entry_plan_refresh(&e, NOON + refreshes[i].age_s, random * 2654435761U);
            CHECK_CASE(refreshes[i].name, e.refresh_s >= refreshes[i].least_s && e.refresh_s <= refreshes[i].most_s);
            first = first < 0 ? e.refresh_s : first;
            others += e.refresh_s != first;
        }
        CHECK_CASE(refreshes[i].name, others > 0 || refreshes[i].least_s == refreshes[i].most_s);
        sts_facts_release(e.kept);
    }
}

TEST(forgotten_when_unused)
{
    const struct sts_entry e = { .used_s = NOON };

    CHECK(!sts_entry_is_forgotten(&e, NOON + 180 * DAY));
    CHECK(sts_entry_is_forgotten(&e, NOON + 180 * DAY + 1));
    CHECK(!sts_entry_is_forgotten(&e, NOON - YEAR));
}

RUN_TESTS(T(expiry_by_any_clock), T(looks_serve_for_a_while), T(looks_after_a_clock_went_back),
          T(unknown_is_looked_for), T(hold_off_grows), T(refresh_is_planned), T(forgotten_when_unused))
