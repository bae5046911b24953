/* domains/deep_look.h: looks closer at the TLS of one address of a mail server than a stranger should without being asked to:
 * versions and suites with hellos written by hand, a command in clear behind STARTTLS, whether mail is taken in clear. One
 * connection after the other, with a pause between. No mail is offered. */
#ifndef STERNPOST_DOMAINS_DEEP_LOOK_H
#define STERNPOST_DOMAINS_DEEP_LOOK_H

#include "certs/probe.h"
#include "certs/protocol_judge.h"
#include "certs/protocols.h"

enum { DEEP_BUDGET = 16 };

enum deep_answer { DEEP_UNKNOWN, DEEP_NO, DEEP_YES };

struct deep_facts {
    const struct protocol_facts *protocols;
    struct protocol_judgement    judgement;   /* of them */
    enum deep_answer             is_injected; /* what was said in clear is answered in TLS (CVE-2011-0411) */
    enum deep_answer             takes_clear; /* mail is taken without TLS; DEEP_NO: refused for the lack of it */
    const char                  *clear_text;  /* the server's words on that; "" */
};

struct deep_target { /* strings are borrowed until done */
    struct net_address        address; /* with the port */
    const struct net_address *from;    /* NULL: any */
    struct slice              name, helo;
    struct slice              mailbox;    /* which the server should know, "postmaster@example.org"; empty: not asked */
    unsigned                  budget;     /* connections with hellos by hand; 0: DEEP_BUDGET */
    int64_t                   pause_ms;   /* between connections; 0: PROTOCOLS_PAUSE_MS, but none on one's own network; below 0: none */
    int64_t                   timeout_ms; /* of each step; 0: 30 s */
};

struct deep_look { /* embed, zeroed */
    void (*done)(struct deep_look *d); /* set by the caller; runs from the loop, never inside deep_look_start() */
    struct deep_facts facts;           /* lives until deep_look_release() */
    /* private */
    struct loop       *loop;
    struct prober     *prober;
    struct deep_target target;
    struct arena       arena;
    struct protocols   protocols;
    struct probe       probe;
    struct loop_timer  pause;
};

void deep_look_start(struct deep_look *d, struct loop *loop, struct prober *prober, const struct deep_target *target);
void deep_look_release(struct deep_look *d); /* ends it when under way; zeroed is fine */

#endif
