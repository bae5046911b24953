/* certs/protocols.h: finds out which versions, suites and key exchanges a server accepts, with hellos written by hand,
 * on the loop. One connection after the other, with a pause between; never two at a time, never more than the budget.
 *
 * A server that turns us away (421, a refusal, words about rates) is not asked again: what is left is not tested. */
#ifndef STERNPOST_CERTS_PROTOCOLS_H
#define STERNPOST_CERTS_PROTOCOLS_H

#include "certs/approach.h"
#include "certs/protocol_plan.h"

enum {
    PROTOCOLS_PAUSE_MS = 2000,   /* between connections, for other people's servers */
    PROTOCOLS_ANSWER_MS = 10000, /* for the answer to a hello */
    PROTOCOLS_TOTAL_MS = 60000,  /* for PROTOCOL_BUDGET connections; in proportion for more */
};

struct protocols_target {           /* strings are borrowed until done */
    struct net_address address;     /* with the port */
    const struct net_address *from; /* NULL: any */
    enum tls_way way;
    struct slice sni; /* a host name, a trailing dot is dropped; empty, or an address as text: none */
    struct slice helo;
    unsigned budget;     /* connections; 0: PROTOCOL_BUDGET; at most PROTOCOL_BUDGET_MOST */
    int64_t pause_ms;    /* 0: PROTOCOLS_PAUSE_MS; negative: none */
    int64_t answer_ms;   /* 0: PROTOCOLS_ANSWER_MS */
    int64_t approach_ms; /* up to the hello; 0: APPROACH_TIMEOUT_MS */
    int64_t total_ms;    /* 0: PROTOCOLS_TOTAL_MS */
};

struct protocols {                         /* embed, zeroed */
    void (*done)(struct protocols *p);     /* set by the caller; runs from the loop, and may release */
    void (*progress)(struct protocols *p); /* before each connection; NULL: not told */
    struct protocol_plan plan;             /* plan.facts is the result */
    /* private */
    struct loop *loop;
    struct protocols_target target;
    char sni[256];
    struct approach approach;
    struct hello_reader reader;
    struct slice unsent;
    uint8_t hello[HELLO_MAX];
    struct loop_io io;
    struct loop_timer timer, end;
    bool is_asking; /* the reader is in use */
};

void protocols_start(struct protocols *p, struct loop *loop, const struct protocols_target *target);
/* Ends it when under way, without done. Zeroed is fine. */
void protocols_release(struct protocols *p);

#endif
