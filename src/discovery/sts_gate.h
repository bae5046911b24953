/* discovery/sts_gate.h: how many policies are fetched at a time, and how many in a second (STS-25). Who comes meanwhile waits. */
#ifndef STERNPOST_DISCOVERY_STS_GATE_H
#define STERNPOST_DISCOVERY_STS_GATE_H

#include "net/loop.h"

#include <sys/queue.h>

struct sts_ticket { /* embed, zeroed */
    void (*pass)(struct sts_ticket *t); /* from the loop, never inside sts_gate_enter() */
    /* private */
    TAILQ_ENTRY(sts_ticket) in_list;
    enum { TICKET_FREE, TICKET_WAITS, TICKET_PASSED } state;
};

TAILQ_HEAD(sts_tickets, sts_ticket);

struct sts_gate { /* fields are private to sts_gate.c */
    struct loop       *loop;
    struct loop_timer  timer;
    struct sts_tickets waiting;
    size_t             waiting_len, inside, most;
    int64_t            per_s, thousandths, counted_ms; /* of a ticket: what may pass now */
};

enum { STS_GATE_WAITING_MOST = 1000 };

/* At most `most` inside; in the long run `per_s` a second, twice as many after a rest. */
void sts_gate_init(struct sts_gate *g, struct loop *loop, size_t most, unsigned per_s);
void sts_gate_release(struct sts_gate *g); /* nobody is inside or waits */
/* False: too many wait already. */
bool sts_gate_enter(struct sts_gate *g, struct sts_ticket *t);
void sts_gate_leave(struct sts_gate *g, struct sts_ticket *t); /* also of one that waits or never entered */

#endif
