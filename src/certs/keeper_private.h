/* certs/keeper_private.h: what the files of the keeper share. */
#ifndef STERNPOST_CERTS_KEEPER_PRIVATE_H
#define STERNPOST_CERTS_KEEPER_PRIVATE_H

#include "certs/keeper.h"
#include "certs/rotation.h"
#include "certs/source.h"
#include "certs/tlsa_guard.h"
#include "certs/tlsa_watch.h"

#include <jansson.h>
#include <pthread.h>

enum { KEEPER_WATCHES_MOST = 512, KEEPER_SOURCES_MOST = 1000, KEEPER_PORTS_MOST = 16 };

enum kept_state {
    KEPT_REFUSED,    /* nothing usable was read */
    KEPT_WAITS,      /* for valid-from */
    KEPT_HELD,       /* for DNS */
    KEPT_ROLLS,      /* a share of new sessions */
    KEPT_SERVES,
    KEPT_SUPERSEDED, /* something newer has all its names */
    KEPT_RETIRED,
};

/* What the guard says of a copy: its worst case. */
struct guard_word {
    enum guard_verdict       verdict;
    const struct tlsa_watch *at; /* NULL for GUARD_FREE */
    int64_t                  until_s;
};

struct kept {
    struct cert_source *source;
    enum kept_state     state;
    enum rotation_stage stage;
    unsigned            percent;      /* over all listeners, the most */
    unsigned            least;        /* while it rolls: the share it has of its names */
    bool                is_in_service; /* it had a share when last planned, and not for want of anything else */
    int64_t             since_s;
    struct guard_word   guard, next_guard; /* of source->now when it is not in service, and of source->next */
    char                told[CERT_FINGERPRINT]; /* which copy the last word in the log was about */
    enum kept_state     told_state;
    struct fault        told_refused;
    bool                is_named; /* adopt's own: the settings still name it */
};

struct former_key { /* one that is or was in service */
    char    spki[CERT_FINGERPRINT]; /* hex SHA-256 of the public key */
    int64_t until_s;                /* 0: it is */
};

struct cert_keeper {
    struct cert_keeper_config config;
    struct config_listener    policy_host; /* as a listener */
    struct loop_timer         tick;
    struct kept             **all; /* the configuration's first, in its order, then by name */
    size_t                    len, cap, config_len;
    struct tlsa_watch       **watches;
    size_t                    watches_len, watches_cap;
    struct former_key        *former;
    size_t                    former_len, former_cap;
    char                    **plans; /* for each listener: what was handed to it, in short; NULL: nothing yet */
    struct handoff           *saved;
    struct loop_io            saved_io;
    struct store_request      save;
    struct arena              save_arena;
    bool                      is_saving, is_to_save;
    bool                      has_told_most;
    bool                      is_running; /* the loop runs, DNS may be asked */
    bool                      is_changed; /* since the last report */
    int64_t                   reported_s;
    pthread_mutex_t           lock; /* guards `report` */
    char                     *report;
};

/* Those of the configuration, then the policy host, where there is one. */
size_t keeper_listeners(const struct cert_keeper *k);
const struct config_listener *keeper_listener(const struct cert_keeper *k, size_t at);
int64_t keeper_now_s(const struct cert_keeper *k);
bool kept_serves(const struct kept *kept, const struct config_listener *l); /* of either origin */

/* keeper_guard.c */
/* When `may_ask`, asks for what the copies not in service need, and for what those in service have published. */
void keeper_tend_watches(struct cert_keeper *k, bool may_ask);
struct guard_word keeper_guard(const struct cert_keeper *k, const struct kept *kept, const struct cert_copy *copy);
void keeper_free_watches(struct cert_keeper *k);
/* Is the name one that this copy is for, and the watch one for it? */
bool keeper_watch_is_for(const struct cert_keeper *k, const struct kept *kept, const struct cert_copy *copy,
                         const struct tlsa_watch *w);

struct tlsa_watch *keeper_find_watch(const struct cert_keeper *k, struct slice question); /* NULL: there is none */

/* keeper_former.c */
void keeper_load_former(struct cert_keeper *k);
/* These are in service now, and no others. */
void keeper_note_served(struct cert_keeper *k, const struct cert_row *rows, size_t len);

/* keeper_plan.c: hands out what is to be served. */
void keeper_plan(struct cert_keeper *k);

/* keeper_report.c */
const char *kept_state_name(enum kept_state s);
struct slice kept_text(const struct cert_keeper *k, const struct kept *kept, struct arena *arena); /* one sentence */
void keeper_write_report(struct cert_keeper *k);
/* Does the record stand for nothing that is served or waits, while another one stands for what is served? */
bool keeper_can_go(const struct cert_keeper *k, const struct tlsa_watch *w, const struct watched_record *r);

#endif
