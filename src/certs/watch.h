/* certs/watch.h: looks from time to time at the certificates that mail depends on: our listeners as they are served,
 * the servers and policy hosts of our domains as DNS names them, the hosts of the settings, the servers of partners
 * that rules name. What is wrong, and when it is over, goes to the book of alerts; what is known of each server is in
 * the store. */
#ifndef STERNPOST_CERTS_WATCH_H
#define STERNPOST_CERTS_WATCH_H

#include "alerts/alert_book.h"
#include "net/https.h"
#include "settings/config.h"
#include "settings/snapshot.h"

struct watch;

struct watch_config { /* borrowed, and outlives the watch */
    struct loop *loop;
    struct resolver *resolver;
    struct https_client *https;
    struct store *store;
    struct alert_book *alerts; /* of the same loop */
    const struct config *config;
};

/* Takes the reference to the settings. The first look begins a little later; with the setting `watch` off, none does.
 */
struct watch *watch_new(const struct watch_config *config, struct snapshot *settings);
void watch_free(struct watch *w);                          /* ends what is under way; NULL is fine */
void watch_adopt(struct watch *w, struct snapshot *fresh); /* takes the reference */

/* From any thread: looks now at what `target` names: a server ("mx.example.org:25", or its host alone), what it is
 * watched for
 * ("domain example.org", or example.org alone), or everything (empty). Works with the setting off, too. The number is
 * reached by "answered" of the report when it is done. */
uint64_t watch_now(struct watch *w, struct slice target);

/* From any thread: what is known, as JSON text in `arena`: {"watch", "next", "answered", "servers": [...], "counts":
 * {...}}. */
struct slice watch_report(struct watch *w, struct arena *arena);

void watch_tick(struct watch *w);                               /* as the timer does twice a minute; for tests */
void watch_set_clock(struct watch *w, int64_t (*wall_s)(void)); /* for tests */

#endif
