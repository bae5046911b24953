/* certs/scan.h: surveys of any number of servers, many at a time, within a pace that no address and no network minds. */
#ifndef STERNPOST_CERTS_SCAN_H
#define STERNPOST_CERTS_SCAN_H

#include "certs/pace.h"
#include "certs/survey.h"

enum { SCAN_WAITING_MAX = 5000 }; /* servers that wait for the pace beside those under way */

struct scan {
    /* Set by the caller. */
    bool (*next)(struct scan *s, struct cert_target *out); /* the next server; false: that was all */
    void (*result)(struct scan *s, const struct survey *survey); /* lives until it returns */
    void (*done)(struct scan *s); /* all are; runs from the loop */
    struct survey_target like;     /* of every server, but for the server */
    unsigned parallel;             /* servers under way */
    struct pace_limits pace_limits;
    /* private */
    struct loop      *loop;
    struct resolver  *resolver;
    struct prober    *prober;
    struct pace      *pace;
    struct loop_timer refill;
    struct scan_item *items;
    size_t            open;
    bool              is_drained;
};

void scan_start(struct scan *s, struct loop *loop, struct resolver *resolver, struct prober *prober);
/* Ends what is under way, without results, and frees. */
void scan_release(struct scan *s);

#endif
