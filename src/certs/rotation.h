/* certs/rotation.h: which of our certificates new sessions get, as the time goes: pure, the clock comes in.
 *
 * A certificate waits until valid-from, then `share` percent of new sessions get it, from take-over-at on all do, and
 * from retire-at on none. Where several serve a name with a key of the same kind the one that takes over last goes
 * first; of those that take over at the same moment the one issued last. What waits or is retired serves all the same
 * when nothing else has the name: a handshake without any certificate helps nobody. */
#ifndef STERNPOST_CERTS_ROTATION_H
#define STERNPOST_CERTS_ROTATION_H

#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>

enum rotation_stage {
    ROTATION_WAITS, /* not yet, or held */
    ROTATION_ROLLS, /* a share of new sessions */
    ROTATION_LEADS, /* all, where nothing newer is */
    ROTATION_RETIRED,
};

struct rotation_candidate {
    int64_t valid_from_s, take_over_s, retire_s; /* wall clock; take_over_s INT64_MIN: older than all others */
    int64_t not_before_s, not_after_s;           /* as the certificate says */
    unsigned share;                              /* percent while it rolls, 1 to 99 */
    bool is_held;                                /* may not be served yet, whatever the clock says */
    int kind;                                    /* of key: certificates of different kinds stand side by side */
    const struct slice *names;                   /* lower case; "*." may lead */
    size_t names_len;
    /* Out. */
    enum rotation_stage stage;
    unsigned percent; /* of new sessions that get it, for the name where it is most */
    unsigned least;   /* the same for the name where it is least */
};

/* What sessions get that draw a number below `until` (and not below the former's): candidates by index in order of
 * preference. For a name and kind the first counts that has the name itself, else the first that has its wildcard. */
struct rotation_edition {
    unsigned until; /* the last one's is 100 */
    const size_t *order;
    size_t order_len;
};

/* A roll-out by node instead of by share: a node that is chosen serves it to all from valid-from on, another from
 * take-over-at on. */
void rotation_by_node(struct rotation_candidate *c, bool is_chosen);

enum rotation_stage rotation_stage(const struct rotation_candidate *c, int64_t now_s);

/* Fills what is out in `c`; editions live in `arena`. At least one edition, with every candidate in it. */
void rotation_plan(struct rotation_candidate *c, size_t len, int64_t now_s, struct arena *arena,
                   const struct rotation_edition **out, size_t *out_len);

#endif
