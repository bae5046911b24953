/* reports/vigil.h: looks from time to time at the TLS reports received about our domains, and raises alerts: a share
 * of failed sessions that is too large, a failure that was not seen before, a reporter that falls silent. Verified
 * reports alone count. On one loop. */
#ifndef STERNPOST_REPORTS_VIGIL_H
#define STERNPOST_REPORTS_VIGIL_H

#include "alerts/alert_round.h"
#include "store/store.h"

struct vigil;

/* All is borrowed but the reference to the settings, which is taken. The first look comes a few seconds later. */
struct vigil *vigil_new(struct loop *loop, struct store *store, struct alert_book *book, struct snapshot *settings);
void vigil_adopt(struct vigil *v, struct snapshot *fresh); /* takes the reference */
void vigil_free(struct vigil *v);                          /* when the store answers no more; NULL is fine */

/* What is so of one domain, by the sums of VIGIL_DAYS days; tells the book. Days are "2026-11-25". Pure but for the
 * book. */
enum { VIGIL_DAYS = 30 };
struct vigil_case {
    struct slice domain;
    const struct received_sum *sums; /* as STORE_RECEIVED_SUMS gives them */
    size_t len;
    int64_t now_s;
    unsigned percent; /* of failed sessions in a day; 0: never */
};
/* `round` gets to know every subject that was looked at. */
void vigil_judge(const struct vigil_case *c, struct alert_book *book, struct alert_round *round);

#endif
