/* reports/receiver_private.h: the receiver's state, for the files that each do one part of it. */
#ifndef STERNPOST_REPORTS_RECEIVER_PRIVATE_H
#define STERNPOST_REPORTS_RECEIVER_PRIVATE_H

#include "base/map.h"
#include "net/loop.h"
#include "reports/receiver.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

struct intake_task;

struct key_query {
    struct resolver_query query;
    struct mail_dkim_key *key;
    struct intake_task   *task;
};

/* The mail exchangers of a domain of ours. */
struct mx_entry {
    struct resolver_query query;
    struct receiver      *receiver;
    struct intake_task   *waiting; /* for the answer under way, linked by next_for_mx; NULL: none is */
    int64_t               until_s; /* fresh until then */
    struct arena          arena;
    struct receive_mx     mx;
};

/* A request at work. */
struct intake_task {
    TAILQ_ENTRY(intake_task) in_list;
    struct receiver         *receiver;
    struct receive_request  *request;
    struct arena             arena; /* what is needed only until it is kept; results live in the request's */
    struct receive_found     found;
    struct mail_dkim_key     keys[MAIL_DKIM_SIGNATURES_MAX];
    struct key_query         queries[MAIL_DKIM_SIGNATURES_MAX];
    size_t                   keys_open;
    bool                     lacks_keys;
    struct intake_task      *next_for_mx;
    struct receive_results   results;
    struct receive_outcome  *outcomes;
    struct store_request     put;
};

struct receiver {
    struct store              *store;
    struct snapshot           *settings;
    char                      *hostname;
    int64_t                    keep_s, keep_documents_s;
    struct received_quota      quota;
    int64_t                  (*wall_s)(void);
    struct loop               *loop;
    struct resolver           *resolver;
    struct mail_dkim_verifier *verifier;
    struct handoff            *inbox, *answers, *orders;
    struct loop_io             inbox_io, answers_io, orders_io;
    struct handoff_item       *waiting; /* requests that have not begun */
    TAILQ_HEAD(, intake_task)  tasks;
    size_t                     tasks_len;
    bool                       is_going_on, is_ending, is_running;
    atomic_bool                is_over; /* asked too late */
    unsigned                   store_open;
    struct map                 mx; /* domain -> struct mx_entry */
    struct loop_timer          trim_timer;
    struct store_request       trim;
    char                       trim_day[16];
    bool                       is_trimming;
    pthread_t                  thread;
};

void receiver_go_on(struct receiver *r);
void receiver_judge(struct intake_task *t); /* once more: its mail exchangers are known */
void receiver_store(struct receiver *r, struct store_request *s, void (*done)(struct store_request *s));

/* receiver_mx.c */
const struct receive_mx *receiver_mx(struct receiver *r, struct slice domain); /* NULL: not known, or too old */
void receiver_ask_mx(struct receiver *r, struct intake_task *t); /* t->results.wants_mx_of; receiver_judge() follows */
void receiver_forget_mx(struct receiver *r);

#endif
