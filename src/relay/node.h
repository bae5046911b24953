/* relay/node.h: one running sternpost: configuration, store, current settings, workers. What serve starts and admin asks. */
#ifndef STERNPOST_RELAY_NODE_H
#define STERNPOST_RELAY_NODE_H

#include "bridge/bridge.h"
#include "settings/config.h"
#include "settings/snapshot.h"
#include "store/store.h"

struct alert_book;
struct acme;
struct cert_keeper;
struct node;
struct receiver;
struct desk;
struct plan_keeper;
struct sts;
struct watch;
struct worker;

/* Opens the store, loads and compiles the settings, binds every listener. Nothing is served yet. */
MUST_USE enum status node_new(const struct config *config, struct node **out, struct fault *why);
/* Starts the workers; call after privileges are dropped. */
MUST_USE enum status node_start(struct node *n, struct fault *why);
/* Stops taking connections, lets open transactions end (at most `grace_ms`), ends the workers. */
void node_stop(struct node *n, int64_t grace_ms);
void node_free(struct node *n); /* after node_stop(); closes the store */

const struct config *node_config(const struct node *n);
struct store *node_store(const struct node *n);
int64_t node_started_s(const struct node *n); /* wall clock */
unsigned node_workers(const struct node *n);
struct cert_keeper *node_certificates(struct node *n); /* certs/keeper.h: our own */
struct plan_keeper *node_plans(struct node *n); /* domains/plan_keeper.h: staged plans of our own domains */
struct acme *node_acme(struct node *n); /* certs/acme.h; NULL: none is configured */
struct watch *node_watch(struct node *n); /* certs/watch.h: certificates that mail depends on */
struct alert_book *node_alerts(struct node *n); /* alerts/alert_book.h: what is wrong now */
struct desk *node_desk(struct node *n); /* domains/desk.h: questions about our own domains */
struct sts *node_sts(struct node *n); /* discovery/sts.h: the policies of other domains */
struct receiver *node_receiver(struct node *n); /* reports/receiver.h: TLS reports about our domains */

struct snapshot *node_snapshot(struct node *n); /* holds; the caller releases */
/* New settings, from any thread: takes the reference, hands it to every worker, unless newer ones were handed out already.
 * They use it from their next round on. */
void node_publish(struct node *n, struct snapshot *fresh);
/* Looks for changed certificate files now; they are looked for every second anyway. */
void node_refresh(struct node *n);

/* Something to be done on a worker's thread: it has the loop, the resolver and the TLS contexts. The task calls
 * worker_task_done() (relay/worker.h) when it is finished, and comes back through reply_to. */
struct worker_task {
    struct handoff_item item; /* private; first */
    void   (*run)(struct worker *w, struct worker_task *t);
    void   (*done)(struct worker_task *t); /* called by whoever takes it from reply_to */
    struct handoff *reply_to;
};
void node_ask(struct node *n, struct worker_task *t);

/* A TLS report of ours to an address of this domain goes to a host (bridge/bridge.h). From any thread. */
void node_expect_report_event(struct node *n, struct slice domain);
bool node_bridge_counts(const struct node *n, struct bridge_counts *out); /* false: no bridge is configured */

#endif
