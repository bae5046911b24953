/* domains/plan_keeper.h: takes the domains of ours that have a plan (domains/plan.h) through its stages: looks at them
 * from time to time, gives the settings another mode, sends records, and keeps in the store where each plan is. On one
 * loop. */
#ifndef STERNPOST_DOMAINS_PLAN_KEEPER_H
#define STERNPOST_DOMAINS_PLAN_KEEPER_H

#include "alerts/alert_book.h"
#include "domains/plan_look.h"

#include <sys/queue.h>

enum plan_order {
    PLAN_SHOW,  /* domain: looks, goes on where it may, and -> answer: where it is (docs/api.md). ERR_NOT_FOUND: there
                   is no plan */
    PLAN_BEGIN, /* domain, goal, is_auto, evidence_s, who: a new plan, then as SHOW. ERR_NOT_FOUND: no domain of ours;
                 * ERR_EXISTS: it has a plan, or is where the plan would lead; ERR_PERMANENT: we host no policies */
    PLAN_AGREE, /* domain: the administrator's word, where the plan waits for it, then as SHOW */
    PLAN_ABANDON, /* domain: the plan is forgotten; what is published stays as it is */
    PLAN_LIST,    /* -> answer: all of them, as they were last seen */
};

struct plan_request {
    struct handoff_item item;       /* private; first */
    TAILQ_ENTRY(plan_request) link; /* private */
    enum plan_order order;
    struct handoff *reply_to;
    void (*done)(struct plan_request *q); /* called by whoever takes from reply_to */
    struct slice domain, who;             /* borrowed until done; the domain in lower case, A-labels */
    enum sts_mode goal;
    bool is_auto;
    int64_t evidence_s;
    /* Out */
    enum status status; /* ERR_TEMPORARY: we stop, or the store does not take it */
    struct fault why;
    json_t *answer; /* the caller's */
};

struct plan_keeper_config {
    struct plan_world world;   /* `stored` is filled in by the keeper */
    struct alert_book *alerts; /* of the same loop: told what stops a plan, and that one waits for a word */
    void (*publish)(void *ctx, struct snapshot *fresh); /* new settings; takes the reference */
    void *ctx;
};

struct plan_keeper;

/* Reads what the store has before it returns. */
MUST_USE enum status plan_keeper_new(const struct plan_keeper_config *config, struct plan_keeper **out,
                                     struct fault *why);
void plan_keeper_stop(struct plan_keeper *k); /* answers what is under way, and from then on at once */
void plan_keeper_free(struct plan_keeper *k); /* after the store was closed; NULL is fine */
void plan_keeper_send(struct plan_keeper *k, struct plan_request *q); /* from any thread */

#endif
