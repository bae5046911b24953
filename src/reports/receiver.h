/* reports/receiver.h: takes in TLS reports of others: looks up the keys of their signatures and our mail exchangers, judges
 * them (reports/receive.h) and keeps them in the store. One for the process, on a thread of its own, so that reading what
 * strangers send holds up nobody; other threads ask by handoff. */
#ifndef STERNPOST_REPORTS_RECEIVER_H
#define STERNPOST_REPORTS_RECEIVER_H

#include "net/handoff.h"
#include "net/resolver.h"
#include "reports/receive.h"

struct receiver;

struct receiver_config {
    const struct dns_config *resolver; /* borrowed until receiver_new() returns */
    struct store            *store;
    struct slice             hostname;
    struct snapshot         *settings; /* takes the reference */
    int64_t                  keep_s, keep_documents_s; /* how long numbers and documents are kept */
    struct received_quota    quota;    /* zero: RECEIVER_PER_SOURCE and RECEIVER_STRANGERS */
    int64_t (*wall_s)(void);           /* NULL: the clock */
};

/* RPT-06: reports of one source in a day; unverified reports kept in all. */
enum { RECEIVER_PER_SOURCE = 20000, RECEIVER_STRANGERS = 20000 };
/* Bytes of one item, and at work at a time; further ones wait. */
enum { RECEIVER_ITEM_MAX = REPORT_MAIL_MAX, RECEIVER_AT_WORK = 16 };

MUST_USE enum status receiver_new(const struct receiver_config *config, struct receiver **out, struct fault *why);
MUST_USE enum status receiver_start(struct receiver *r, struct fault *why); /* the thread */
/* Ends the thread. What is under way, and what comes later, is answered ERR_TEMPORARY. */
void receiver_stop(struct receiver *r);
void receiver_free(struct receiver *r); /* after the last request was answered; NULL is fine */
void receiver_publish(struct receiver *r, struct snapshot *fresh); /* from any thread; takes the reference */

struct receive_outcome {
    struct receive_result result;
    enum received_outcome kept; /* unless refused */
};

struct receive_request {
    struct handoff_item item; /* private; first */
    struct handoff     *reply_to;
    void              (*done)(struct receive_request *q); /* called by whoever takes from reply_to */
    struct receive_item what;  /* borrowed until done; bytes that are in a file are read when its turn comes */
    bool                waits; /* for the keys: ERR_TEMPORARY when the DNS does not answer; else it goes as unsigned */

    /* Out. OK: each outcome tells for itself. ERR_SYNTAX, ERR_LIMIT: there is no report in it, or it is over the bounds.
     * ERR_TEMPORARY, ERR_FULL: try again. */
    enum status                   status;
    struct fault                  why;
    struct arena                  arena; /* released by the owner */
    const struct receive_outcome *outcomes;
    size_t                        outcomes_len;
};

/* From any thread, but none that runs beside receiver_stop(). */
void receiver_ask(struct receiver *r, struct receive_request *q);

#endif
