/* reports/record.h: counts sessions for TLS reports. In memory, and in the store within a second. */
#ifndef STERNPOST_REPORTS_RECORD_H
#define STERNPOST_REPORTS_RECORD_H

#include "net/loop.h"
#include "store/store.h"
#include "tlsrpt/session.h"

struct recorder;

/* One for each thread that counts. Nothing waits for it. */
struct recorder *recorder_new(struct loop *loop, struct store *store);
void recorder_free(struct recorder *r); /* what was not flushed is lost */
/* Adds the session to the UTC day of now. Beyond 10,000 rows not yet in the store a session is dropped, and that is counted
 * and logged. */
void recorder_add(struct recorder *r, const struct tlsrpt_session *s);
/* Sends now what is not yet in the store, and waits for it; before the thread ends. */
void recorder_flush(struct recorder *r);
uint64_t recorder_dropped(const struct recorder *r);

#endif
