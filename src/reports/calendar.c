#include "reports/calendar.h"

#include "base/clock.h"
#include "base/siphash.h"

enum { FIRST_WAIT_S = 300, LONGEST_WAIT_S = 4 * 3600, DOUBLINGS = 6 };

struct slice calendar_day(int64_t wall_s, char out[static CALENDAR_DAY_TEXT])
{
    char text[CLOCK_TEXT];

    (void)snprintf(out, CALENDAR_DAY_TEXT, "%.*s", CALENDAR_DAY_TEXT - 1, clock_rfc3339(wall_s, text));
    return slice_str(out);
}

int64_t calendar_start_s(int64_t wall_s)
{
    return wall_s - wall_s % CALENDAR_DAY_S;
}

int64_t calendar_slot_s(int64_t start_s, struct slice domain)
{
    static const uint64_t key[2] = { 0 }; /* alike on every node and in every life of it */
    uint64_t spread = CALENDAR_SLOTS_TO_S - CALENDAR_SLOTS_FROM_S;

    return start_s + CALENDAR_DAY_S + CALENDAR_SLOTS_FROM_S + (int64_t)(siphash(key, domain) % spread);
}

int64_t calendar_retry_s(int64_t first_s, int64_t now_s, unsigned tries, int64_t wish_s)
{
    unsigned doublings = tries == 0 ? 0 : tries - 1 < DOUBLINGS ? tries - 1 : DOUBLINGS;
    int64_t wait_s = (int64_t)FIRST_WAIT_S << doublings;

    if (wait_s > LONGEST_WAIT_S)
        wait_s = LONGEST_WAIT_S;
    if (wait_s < wish_s)
        wait_s = wish_s;
    return now_s + wait_s > first_s + CALENDAR_PATIENCE_S ? 0 : now_s + wait_s;
}
