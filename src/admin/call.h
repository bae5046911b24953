/* admin/call.h: one request to the API on its way through a handler: who asks, what for, what the store said.
 *
 * A handler runs in the main thread and never waits: it answers, or sends the call's store request or inquiry and
 * names the function that goes on when that comes back. Exactly one answer ends the call. */
#ifndef STERNPOST_ADMIN_CALL_H
#define STERNPOST_ADMIN_CALL_H

#include "admin/admin.h"
#include "admin/http_server.h"
#include "admin/router.h"

/* What the calls of one admin share. */
struct call_home {
    struct admin_config config;
    struct handoff     *stored; /* store requests come back here */
    struct handoff     *asked;  /* and inquiries here */
    struct handoff     *found;  /* and questions about policies of MTA-STS here */
    struct handoff     *received; /* and items of imports here */
    struct handoff     *desk;   /* and those about our own domains here */
    struct handoff     *plans;  /* and those about their plans here */
    unsigned            calls_open;
};

enum { CALL_STORES_MAX = 8 };

struct call {
    struct call_home          *home;
    const struct admin_config *admin; /* the home's */
    struct http_exchange      *http;
    struct arena              *arena;   /* the exchange's: lives as long as the call */
    struct slice               params[ROUTER_PARAMS_MAX];
    struct slice               who;     /* "uid 0 (root)" */
    json_t                    *body;    /* of a POST or PATCH, an object; NULL: there was none */
    struct store_request       store;
    void                     (*then)(struct call *c);
    bool                       takes_failure; /* private */
    struct arena               kept[CALL_STORES_MAX]; /* private: results of earlier requests */
    size_t                     kept_len;
    void                      *state;   /* the handler's own, in the arena */
};

/* Makes the call ready and hands it to `handle`; takes the exchange. A body that is no JSON object is answered 400. */
void call_start(struct call_home *home, struct http_exchange *x, const struct endpoint *endpoint,
                const struct slice params[ROUTER_PARAMS_MAX]);

/* Sends c->store, filled in but for its replies; `then` runs when it succeeded. When it failed, the call is answered
 * with the status and the fault. */
void call_store(struct call *c, void (*then)(struct call *c));
/* The same, but `then` runs on failure too and looks at c->store.status. */
void call_store_try(struct call *c, void (*then)(struct call *c));
/* Empties c->store for another request, CALL_STORES_MAX times at most; what it brought lives until the call ends. */
void call_store_again(struct call *c);

/* Puts into the audit what is no change of settings, then answers; takes both JSONs. What was done stays done when the audit
 * does not take it: then that is an error in the log. */
void call_note(struct call *c, const char *action, const char *kind, struct slice name, json_t *what, json_t *answer);

/* Answers; both take the JSON. */
void call_answer(struct call *c, json_t *answer);
void call_answer_code(struct call *c, unsigned code, json_t *answer);
void call_answer_text(struct call *c, unsigned code, const char *type, struct slice text);
/* {"error": "one sentence"} with the code that goes with the status: not-found 404, conflict and exists 409, syntax and
 * limit 400, permanent 403, others 503. */
void call_refuse(struct call *c, enum status st, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* A parameter of the query, decoded. False, with the call answered, when it does not decode; absent: *out is empty. */
bool call_query(struct call *c, const char *name, struct slice *out);
/* The same as a number within limits; absent: `initial`. False: answered. */
bool call_query_number(struct call *c, const char *name, uint64_t initial, uint64_t max, uint64_t *out);
/* The same as a message id; absent: 0. False: answered. */
bool call_query_id(struct call *c, const char *name, uint64_t *out);

/* The same as a day like 2026-11-24; absent: empty. False: answered. */
bool call_query_day(struct call *c, const char *name, struct slice *out);

/* The same as a domain, as the store has it: lower case, A-labels; absent: empty. False: answered. */
bool call_query_domain(struct call *c, const char *name, struct slice *out);

/* A JSON string of foreign bytes: what is no printable character becomes '?'. */
json_t *json_of(struct slice s);
json_t *json_of_lines(struct slice text); /* an array of its lines, without their ends */
json_t *json_of_time(int64_t wall_s); /* RFC 3339 */
json_t *json_of_moment(int64_t wall_s); /* the same; 0, which means never: null */

#endif
