/* reports/sender_private.h: the parts of the sender: a pass over what was counted, a job for each report, a post for each that
 * goes by HTTPS. For this room alone. */
#ifndef STERNPOST_REPORTS_SENDER_PRIVATE_H
#define STERNPOST_REPORTS_SENDER_PRIVATE_H

#include "policy/tls_record.h"
#include "reports/calendar.h"
#include "reports/compose.h"
#include "reports/sender.h"
#include "reports/target.h"

#include <sys/queue.h>

enum {
    JOBS_MOST = 8,
    POSTS_MOST = 8,
    CATCH_UP_DAYS = 3, /* of which reports are still made after a pause */
    KEPT_DAYS = 14,
    PAGE = 500,
    RETRIES_MOST = 2000,
    HOSTED_MOST = 1000, /* recipient domains of one host */
    POST_MS = 60000,
};

/* A domain whose record was not to be had, or whose report the store did not take. */
struct retry {
    TAILQ_ENTRY(retry) in_list;
    int64_t start_s, first_s, at_s;
    unsigned tries;
    char domain[256];
};

/* One report in the making. */
struct job {
    TAILQ_ENTRY(job) in_list;
    struct report_sender *sender;
    struct snapshot *settings;
    struct arena arena;
    struct slice domain, day;
    int64_t start_s, first_s;
    unsigned tries;
    struct resolver_query query;
    struct store_request request;
    struct tlsrpt_record record;
    struct report_target *targets;
    size_t targets_len;
    struct tlsrpt_row *rows;
    size_t rows_len, rows_cap;
    struct slice hosted[HOSTED_MOST]; /* "mx.example.net/example.org" */
    size_t hosted_len, hosted_at;
    struct composition composition;
    struct report_row row;
    struct stored_message mail;
    struct buf mail_text;
    uint32_t chunk_no;
};

/* One report on its way to web servers. */
struct post {
    TAILQ_ENTRY(post) in_list;
    struct report_sender *sender;
    struct arena arena;
    struct report_row row;
    struct report_target *targets;
    size_t targets_len, at;
    int64_t wish_s;
    struct https_request https;
    struct store_request request;
};

/* The days of which something was counted, domain by domain. */
struct pass {
    bool is_on, is_last_page, is_waiting; /* waiting: for a job to end */
    struct arena arena;
    const struct slice *days;
    size_t days_len, day_at;
    int64_t start_s, from_s, to_s; /* slots after `from_s` and up to `to_s` are for this pass */
    struct store_request request;
    size_t at; /* in the page, which the request holds */
    char last[256], after[600];
};

struct report_sender {
    struct loop *loop;
    struct resolver *resolver;
    struct https_client *https;
    struct store *store;
    struct snapshot *settings;
    char *hostname;
    int64_t (*wall_s)(void);
    struct handoff *answers;
    struct loop_io io;
    struct loop_timer timer;
    unsigned store_under_way;
    bool is_ending, due_is_asked;
    struct pass pass;
    struct store_request due, trim;
    bool trim_is_asked;
    char trim_day[CALENDAR_DAY_TEXT];
    int64_t trimmed_s; /* the day on which it was last done */
    struct { int64_t start_s, until_s; } done[CATCH_UP_DAYS]; /* slots up to `until_s` were served */
    TAILQ_HEAD(job_list, job) jobs;
    TAILQ_HEAD(post_list, post) posts;
    TAILQ_HEAD(retry_list, retry) retries;
    size_t jobs_len, posts_len, retries_len;
};

/* The reply is `done`'s alone to release; it is not called any more when the sender ends. */
void sender_store(struct report_sender *s, struct store_request *r, void (*done)(struct store_request *r));

/* Everything that waited for a place goes on. */
void sender_job_ended(struct report_sender *s);
/* What is to be posted now is asked for. */
void sender_ask_due(struct report_sender *s);
/* The job is done again later, or given up a day after its first try. */
void sender_retry(struct report_sender *s, const struct job *j, const char *why);

void job_start(struct report_sender *s, struct slice domain, int64_t start_s, int64_t first_s, unsigned tries);
void job_send(struct job *j); /* claimed, with its row filled in but for the targets */
void job_end(struct job *j);  /* gives its place to the next */
/* The former reply is let go of. */
void job_ask_store(struct job *j, struct store_request r, void (*done)(struct store_request *r));
void job_free(struct job *j); /* at the end of the sender too, when nothing of it is under way at the store */

void post_start(struct report_sender *s, const struct report_row *row);
void post_free(struct post *p);

#endif
