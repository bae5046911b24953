/* domains/desk.h: questions of other threads about the records of our domains, and the order to publish them. On one
 * loop, that of the policy keeper. */
#ifndef STERNPOST_DOMAINS_DESK_H
#define STERNPOST_DOMAINS_DESK_H

#include "certs/keeper.h"
#include "domains/policy_keeper.h"
#include "net/handoff.h"
#include "settings/config.h"

#include <jansson.h>

enum desk_verb {
    DESK_RECORDS, /* domain -> answer: what must be in DNS, and what is there (docs/api.md) */
    DESK_PUBLISH, /* domain -> the same as it was before, with "changes": what was sent, by dynamic update (RFC 2136),
                   * to the server of the configuration; "sent" false where it names none or nothing was to be changed.
                   * ERR_PERMANENT: refused; ERR_TEMPORARY: no answer */
};

struct desk_request {
    struct handoff_item item; /* private; first */
    enum desk_verb verb;
    struct handoff *reply_to;
    void (*done)(struct desk_request *q); /* called by whoever takes from reply_to */
    struct slice domain;                  /* borrowed until done; lower case, A-labels */
    /* Out */
    enum status status; /* ERR_NOT_FOUND: no domain of ours; ERR_TEMPORARY: we stop */
    struct fault why;
    json_t *answer; /* the caller's */
};

struct desk;
struct drift;

/* All is borrowed. */
struct desk *desk_new(struct loop *loop, struct resolver *r, const struct config *config,
                      const struct policy_keeper *keeper);
/* Whose TLSA records must be there: on the same loop, before it runs; borrowed. Without, none are asked for. */
/* Gets to see every look that is taken; borrowed. NULL: nobody does. */
void desk_set_drift(struct desk *d, struct drift *drift);
void desk_set_certificates(struct desk *d, const struct cert_keeper *certificates);
void desk_stop(struct desk *d);                         /* answers what is under way, and from then on at once */
void desk_free(struct desk *d);                         /* after its last asker was answered; NULL is fine */
void desk_send(struct desk *d, struct desk_request *q); /* from any thread */

#endif
