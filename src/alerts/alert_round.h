/* alerts/alert_round.h: one round of looks at everything that may be wrong in some way: what is open of it and was not met on
 * the round is over, since nobody looks at it any more. */
#ifndef STERNPOST_ALERTS_ALERT_ROUND_H
#define STERNPOST_ALERTS_ALERT_ROUND_H

#include "alerts/alert_book.h"
#include "base/map.h"

struct alert_round { /* private; alert_round_init() begins the first */
    struct map seen;
    bool is_partial;
};

void alert_round_init(struct alert_round *r);
void alert_round_release(struct alert_round *r);
/* It was met, whatever was found. */
void alert_round_see(struct alert_round *r, struct slice cause, struct slice subject);
/* Something could not be looked at: this round ends nothing. */
void alert_round_miss(struct alert_round *r);
/* Ends what was not met, of these causes, and begins anew. */
void alert_round_end(struct alert_round *r, struct alert_book *book, const struct slice *causes, size_t len,
                     struct slice text);

#endif
