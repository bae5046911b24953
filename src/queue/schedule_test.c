#include "queue/schedule.h"

#include "base/test.h"

static const int64_t waits[] = { 300, 900, 1800 };
static const struct schedule plan = { .retry_s = waits, .retry_len = 3, .expire_s = 86400, .warn_s = 14400 };

static const struct { const char *name; uint32_t attempts; int64_t least, most; } wait_cases[] = {
    { "after the first attempt", 1, 270, 330 },
    { "after the second", 2, 810, 990 },
    { "the last value repeats", 50, 1620, 1980 },
    { "no attempt counts as the first", 0, 270, 330 },
};

TEST(waits_keep_their_spread)
{
    for (size_t i = 0; i < COUNT_OF(wait_cases); i++) {
        bool saw_other = false;

        for (uint32_t random = 0; random < 1000; random += 7) {
            int64_t wait = schedule_wait_s(&plan, wait_cases[i].attempts, random);

            CHECK_CASE(wait_cases[i].name, wait >= wait_cases[i].least && wait <= wait_cases[i].most);
            saw_other |= wait != wait_cases[i].least;
        }
        CHECK_CASE(wait_cases[i].name, saw_other);
    }
}

TEST(the_last_try_is_at_the_end)
{
    CHECK_INT(schedule_due_s(&plan, 1000, 1000 + 86400 - 60, 9, 0), 1000 + 86400);
    CHECK_INT(schedule_due_s(&plan, 1000, 1000 + 2 * 86400, 9, 0), 1000 + 2 * 86400 + 1620);
}

/* CLK-01: a clock that stepped back makes no message expire, and no due time runs away. */
TEST(clock_steps)
{
    CHECK(!schedule_is_expired(&plan, 5000000, 1000, 0));
    CHECK(!schedule_wants_warning(&plan, 5000000, 1000, false));
    CHECK(schedule_due_s(&plan, 5000000, 1000, 1, 0) == 1270);
}

TEST(patience_and_warning)
{
    CHECK(schedule_is_expired(&plan, 0, 86400, 0));
    CHECK(!schedule_is_expired(&plan, 0, 86399, 0));
    CHECK(schedule_is_expired(&plan, 0, 3600, 3600));
    CHECK(schedule_wants_warning(&plan, 0, 14400, false));
    CHECK(!schedule_wants_warning(&plan, 0, 14400, true));
}

RUN_TESTS(T(waits_keep_their_spread), T(the_last_try_is_at_the_end), T(clock_steps), T(patience_and_warning))
