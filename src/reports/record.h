/* reports/record.h: counts sessions for TLS reports. In memory, and in the store within a second. */
#ifndef STERNPOST_REPORTS_RECORD_H
#define STERNPOST_REPORTS_RECORD_H

#include "net/loop.h"
#include "store/store.h"
#include "tlsrpt/session.h"

/* Not yet in the store: rows, and bytes of their texts. */
enum { RECORD_ROWS_MOST = 10000, RECORD_BYTES_MOST = 16 * 1024 * 1024 };

struct recorder;

/* One for each thread that counts. Nothing waits for it. */
struct recorder *recorder_new(struct loop *loop, struct store *store);
void recorder_free(struct recorder *r); /* what was not flushed is lost; waits for what is on its way */
/* Adds the session to the UTC day of now. What a TLSA policy of a host outside the domain says is counted for that host's
 * domain too (RFC 8460 section 1.1), as domain "mx.example.net/example.org" of the store's rows: host, '/', recipients.
 * Beyond the bounds above a row is dropped, and that is counted and logged. */
void recorder_add(struct recorder *r, const struct tlsrpt_session *s);
void recorder_add_at(struct recorder *r, const struct tlsrpt_session *s, int64_t wall_s);
/* Sends now what is not yet in the store, and waits for it; before the thread ends. What the store does not take is
 * dropped. */
void recorder_flush(struct recorder *r);
uint64_t recorder_dropped(const struct recorder *r); /* rows */

#endif
