/* relay/tally.h: counts for the administrator, by day, name and key ("inbound-refused", "rule bank"): gathered in the
 * worker and added to the store once a second, so that a flood of one kind costs one row. */
#ifndef STERNPOST_RELAY_TALLY_H
#define STERNPOST_RELAY_TALLY_H

#include "relay/worker.h"

struct tally;

struct tally *tally_new(struct worker *w);
void tally_free(struct tally *t); /* what was not flushed is lost */
/* Sends now what is not yet in the store; before the worker ends. */
void tally_flush(struct tally *t);
/* `name` is a literal; of `key` at most 200 bytes are kept. */
void tally_add(struct tally *t, const char *name, struct slice key);

#endif
