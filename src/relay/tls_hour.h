/* relay/tls_hour.h: how many deliveries of the last hour failed for TLS, by rule and by destination; over all workers.
 */
#ifndef STERNPOST_RELAY_TLS_HOUR_H
#define STERNPOST_RELAY_TLS_HOUR_H

#include "base/arena.h"

struct tls_hour;

enum { TLS_HOUR_LEAST = 10 }; /* fewer deliveries say nothing: 1 of 2 is no share */

struct tls_hour *tls_hour_new(int64_t (*mono_ms)(void)); /* NULL: the clock */
void tls_hour_free(struct tls_hour *h);                  /* NULL is fine */

/* From any thread. `kind` is a literal: "rule" or "destination". Of names that strangers make, the first ten thousand
 * of an hour count. */
void tls_hour_note(struct tls_hour *h, const char *kind, struct slice name, bool has_failed);

struct tls_hour_sum {
    struct slice kind, name;
    unsigned tried, failed;
};
/* Every name of which at least TLS_HOUR_LEAST deliveries ended within the hour, in `arena`; from any thread. */
size_t tls_hour_sums(struct tls_hour *h, struct arena *arena, const struct tls_hour_sum **out);

#endif
