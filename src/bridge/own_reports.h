/* bridge/own_reports.h: reports of ours that we gave to a mail server of our own. When that is the Postfix beside us,
 * it tells of the connection by which it passes one on, and if that were counted, reports would beget reports for ever
 * (RFC 8460 section 5.3.1). From any thread. */
#ifndef STERNPOST_BRIDGE_OWN_REPORTS_H
#define STERNPOST_BRIDGE_OWN_REPORTS_H

#include "base/slice.h"

enum { OWN_REPORTS_MOST = 10000, OWN_REPORT_MS = 60 * 60 * 1000 }; /* domains; how long the event of one is expected */

struct own_reports;

struct own_reports *own_reports_new(void);
void own_reports_free(struct own_reports *o); /* NULL is fine */

/* A report to an address of this domain (lower case) is on its way. Beyond OWN_REPORTS_MOST domains it is not noted.
 */
void own_reports_note(struct own_reports *o, struct slice domain, int64_t now_ms);
/* An event about this domain came: is it that of a report? Each report explains one event. */
bool own_reports_take(struct own_reports *o, struct slice domain, int64_t now_ms);

#endif
