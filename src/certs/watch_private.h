/* certs/watch_private.h: the parts of the watch: what is known, and a round of looks. For this room alone. */
#ifndef STERNPOST_CERTS_WATCH_PRIVATE_H
#define STERNPOST_CERTS_WATCH_PRIVATE_H

#include "base/map.h"
#include "certs/watch.h"
#include "certs/watch_target.h"
#include "discovery/mx.h"
#include "discovery/sts_fetch.h"
#include "net/handoff.h"

#include <pthread.h>
#include <stdatomic.h>

struct watch_entry { /* one server, between the rounds */
    struct arena arena;
    struct watch_state state;
};

struct watch_order { /* of watch_now() */
    struct handoff_item item;
    char *target;
    uint64_t number;
    struct watch_order *next;
};

struct watch_counts {
    uint64_t looks, unreachable;
};

struct watch {
    struct watch_config config;
    struct snapshot *settings;
    int64_t (*wall_s)(void);
    struct prober *prober;
    struct pace *pace;
    struct loop_timer timer;
    struct handoff *answers, *orders;
    struct loop_io answers_io, orders_io;
    unsigned store_under_way;
    bool is_loaded, is_ending;
    struct store_request load;
    struct map entries;        /* by name */
    struct watch_round *round; /* NULL: none is under way */
    struct watch_order *waiting;
    int64_t due_s, recheck_s; /* recheck: 0: none */
    _Atomic uint64_t last_order;
    uint64_t answered;
    struct watch_counts counts;
    pthread_mutex_t lock;
    char *report; /* under the lock */
};

void watch_ask_store(struct watch *w, struct store_request *r, void (*done)(struct store_request *r));
/* The round is freed by it, right after. */
void watch_round_ended(struct watch *w, const struct watch_round *r, bool is_saved);

enum watch_scope { WATCH_ALL, WATCH_FAILED, WATCH_NAMED };

struct watch_look { /* at one server */
    struct survey survey;
    struct sts_fetch fetch;
    struct watch_round *round;
    const struct watch_target *target; /* the first of the targets that lead to it */
    struct cert_target server;
    struct slice name;
    struct slice *subjects;
    size_t subjects_len, subjects_cap;
    struct watch_facts facts;
    struct watch_entry *fresh;
    bool must_be_trusted; /* by any of them */
    bool is_wanted, is_done;
};

struct watch_round {
    struct watch *watch;
    struct arena arena;
    struct snapshot *settings;
    enum watch_scope scope;
    struct slice named; /* WATCH_NAMED */
    uint64_t number;    /* of the order; 0: none */
    int64_t now_s;
    const struct watch_target *targets;
    size_t targets_len, target_at;
    struct watch_finder *finders;
    struct map by_name;
    struct watch_look **looks;
    size_t looks_len, looks_cap, look_at, open;
    struct loop_timer soon;
    struct watch_news *news;
    size_t news_len, news_cap;
    struct watched_row *rows;
    size_t rows_len;
    struct store_request save;
};

/* Begins; ends with watch_round_ended(). `named` is copied. */
struct watch_round *watch_round_new(struct watch *w, enum watch_scope scope, struct slice named, uint64_t number);
void watch_round_free(struct watch_round *r);

/* From what was seen to what is kept and told: fills in news and rows. */
void watch_round_judge(struct watch_round *r);

/* Tells the book of alerts what is so now of every server that was looked at: what it knows already it tells nobody
 * again. */
void watch_round_tell(const struct watch_round *r);

#endif
