/* reports/calendar.h: when a TLS report is made, and when it is tried again (RFC 8460 sections 4.1 and 5.5). Pure. */
#ifndef STERNPOST_REPORTS_CALENDAR_H
#define STERNPOST_REPORTS_CALENDAR_H

#include "base/slice.h"

enum {
    CALENDAR_DAY_S = 86400,
    CALENDAR_DAY_TEXT = 11,
    CALENDAR_SLOTS_FROM_S = 300, /* after midnight: by then every node's counts are in the store */
    CALENDAR_SLOTS_TO_S = 4 * 3600,
    CALENDAR_PATIENCE_S = 86400, /* for one report, from its first try on */
};

/* "2026-11-24" of any second in it. */
struct slice calendar_day(int64_t wall_s, char out[static CALENDAR_DAY_TEXT]);
int64_t calendar_start_s(int64_t wall_s); /* the first second of its day, UTC */

/* When the report of the day that starts at `start_s` is due for a domain: within the first four hours of the next day, at
 * the same time every day. */
int64_t calendar_slot_s(int64_t start_s, struct slice domain);

/* When it is tried again after `tries` of them failed, the last at `now_s`; the peer's wish is kept if it is later. 0: given
 * up, for that would be later than CALENDAR_PATIENCE_S after the first. */
int64_t calendar_retry_s(int64_t first_s, int64_t now_s, unsigned tries, int64_t wish_s);

#endif
