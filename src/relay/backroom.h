/* relay/backroom.h: the thread beside the workers, for what no session waits on: MTA-STS policies of others are fetched
 * and kept, our own are made and served, our certificates looked after, TLS reports sent, and administrators told what goes
 * wrong, here. */
#ifndef STERNPOST_RELAY_BACKROOM_H
#define STERNPOST_RELAY_BACKROOM_H

#include "alerts/alert_book.h"
#include "certs/keeper.h"
#include "discovery/sts.h"
#include "domains/desk.h"
#include "domains/plan_keeper.h"
#include "settings/config.h"
#include "settings/snapshot.h"

struct acme;
struct backroom;
struct receiver;
struct tls_hour;
struct watch;

struct backroom_config { /* borrowed */
    const struct config *config;
    struct store        *store;
    struct receiver     *receiver; /* of TLS reports that come by HTTPS */
    struct tls_hour     *tls_hour; /* of all workers */
    struct tls_server  **servers;  /* one for each listener; they get their certificates from here */
    void               (*publish)(void *ctx, struct snapshot *fresh); /* settings that were changed here; takes the reference */
    void                *ctx;
};

/* Takes the reference to the settings. */
MUST_USE enum status backroom_new(const struct backroom_config *config, struct snapshot *settings, struct backroom **out,
                                  struct fault *why);
MUST_USE enum status backroom_start(struct backroom *b, struct fault *why);
/* Ends the thread; what was asked before is answered. */
void backroom_stop(struct backroom *b);
void backroom_save(struct backroom *b); /* before the store is closed, when the thread has ended; NULL is fine */
void backroom_free(struct backroom *b); /* after the last question was answered, and the receiver has stopped; NULL is fine */

struct sts *backroom_sts(struct backroom *b);
struct desk *backroom_desk(struct backroom *b);
struct plan_keeper *backroom_plans(struct backroom *b);
struct acme *backroom_acme(struct backroom *b); /* NULL: none is configured */
struct watch *backroom_watch(struct backroom *b);
struct alert_book *backroom_alerts(struct backroom *b);
void backroom_refresh(struct backroom *b); /* from any thread: files of certificates may have changed */
struct cert_keeper *backroom_certificates(struct backroom *b);
void backroom_publish(struct backroom *b, struct snapshot *fresh); /* from any thread; takes the reference */

#endif
