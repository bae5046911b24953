/* relay/failure_alert.h: raises an alert while too large a share of an hour's deliveries fails for TLS, of a rule or
 * to a destination (semantics L1), and ends it when the share has fallen to half of that. */
#ifndef STERNPOST_RELAY_FAILURE_ALERT_H
#define STERNPOST_RELAY_FAILURE_ALERT_H

#include "alerts/alert_book.h"
#include "relay/tls_hour.h"

/* To be called a few times a minute, on the book's loop. An alert of before a restart ends when the hour is known in
 * whole. */
void failure_alert_look(struct tls_hour *h, const struct snapshot *settings, struct alert_book *book,
                        bool knows_the_hour);

#endif
