/* domains/plan_private.h: one plan on its way, between the files of domains/plan_keeper.h. */
#ifndef STERNPOST_DOMAINS_PLAN_PRIVATE_H
#define STERNPOST_DOMAINS_PLAN_PRIVATE_H

#include "base/map.h"
#include "domains/mode_change.h"
#include "domains/plan_keeper.h"
#include "domains/publication.h"

struct plan_keeper {
    struct plan_keeper_config config;
    struct handoff *inbox, *stored;
    struct loop_io inbox_io, stored_io;
    struct map walks; /* by domain */
    bool is_stopped;
};

/* What the last look came to. */
struct plan_sight {
    int64_t looked_s; /* 0: none yet */
    enum plan_verb verb;
    int64_t until_s;
    struct plan_failures failures; /* numbers alone */
    char *text;
};

struct plan_walk {
    struct plan_keeper *keeper;
    struct arena arena; /* strings of the plan */
    struct plan plan;
    struct plan_sight sight;
    TAILQ_HEAD(plan_requests, plan_request) waiting;
    struct plan_request *asked; /* what the work under way is for; NULL: the clock */
    bool is_busy, is_agreeing;
    unsigned rounds; /* looks since somebody asked */
    /* under way */
    struct loop_timer timer;
    struct plan_look *look;
    struct mode_change *change;
    struct publication *publication;
    struct store_request save;
    struct plan_row row;
    struct audit_row note;
    char *state;
    struct slice who; /* of a change */
    void (*then)(struct plan_walk *w);
};

/* plan_walk.c */
struct plan_walk *plan_walk_new(struct plan_keeper *k, struct slice domain);
void plan_walk_look_in(struct plan_walk *w, int64_t ms);
/* Keeps the plan as it is now, then goes on; when the store does not take it, the request at hand is refused. */
void plan_walk_save(struct plan_walk *w, void (*then)(struct plan_walk *w));
void plan_walk_go(struct plan_walk *w);     /* looks and acts until it must wait; then plan_walk_rest() */
void plan_walk_drop(struct plan_walk *w);   /* ends what is under way, but for the store's answers */
void plan_walk_untell(struct plan_walk *w); /* nothing stops a plan that is no more */
void plan_walk_free(struct plan_walk *w);

/* plan_keeper.c */
void plan_walk_rest(struct plan_walk *w, enum status st,
                    const struct fault *why); /* answers, and takes the next request */

/* plan_json.c */
json_t *plan_to_json(const struct plan_walk *w);

#endif
