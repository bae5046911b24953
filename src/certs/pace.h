/* certs/pace.h: how often strangers are called upon: a few connections at a time to one address and to one network, with
 * a pause between them, first come first served. */
#ifndef STERNPOST_CERTS_PACE_H
#define STERNPOST_CERTS_PACE_H

#include "net/address.h"
#include "net/loop.h"

struct pace_limits {
    unsigned per_address, per_network;       /* at a time; 0: any number */
    int64_t  address_gap_ms, network_gap_ms; /* between the starts of two */
};

struct pace;
struct pace *pace_new(struct loop *loop, const struct pace_limits *limits);
void pace_free(struct pace *p); /* after its tickets have left */

struct pace_lane;
struct pace_ticket { /* embed, zeroed */
    void (*go)(struct pace_ticket *t); /* set by the caller; runs from the loop, never inside a call */
    /* private */
    struct pace        *pace;
    struct net_address  address;
    struct pace_lane   *lanes[2]; /* held, and the one that is waited for */
    size_t              held;
    bool                is_waiting;
    struct pace_ticket *next;
    struct loop_timer   soon;
};

/* Networks are an IPv4 /24 and an IPv6 /48; the port does not count. */
void pace_ask(struct pace *p, struct pace_ticket *t, const struct net_address *address);
/* The connection is over, or is not wanted any more; no go after it. Fine when it never asked. */
void pace_leave(struct pace_ticket *t);
size_t pace_waiting(const struct pace *p); /* tickets that were not let go yet */

#endif
