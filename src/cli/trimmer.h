/* cli/trimmer.h: forgets traces that are older than they are to be kept, a few at a time, without waiting. */
#ifndef STERNPOST_CLI_TRIMMER_H
#define STERNPOST_CLI_TRIMMER_H

#include "store/store.h"

#include <event2/event.h>

struct trimmer;

struct trimmer *trimmer_new(struct event_base *base, struct store *store, int64_t keep_s);
/* Waits for the request on its way. */
void trimmer_free(struct trimmer *t);

#endif
