/* reports/sender.h: the daily TLS reports (RFC 8460 sections 4 and 5): built after midnight UTC, once for the fleet, mailed and
 * posted to whom the domain's record names. */
#ifndef STERNPOST_REPORTS_SENDER_H
#define STERNPOST_REPORTS_SENDER_H

#include "net/https.h"
#include "settings/snapshot.h"

struct report_sender;

/* On one loop, together with what it is given. `hostname` is ours, copied. Takes the reference to the settings; makes nothing
 * new while they name no sender of reports (report-from). Looks every minute for what is due: reports of the last three days
 * that nobody has made, and posts to try again. */
struct report_sender *report_sender_new(struct loop *loop, struct resolver *resolver, struct https_client *https,
                                        struct store *store, struct slice hostname, struct snapshot *settings);
void report_sender_free(struct report_sender *s); /* what is under way is taken up by the next start */
void report_sender_adopt(struct report_sender *s, struct snapshot *fresh); /* takes the reference */
void report_sender_look(struct report_sender *s); /* now */
void report_sender_set_clock(struct report_sender *s, int64_t (*wall_s)(void)); /* for tests */

/* The report for one domain as it would be sent of this day ("2026-11-24"), as JSON text in `arena`, from any thread but one whose
 * loop must not wait. What hosts are told of the domains whose mail they take is in it whole: who has one address for both gets
 * it once when it is sent. ERR_NOT_FOUND: nothing was counted. */
MUST_USE enum status report_preview(struct store *store, struct slice domain, struct slice day, const struct gateway *g,
                                    struct slice hostname, struct arena *arena, struct slice *out, struct fault *why);

#endif
