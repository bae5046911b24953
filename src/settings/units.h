/* settings/units.h: durations and sizes as people write them, with their unit. */
#ifndef STERNPOST_SETTINGS_UNITS_H
#define STERNPOST_SETTINGS_UNITS_H

#include "base/slice.h"
#include "base/status.h"

/* "250ms", "30s", "5m", "4h", "5d", "2w", and sums from large to small such as "1h30m"; "0" needs no unit. At most
 * ten years. ERR_SYNTAX. *ms is written only on OK. */
MUST_USE enum status units_parse_duration(struct slice text, int64_t *ms, struct fault *why);
/* "512B", "64KiB", "50MiB", "2GiB", "1TiB"; "0" needs no unit. Units count by 1024. ERR_SYNTAX. */
MUST_USE enum status units_parse_size(struct slice text, uint64_t *bytes, struct fault *why);

/* "2026-12-31", a day of the Gregorian calendar: its first second, UTC. ERR_SYNTAX. */
MUST_USE enum status units_parse_day(struct slice text, int64_t *start_s, struct fault *why);

/* "2026-12-31" (its first second), "2026-12-31T04:30Z" or "2026-12-31T04:30:00Z": always UTC. ERR_SYNTAX. */
MUST_USE enum status units_parse_moment(struct slice text, int64_t *wall_s, struct fault *why);

enum { UNITS_TEXT = 48 };
/* What the parsers read back as the same: "1h30m", "50MiB". */
const char *units_duration_text(int64_t ms, char out[static UNITS_TEXT]);
const char *units_size_text(uint64_t bytes, char out[static UNITS_TEXT]);

#endif
