/* base/clock.h: the two clocks. Pure code takes a time as an argument and never asks. */
#ifndef STERNPOST_BASE_CLOCK_H
#define STERNPOST_BASE_CLOCK_H

#include "base/slice.h"

#include <stdint.h>

int64_t clock_mono_ms(void); /* never steps back; for timers */
int64_t clock_wall_s(void);  /* seconds since 1970, UTC; for what is stored or shown */
int64_t clock_wall_ms(void);

enum { CLOCK_TEXT = 40 };
/* "2026-11-24T20:04:23Z" (RFC 3339) into `out`, and out again. */
const char *clock_rfc3339(int64_t wall_s, char out[static CLOCK_TEXT]);
/* "Tue, 24 Nov 2026 20:04:23 +0000" (RFC 5322 section 3.3). */
const char *clock_rfc5322(int64_t wall_s, char out[static CLOCK_TEXT]);

#endif
