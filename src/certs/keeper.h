/* certs/keeper.h: our own certificates: reads them, judges them, decides by clock and DNS which of them new sessions
 * get, and hands that to the listeners. One for the process, on one loop; it is made and freed on other threads.
 *
 * Sources are the certificate sections of the configuration file and the settings of kind certificate, which go before
 * them. A certificate that a setting brings waits until TLSA records that are published stand for it
 * (certs/tlsa_guard.h); one that was in service before a restart does not wait again. */
#ifndef STERNPOST_CERTS_KEEPER_H
#define STERNPOST_CERTS_KEEPER_H

#include "net/loop.h"
#include "net/resolver.h"
#include "settings/config.h"
#include "settings/snapshot.h"
#include "store/store.h"

struct cert_keeper_config {
    struct loop *loop;
    struct resolver *resolver;
    struct store *store;
    const struct config *config;
    struct tls_server **servers; /* one for each listener of the configuration; NULL: it has no TLS */
    struct tls_server *policy_host; /* listener "policy-host"; NULL: there is none */
    int64_t every_s;             /* how often DNS is asked while something waits for it; 0: 30 s */
    int64_t (*wall_s)(void);     /* NULL: the clock; tests bring their own */
};

struct cert_keeper;

/* Everything in `config` is borrowed. Reads what the store keeps, and hands out what can be served, before it returns.
 * The settings are borrowed for the call. */
struct cert_keeper *cert_keeper_new(const struct cert_keeper_config *config, struct snapshot *settings);
void cert_keeper_free(struct cert_keeper *k); /* NULL is fine */

/* On the loop's thread. */
void cert_keeper_adopt(struct cert_keeper *k, struct snapshot *settings); /* borrowed */
void cert_keeper_refresh(struct cert_keeper *k); /* looks at files now; it does so by itself every second */

/* On the loop's thread: RDATA "3 1 1" of the keys that senders meet at `host` on port 25, or will: of each certificate for
 * it that serves a listener of role mx or waits to, each key once, those in service first; in `arena`. At most `most`. */
size_t cert_keeper_tlsa(const struct cert_keeper *k, struct slice host, struct arena *arena, struct slice *out,
                        size_t most);

enum { CERT_KEY_RESTS_S = 86400 };

/* On the loop's thread: RDATA of records seen at `host` on port 25 that can be taken out of DNS: "3 1 1" for a key that was in
 * service once, has been shown to nobody for CERT_KEY_RESTS_S, and is not to be shown; while another record stands for what is
 * served. In `arena`. At most `most`. */
size_t cert_keeper_tlsa_gone(const struct cert_keeper *k, struct slice host, struct arena *arena, struct slice *out,
                             size_t most);

/* From any thread: what there is, as JSON in `arena` (docs/api.md, GET /v1/certificates). */
struct slice cert_keeper_report(struct cert_keeper *k, struct arena *arena);

#endif
