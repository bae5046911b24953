#include "reports/calendar.h"

#include "base/test.h"

enum { NOON_S = 1764072000, MIDNIGHT_S = 1764028800 }; /* 2025-11-25 */

TEST(calendar_day)
{
    char text[CALENDAR_DAY_TEXT];

    CHECK_STR(calendar_day(NOON_S, text), "2025-11-25");
    CHECK_STR(calendar_day(MIDNIGHT_S, text), "2025-11-25");
    CHECK_STR(calendar_day(MIDNIGHT_S - 1, text), "2025-11-24");
    CHECK_INT(calendar_start_s(NOON_S), MIDNIGHT_S);
    CHECK_INT(calendar_start_s(MIDNIGHT_S), MIDNIGHT_S);
}

TEST(calendar_slot)
{
    int64_t first = INT64_MAX, last = 0, next_s = MIDNIGHT_S + CALENDAR_DAY_S;
    char name[32];

    for (int i = 0; i < 2000; i++) {
        int64_t slot;

        (void)snprintf(name, sizeof name, "d%d.example", i);
        slot = calendar_slot_s(MIDNIGHT_S, slice_str(name));
        CHECK(slot >= next_s + CALENDAR_SLOTS_FROM_S && slot < next_s + CALENDAR_SLOTS_TO_S);
        CHECK(slot == calendar_slot_s(MIDNIGHT_S, slice_str(name)));
        first = slot < first ? slot : first;
        last = slot > last ? slot : last;
    }
    CHECK(last - first > CALENDAR_SLOTS_TO_S * 9 / 10); /* spread over all of them */
}

static const struct {
    const char *name;
    int64_t now_s;
    unsigned tries;
    int64_t wish_s, retry_s;
} retries[] = {
    { "the first", 0, 1, 0, 300 },
    { "twice as long", 300, 2, 0, 900 },
    { "as the peer wishes", 300, 2, 5000, 5300 },
    { "later than the peer wishes", 300, 2, 60, 900 },
    { "at most four hours", 40000, 9, 0, 54400 },
    { "no number is too large", 40000, 4000000000U, 0, 54400 },
    { "the last", 72000, 9, 0, 86400 },
    { "given up (RPT-14)", 72001, 9, 0, 0 },
    { "a wish for the day after", 300, 2, 86400, 0 },
};

TEST(calendar_retry)
{
    for (size_t i = 0; i < COUNT_OF(retries); i++)
        CHECK_CASE(retries[i].name,
                   calendar_retry_s(NOON_S, NOON_S + retries[i].now_s, retries[i].tries, retries[i].wish_s) ==
                       (retries[i].retry_s == 0 ? 0 : NOON_S + retries[i].retry_s));
}

RUN_TESTS(T(calendar_day), T(calendar_slot), T(calendar_retry))
