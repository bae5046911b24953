/* domains/plan_look.h: one look at what a plan goes by: the settings, DNS at every server of the zone, the policy as
 * others fetch it, the mail servers, the addresses for reports, and the reports received. On one loop. */
#ifndef STERNPOST_DOMAINS_PLAN_LOOK_H
#define STERNPOST_DOMAINS_PLAN_LOOK_H

#include "domains/inspection.h"
#include "domains/plan.h"
#include "domains/survey.h"

struct plan_world { /* of one loop; outlives the looks */
    struct loop *loop;
    struct resolver *resolver;
    struct https_client *https;
    struct prober *prober;
    struct store *store;
    struct handoff *stored; /* whoever takes from it calls done() */
    const struct config *config;
    const struct policy_keeper *policies;
};

struct plan_look;

/* `domain` is one of ours. `p` is borrowed until done. */
struct plan_look *plan_look_start(const struct plan_world *world, const struct plan *p, void (*done)(void *ctx),
                                  void *ctx);
void plan_look_stop(struct plan_look *l); /* nothing is looked at any more, and done() is not called */
void plan_look_free(struct plan_look *l); /* once done, or stopped and the store has answered; NULL is fine */

const struct plan_facts *plan_look_facts(
    const struct plan_look *l); /* once done; lives as long as the look, as does */
const struct inspection *plan_look_inspection(const struct plan_look *l);

#endif
