/* cli/demo_look.h: the end of the demo: two looks at what the gateway knows, as its commands print them. */
#ifndef STERNPOST_CLI_DEMO_LOOK_H
#define STERNPOST_CLI_DEMO_LOOK_H

#include "cli/client.h"

/* False: the gateway did not answer, or its report does not tell of the letter that was delivered in spite of a policy. */
bool demo_look(struct client *c);

#endif
