/* relay/connection_private.h: the state of relay/connection.h, for the files that each do one part of it. */
#ifndef STERNPOST_RELAY_CONNECTION_PRIVATE_H
#define STERNPOST_RELAY_CONNECTION_PRIVATE_H

#include "relay/connection.h"

struct sasl_client;

enum connection_state { DIALING, SHAKING, TALKING, DEAD };

struct dialing {
    struct dialer dialer; /* first */
    struct connection *connection;
};

struct connection {
    struct buried buried; /* first */
    struct worker *worker;
    struct connection_user *user;
    enum connection_state state;
    struct dialing *dialing;
    struct stream stream;
    struct loop_io io;
    struct loop_timer timer;
    struct smtp_client *smtp;
    struct sasl_client *sasl;
    struct connection_plan plan; /* what it points to is gone after READY; the flags stay */
    struct arena arena;          /* server, names, trust bundle, credentials until READY */
    struct net_address address, local;
    struct tls_facts tls;
    struct connection_failure failure;
    unsigned messages;
    bool is_ready, in_transaction, wants_drain;
    bool has_progress; /* since the timer was set: an event, or bytes that went out */
    bool is_pumping;   /* output waits for the end of this round: one write a wake-up */
};

/* connection.c */
void connection_fail(struct connection *c, enum failure_cause cause); /* the one way it ends by itself */
void connection_become_ready(struct connection *c); /* logged in, or nobody asked for it: the owner's turn */

/* connection_tls.c */
void connection_on_greeted(struct connection *c);      /* STARTTLS, AUTH, or ready */
void connection_start_handshake(struct connection *c); /* the server said 220, or TLS comes first */
void connection_shake(struct connection *c);           /* goes on with it, and judges what came of it */
void connection_without_tls(struct connection *c, const char *how); /* a sentence's end: "does not offer STARTTLS" */
void connection_fail_tls(struct connection *c, enum tls_result result, bool in_handshake);

/* connection_demand.c */
void connection_keep_plan(struct connection *c, const struct connection_plan *plan);

/* connection_auth.c */
void connection_start_auth(struct connection *c);
void connection_on_auth_challenge(struct connection *c, const struct smtp_client_event *ev);
void connection_on_auth_done(struct connection *c, const struct smtp_client_event *ev);

#endif
