/* cli/demo_round.h: the letters of the demo: each shows one thing, and each has an end that it must come to. */
#ifndef STERNPOST_CLI_DEMO_ROUND_H
#define STERNPOST_CLI_DEMO_ROUND_H

#include "cli/client.h"
#include "cli/demo_world.h"

/* Sends them all, prints what becomes of each, and why. How many did not end as they must; a gateway that cannot be
 * talked to counts for every letter that is left. */
size_t demo_round(struct demo_world *w, struct client *c);
size_t demo_letters(void); /* how many there are */

#endif
