/* bridge/lookup.h: replies by next hop, from memory where they are known, from DNS and the MTA-STS service where not.
 *
 * Of a domain two things are kept apart, each with its own age: DANE of its servers, and its MTA-STS policy. Both are
 * looked for anew while the old still serves, so what is asked for again and again is always answered at once. One
 * look-up for a domain at a time; whoever asks meanwhile waits for it, too, and for at most LOOKUP_WAIT_MS: then the
 * reply is made from what is known by then, and the look-up goes on. On one loop. */
#ifndef STERNPOST_BRIDGE_LOOKUP_H
#define STERNPOST_BRIDGE_LOOKUP_H

#include "bridge/answer.h"
#include "net/loop.h"
#include "settings/snapshot.h"

enum {
    LOOKUP_WAIT_MS = 10 * 1000,
    LOOKUP_ENTRIES_MOST = 50000, /* domains in memory; the least recently used goes first */
    LOOKUP_SURVEYS_MOST = 256,   /* domains that are looked up in DNS at the same time */
    LOOKUP_QUEUE_MOST = 10000,   /* and that wait for their turn; beyond, the reply is TEMP */
    LOOKUP_BURST = 2000,         /* new domains that one peer may bring at once, */
    LOOKUP_PER_S = 200,          /* and a second in the long run */
};

struct lookups;

struct lookups_config {
    struct loop *loop;
    struct resolver *resolver;
    /* Sends `q` to the MTA-STS service (discovery/sts.h: sts_send() to that one); from the loop's thread. */
    void (*ask_sts)(void *ctx, struct sts_request *q);
    void *ctx;
    uint16_t port;         /* of recipients' servers */
    bool asks_in_brackets; /* "[mx.example.org]" is answered like the domain mx.example.org */
    size_t entries_most;   /* 0: LOOKUP_ENTRIES_MOST */
};

struct lookups *lookups_new(const struct lookups_config *config, struct snapshot *settings); /* takes the reference */
/* Waiters get no reply any more. Waits until every request to the MTA-STS service has come back: stop that service
 * before. */
void lookups_free(struct lookups *l);
/* New settings: takes the reference. Replies are made anew from them. */
void lookups_adopt(struct lookups *l, struct snapshot *fresh);

/* How many new domains one peer may still bring; zeroed to begin with. */
struct lookup_allowance {
    int64_t at_ms;
    int64_t used; /* in thousandths */
};

struct lookup_waiter { /* zeroed to begin with */
    /* Set by the caller. Runs from the loop; `reply` is a netstring that lives until it returns. */
    void (*done)(struct lookup_waiter *w, struct slice reply);
    /* private */
    struct lookup_waiter *next, **at; /* where the pointer to it lies */
    struct lookup_entry *entry; /* NULL: does not wait */
    struct lookups *lookups;
    enum answer_map map;
    struct loop_timer deadline;
};

/* The reply for a next hop as Postfix writes it. True: *reply is the answer, a netstring that lives until the next
 * return to the loop. False: `w` waits for it. */
bool lookups_ask(struct lookups *l, struct slice key, enum answer_map map, struct lookup_allowance *allowance,
                 struct lookup_waiter *w, struct slice *reply);
/* No callback after it. Fine when it does not wait. */
void lookups_leave(struct lookup_waiter *w);

size_t lookups_count(const struct lookups *l); /* domains in memory */

#endif
