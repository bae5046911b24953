/* queue/schedule.h: when to try again and when to give up (RFC 5321 section 4.5.4.1). Pure. */
#ifndef STERNPOST_QUEUE_SCHEDULE_H
#define STERNPOST_QUEUE_SCHEDULE_H

#include "base/slice.h"

struct schedule {
    const int64_t *retry_s;  /* wait after attempt 1, 2, ...; the last one repeats; at least one */
    size_t         retry_len;
    int64_t        expire_s; /* bounce when older */
    int64_t        warn_s;   /* delayed-delivery DSN when older; 0: never */
};

/* Seconds until the next try after `attempts` tries (1 or more): the table's value, up to a tenth earlier or later.
 * `random` is any number; equal numbers give equal waits. */
int64_t schedule_wait_s(const struct schedule *s, uint32_t attempts, uint32_t random);

/* The next due time, never beyond the end: a last try is made when the message expires. A `received_s` in the
 * future (the clock stepped back, CLK-01) counts as now. */
int64_t schedule_due_s(const struct schedule *s, int64_t received_s, int64_t now_s, uint32_t attempts,
                       uint32_t random);

/* `patience_s` replaces expire_s when it is not 0 (a rule's defer-for). */
bool schedule_is_expired(const struct schedule *s, int64_t received_s, int64_t now_s, int64_t patience_s);
bool schedule_wants_warning(const struct schedule *s, int64_t received_s, int64_t now_s, bool already_warned);

#endif
