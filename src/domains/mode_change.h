/* domains/mode_change.h: gives a domain of ours another mode of MTA-STS in the settings, as an administrator would:
 * audited, compiled, handed to everybody. On one loop. */
#ifndef STERNPOST_DOMAINS_MODE_CHANGE_H
#define STERNPOST_DOMAINS_MODE_CHANGE_H

#include "settings/snapshot.h"

struct mode_change_config { /* borrowed until done */
    struct store *store;
    struct handoff *stored;                             /* whoever takes from it calls done() */
    struct slice domain;                                /* of ours */
    const char *mode;                                   /* "testing"; NULL: the policy is taken out */
    struct slice who;                                   /* for the audit */
    void (*publish)(void *ctx, struct snapshot *fresh); /* takes the reference; from this thread */
    void *publish_ctx;
    void (*done)(void *ctx, enum status st, const struct fault *why); /* from the loop; may free */
    void *ctx;
};

struct mode_change;

struct mode_change *mode_change_start(const struct mode_change_config *config);
void mode_change_free(struct mode_change *m); /* once done, or when the store has answered everything; NULL is fine */

#endif
