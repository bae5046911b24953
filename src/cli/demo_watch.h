/* cli/demo_watch.h: follows one message by its trace, as `sternpost trace` shows it, until every recipient's fate is known. */
#ifndef STERNPOST_CLI_DEMO_WATCH_H
#define STERNPOST_CLI_DEMO_WATCH_H

#include "cli/client.h"

enum { DEMO_TEXT = 128, DEMO_SENTENCE = 400 };

/* What the trace says so far. */
struct demo_sight {
    char demanded[DEMO_TEXT]; /* "verify, by rule bank" */
    char found[DEMO_TEXT];    /* "TLSv1.3, certificate expired" */
    char way[DEMO_TEXT];      /* "direct", "alternate" */
    char result[DEMO_TEXT];   /* "delivered", "deferred 4.7.5", "bounced 5.7.30"; empty: not yet known */
    char why[DEMO_SENTENCE];  /* what failed at the recipient's own servers, else what was demanded of them */
    unsigned deferrals;
    bool     on_alternate;    /* private */
};

/* Asks for the trace of `id`. False: the daemon does not answer. */
bool demo_watch(struct client *c, struct arena *arena, const char *id, struct demo_sight *out);
/* Between two looks. */
void demo_pause_ms(int64_t ms);

#endif
