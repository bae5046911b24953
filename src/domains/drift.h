/* domains/drift.h: looks from time to time whether DNS still has what it had of our domains' records, and raises an
 * alert where what was right no longer is. What was never there, or is to be changed, is no drift. On one loop. */
#ifndef STERNPOST_DOMAINS_DRIFT_H
#define STERNPOST_DOMAINS_DRIFT_H

#include "alerts/alert_book.h"
#include "domains/inspection.h"

struct drift;

struct drift_config { /* of one loop; borrowed */
    struct loop *loop;
    struct resolver *resolver;
    const struct config *config;
    const struct policy_keeper *policies;
    const struct cert_keeper *certificates;
    struct alert_book *alerts;
};

struct drift *drift_new(const struct drift_config *config);
void drift_free(struct drift *d); /* NULL is fine */

/* A finished look that somebody else took; taken into account like our own. */
void drift_observe(struct drift *d, const struct inspection *i);

#endif
