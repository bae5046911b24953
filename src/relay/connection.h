/* relay/connection.h: one connection to a server we deliver to: dial, greet, TLS as demanded, AUTH, then transactions
 * one after another. It judges the TLS it got against the demand before a word of mail is said. */
#ifndef STERNPOST_RELAY_CONNECTION_H
#define STERNPOST_RELAY_CONNECTION_H

#include "net/dialer.h"
#include "relay/failure.h"
#include "relay/worker.h"

struct connection;

/* How to reach one server and what it must prove. Everything is borrowed until READY or FAILED. */
struct connection_plan {
    struct slice              server;      /* host name, or address as text */
    const struct net_address *addresses;
    size_t                    addresses_len;
    bool                      is_implicit_tls;
    bool                      tries_tls;   /* false: level none, or the retry in clear */
    const struct decision    *decision;
    const struct slice       *names;       /* the certificate must match one of them */
    size_t                    names_len;
    const struct tlsa_set    *tlsa;        /* records to hold the certificate against; NULL: none */
    const struct slice       *dane_names;  /* see net/tls_client.h */
    size_t                    dane_names_len;
    struct slice              username, password; /* empty: no AUTH */
};

enum connection_event {
    CONNECTION_READY,   /* for connection_send() */
    CONNECTION_RCPT,    /* index, reply */
    CONNECTION_BODY,    /* the server wants content: connection_body() */
    CONNECTION_DRAINED, /* what connection_body() gave is on its way: more please */
    CONNECTION_DONE,    /* stage, reply: the transaction is over; READY for another, or give it up */
    CONNECTION_FAILED,  /* failure: it is closed; connection_drop() it */
};

struct connection_user {
    /* Runs from the loop, or from inside connection_send/body. `ev` lives until it returns. */
    void (*on_event)(struct connection_user *u, struct connection *c, enum connection_event kind,
                     const struct smtp_client_event *ev);
};

/* Starts dialing; never NULL, never an event from inside. */
struct connection *connection_open(struct worker *w, const struct connection_plan *plan, struct connection_user *user);
/* Another user (the next job, the pool) takes an idle connection over. */
void connection_set_user(struct connection *c, struct connection_user *user);
/* Closes, politely (QUIT) when it is idle; the connection is gone for the caller, who gets no more events. */
void connection_drop(struct connection *c);

void connection_send(struct connection *c, const struct smtp_transaction *t);
/* Copies into the output; wait for CONNECTION_DRAINED before giving more, unless `is_last`. */
void connection_body(struct connection *c, struct slice content, bool is_last);

const struct connection_failure *connection_failure(const struct connection *c);
const struct tls_facts *connection_tls(const struct connection *c);
const struct net_address *connection_address(const struct connection *c);
const struct net_address *connection_local_address(const struct connection *c); /* ours, once it is connected */
/* What it was opened for: the decision on its server, without reasons. */
const struct decision *connection_decision(const struct connection *c);
struct slice connection_server(const struct connection *c);
unsigned connection_extensions(const struct connection *c);
uint64_t connection_size_limit(const struct connection *c);
bool connection_is_idle(const struct connection *c); /* READY and open */
unsigned connection_messages(const struct connection *c); /* transactions so far */
/* May mail to the same destination go over it under this decision? What it proved must meet the decision, and where the
 * certificate counts, it must have been judged by the same trust bundle and the same names. */
bool connection_meets(const struct connection *c, const struct decision *d);

#endif
