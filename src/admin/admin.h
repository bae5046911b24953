/* admin/admin.h: the administration of a running node: the API on the control socket, and metrics and health on a
 * TCP listener (docs/api.md). Runs in the main thread, in a libevent base. */
#ifndef STERNPOST_ADMIN_ADMIN_H
#define STERNPOST_ADMIN_ADMIN_H

#include "discovery/sts.h"
#include "domains/desk.h"
#include "domains/plan_keeper.h"
#include "relay/node.h"
#include "reports/receiver.h"

#include <event2/event.h>
#include <jansson.h>

/* What the API needs of a node. Everything is borrowed and outlives the admin. */
struct admin_config {
    struct event_base   *base;
    const struct config *config;
    struct store        *store;
    int64_t              started_s; /* wall clock */
    unsigned             workers;
    void                *ctx;       /* given to the functions below */
    struct snapshot   *(*snapshot)(void *ctx);                    /* holds: the caller releases */
    void               (*publish)(void *ctx, struct snapshot *fresh); /* takes */
    void               (*ask)(void *ctx, struct worker_task *t);
    void               (*ask_sts)(void *ctx, struct sts_request *q);
    struct slice       (*acme)(void *ctx, struct arena *arena);         /* acme_report() */
    bool               (*renew)(void *ctx, struct slice name);          /* acme_renew(); false: there is no ACME */
    struct slice       (*watch)(void *ctx, struct arena *arena);        /* watch_report() */
    uint64_t           (*watch_now)(void *ctx, struct slice target);
    struct slice       (*certificates)(void *ctx, struct arena *arena); /* cert_keeper_report() */
    struct slice       (*alerts)(void *ctx, struct arena *arena); /* alert_book_report() */
    void               (*ask_receiver)(void *ctx, struct receive_request *q);
    void               (*ask_plans)(void *ctx, struct plan_request *q);
    void               (*ask_desk)(void *ctx, struct desk_request *q);
    void               (*count_sts)(void *ctx, struct sts_counts *out);
    bool               (*count_bridge)(void *ctx, struct bridge_counts *out); /* false: there is none. May be NULL */
};

struct admin;

/* Serves on listening, non-blocking sockets, which it takes; `tcp_fd` is -1 when there is no such listener. */
struct admin *admin_new(const struct admin_config *config, int control_fd, int tcp_fd);
/* Closes both sockets and every connection, and waits for what the store and the workers still owe. */
void admin_free(struct admin *a);

/* Binds the control socket with mode 0660, given to `uid` and `gid` where the process may do so (-1: leave). A
 * socket file that nobody serves any more is replaced; ERR_CONFLICT: another sternpost serves it. *out is
 * written only on OK. */
MUST_USE enum status admin_bind_control(const char *path, int uid, int gid, int *out, struct fault *why);
MUST_USE enum status admin_bind_tcp(const struct net_address *address, int *out, struct fault *why);

#endif
