/* relay/delivery_private.h: the state of one attempt, for the files that each do one part of it.
 *
 *   plan (route, MTA-STS, decision) -> servers (MX or the host's) -> addresses, DANE -> connection -> transaction -> settle
 *                                          ^--------- next server, retry in clear, alternate route ----'
 */
#ifndef STERNPOST_RELAY_DELIVERY_PRIVATE_H
#define STERNPOST_RELAY_DELIVERY_PRIVATE_H

#include "discovery/addresses.h"
#include "discovery/dane.h"
#include "discovery/mx.h"
#include "discovery/sts.h"
#include "policy/server_decision.h"
#include "relay/delivery.h"
#include "relay/sts_question.h"
#include "relay/trace.h"
#include "reports/record.h"
#include "smtp/client.h"

enum rcpt_state { RCPT_PENDING, RCPT_ACCEPTED, RCPT_DELIVERED, RCPT_TEMPORARY, RCPT_PERMANENT };

struct rcpt_outcome {
    enum rcpt_state   state;
    struct smtp_reply reply;     /* code 0: no server said it */
    char              status[12]; /* "5.1.1": for the DSN */
    struct slice      server;    /* that said it */
    struct slice      why;       /* a sentence */
    bool              is_relayed; /* delivered to a server without DSN: a success is told by us */
};

/* A server that may be tried. */
struct candidate {
    struct slice name;
    uint16_t     port;
    bool         is_implicit_tls;
    bool         is_proven;       /* that it is the destination's: set by us, or out of signed MX records */
    bool         is_trusted_name; /* its name may stand for the destination: set by us, proven, or within the domain */
};

/* What the servers tried so far failed of. */
struct failures {
    unsigned                  tls, network, refused, other; /* refused: a permanent reply before any mail was said */
    unsigned                  own_demand;  /* of tls: what rules, host, default or sender demand was not met either */
    bool                      demands_tls; /* TLS was required of one of them */
    enum tls_level            level;       /* the highest asked of one of them */
    bool                      any_connected;
    struct connection_failure last;
    struct slice              last_server;
};

struct report_reading;
struct settlement;

struct delivery {
    struct buried          buried; /* first */
    struct delivery       *next, *prev; /* in worker->deliveries */
    struct connection_user user;
    struct worker         *worker;
    struct job            *job;
    struct snapshot       *settings; /* held: the decision rests on it */
    struct arena           arena;
    struct trace           trace;

    struct decision        decision;     /* what holds for the way taken now */
    struct decision        demanded;     /* before the alternate route */
    struct sts_question   *sts_question; /* under way; NULL: none is */
    const struct sts_facts *sts;         /* of the recipient domain, or of the host's; NULL: not asked */
    const struct host     *host;         /* NULL: by MX */
    struct slice           route;        /* that led to it */
    bool                   on_alternate;
    bool                   is_for_published; /* one of the servers that led there failed of what the destination alone demands */

    struct mx_lookup       mx;
    bool                   mx_is_secure;
    struct candidate      *candidates;
    size_t                 candidates_len, at; /* at: the one being tried; next is at + 1 */
    unsigned               addresses_tried;
    struct address_lookup  lookup;
    struct dane_lookup     dane;
    struct server_decision server;       /* on the current server */
    size_t                 address_at;   /* first address not yet tried, of the current server */
    bool                   lacks_tls;    /* the current server failed of TLS, at one of its addresses */
    bool                   in_clear;     /* the handshake failed, TLS is not required: once more without */
    struct slice           domain_names[2]; /* by which a certificate may go under DANE, too */
    struct slice           names[4];     /* reference names of the current server */
    size_t                 names_len;

    struct connection     *connection;
    struct smtp_rcpt      *rcpts;        /* for the transaction */
    struct rcpt_outcome   *outcomes;     /* for each of job->rcpts */
    struct failures        failures;
    enum tls_version       delivered_over; /* TLS_VERSION_NONE: in clear, or not delivered */
    enum tls_level         delivered_level;
    uint32_t               chunk;        /* next to be sent */
    struct connection_failure failure;   /* of the connection just lost */
    struct tls_facts       failed_tls;
    size_t                 failed_at;    /* index of its address */

    struct store_request   load, settle;
    bool                   is_loading;   /* `load` is at the store: what comes next waits for it */
    bool                   lost_while_loading;
    bool                   is_settling, is_at_store;
    bool                   is_damaged;   /* its content cannot be trusted: it is held (DUR-10) */
    bool                   is_skipped;   /* never tried: its destination is dead */
    enum job_end           end;
    struct report_reading *reading;      /* under way; NULL: none is */
    bool                   reports_are_read, takes_reports; /* takes: it ends here, nobody was connected to */
    struct settlement     *settlement;
};

/* delivery.c */
void delivery_planned(struct delivery *d); /* the decision stands: on with it */
void delivery_go(struct delivery *d); /* by a kept connection where there is one, else to find servers */
void delivery_make_outcomes(struct delivery *d);
void delivery_leave(struct delivery *d);         /* takes it out of its worker's list */
void delivery_cut_off(struct delivery *d);       /* ends it without a word to the store, where the message stays */
void delivery_finish(struct delivery *d, enum job_end end); /* outcomes are complete: settle */
void delivery_fail_all(struct delivery *d, enum rcpt_state state, const char *status, struct slice why);
void delivery_record(struct delivery *d, const char *outcome, struct slice text, const struct connection *c,
                     const struct connection_failure *f);

/* delivery_facts.c */
bool delivery_ask_sts(struct delivery *d); /* false: there is nothing to ask; else delivery_decide() follows */
void delivery_forget_sts(struct delivery *d);
void delivery_trace_server(struct delivery *d);

/* delivery_plan.c */
void delivery_plan(struct delivery *d);              /* route, MTA-STS, then: */
void delivery_decide(struct delivery *d);            /* the decision; splits the job where recipients differ */
/* Recipients that do not stay with the first (`kept` of them do so far) become a job of their own. */
void delivery_split(struct delivery *d, bool (*stays)(struct delivery *d, const struct stored_rcpt *r, size_t kept));
/* What holds for the way taken now without what the destination publishes: rules, host, default and sender alone. */
void delivery_own_demand(struct delivery *d, struct decision *out);
void delivery_find_servers(struct delivery *d);      /* -> candidates, then delivery_next_server() */
bool delivery_switch_to_alternate(struct delivery *d); /* false: there is none, or we are on it */
void delivery_set_names(struct delivery *d, const struct candidate *c);

/* delivery_servers.c */
void delivery_next_server(struct delivery *d);
bool delivery_breaks_own_demand(const struct delivery *d); /* every server did: then the word of a rule on failure counts */
void delivery_after_failure(struct delivery *d); /* the next address, server or way */
void delivery_on_event(struct connection_user *u, struct connection *c, enum connection_event kind,
                       const struct smtp_client_event *ev);

/* delivery_report.c */
/* Counts a session that came about (`failure` NULL) or failed of TLS; one that had to be passed over. */
void delivery_report_session(struct delivery *d, const struct connection *c, const struct connection_failure *failure);
void delivery_report_skipped(struct delivery *d);

/* delivery_send.c */
void delivery_send(struct delivery *d); /* the connection is ready */
void delivery_on_transaction(struct delivery *d, enum connection_event kind, const struct smtp_client_event *ev);

/* delivery_reports.c */
bool delivery_reads_reports(struct delivery *d); /* false: it is no mail for a report mailbox, or was read; else goes on later */
void delivery_forget_reports(struct delivery *d);

/* settle.c */
void delivery_settle(struct delivery *d);

#endif
