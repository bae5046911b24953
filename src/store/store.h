/* store/store.h: the one contract for everything that must survive: messages, deliveries, traces, counters,
 * settings and their audit. SQLite stands behind it (sqlite.c), PostgreSQL will.
 *
 * One store thread owns the database. Other threads send requests; the thread runs what many sent in one
 * transaction (group commit) and answers after the commit. A request answered OK is on disk. Requests of one
 * sender are run in the order sent.
 *
 * A request that fails alone (ERR_NOT_FOUND, ERR_CONFLICT, ERR_EXISTS, ERR_LIMIT) costs the others nothing.
 * When a commit fails (full disk, I/O error), puts and chunks of it get ERR_FULL or ERR_TEMPORARY;
 * settles, saved reports and alerts, which must not be lost, are kept by the store thread and tried again until they succeed.
 * Until then other writing requests get ERR_FULL or ERR_TEMPORARY at once. When the database is found damaged,
 * nothing is written any more: these get ERR_PERMANENT, all else that writes ERR_TEMPORARY; reading goes on.
 * A LIST or CHANGE by filter runs in slices, so that a long queue does not hold up mail; what is sent behind it may
 * overtake it. Results count only when the status is OK. */
#ifndef STERNPOST_STORE_STORE_H
#define STERNPOST_STORE_STORE_H

#include "base/arena.h"
#include "net/handoff.h"
#include "smtp/envelope.h"

struct store;

/* Opens (or makes, or migrates) the store at `url`: "sqlite:/path/to/file". Starts its thread. A damaged or newer
 * database is refused with the remedy in `why` and left untouched. Leases of this node's former life are released. */
struct store_config {
    const char *url;
    uint64_t    reserve_bytes; /* puts get ERR_FULL while the file system has less free than this. A full disk cannot
                                  even be emptied by delivering: 64 MiB or more leave room for that. 0: no reserve */
};
MUST_USE enum status store_open(const struct store_config *config, struct store **out, struct fault *why);
void store_close(struct store *s); /* runs what was sent, answers it, ends the thread */

/* -- plain data ------------------------------------------------------------------------------------------- */

/* LOCAL: DSNs. REPORT: TLS reports of ours, which go whatever the receiver's TLS is like, are not counted and not answered. */
enum message_origin { ORIGIN_MX, ORIGIN_RELAY, ORIGIN_SUBMISSION, ORIGIN_LOCAL, ORIGIN_REPORT };

/* One recipient of one message: a delivery. */
struct stored_rcpt {
    uint32_t         index;        /* within the message, from 0 */
    struct smtp_rcpt rcpt;
    struct slice     domain;       /* of the recipient, lower case, A-labels: what routes match */
    int64_t          due_s;        /* wall clock */
    uint32_t         attempts;
    bool             is_held, delay_notified;
    struct slice     last_error;   /* one line; empty before the first attempt */
};

enum { STORE_INLINE_MAX = 64 * 1024, STORE_CHUNK_MAX = 256 * 1024 };

struct stored_message {
    uint64_t                  id;       /* time-ordered; message_id_new() */
    int64_t                   received_s;
    enum message_origin       origin;
    struct smtp_mail          mail;     /* size is the real size in bytes */
    struct slice              user;     /* who signed in; empty: nobody */
    struct slice              client;   /* address it came from; empty for ORIGIN_LOCAL */
    bool                      tls_required_no; /* RFC 8689 section 5 */
    uint32_t                  chunks;   /* 0: the content is in `body`; else in this many chunks */
    struct slice              body;     /* at most STORE_INLINE_MAX; in claims: empty, see STORE_LOAD */
    const struct stored_rcpt *rcpts;
    size_t                    rcpts_len;
};

struct stored_trace {
    int64_t      at_ms; /* wall clock */
    struct slice json;  /* one JSON object, compact */
};

/* -- requests --------------------------------------------------------------------------------------------- */

enum store_verb {
    STORE_PUT,    /* message, traces, is_claimed. Durable when OK. ERR_FULL, ERR_TEMPORARY */
    STORE_CHUNK,  /* id, chunk_no (from 0), bytes: content of a message to come. Kept only if its PUT follows */
    STORE_DROP,   /* id: chunks of a message that will not come */
    STORE_LOAD,   /* id, chunk_no: bytes of chunk, or the whole body (chunk 0) when chunks is 0 -> bytes.
                     ERR_NOT_FOUND; ERR_PERMANENT when its checksum does not match (DUR-10) */
    STORE_SETTLE, /* id, changes, traces, dsn: outcome of an attempt, all in one transaction. The message goes
                     when its last delivery is done. ERR_NOT_FOUND when the message was removed meanwhile */
    STORE_CLAIM,  /* limit, now_s -> messages with their due, unheld, unclaimed deliveries, now claimed; count of
                     these. Oldest first, but no domain gets more than a quarter while others wait. All due deliveries
                     of a message come together: the last message may go beyond the limit. At most 10000 */
    STORE_LIST,   /* after_id, limit, filter -> messages with all deliveries, oldest first. At most 10000 */
    STORE_FIND,   /* id -> messages (0 or 1), traces: also after the message is gone. ERR_NOT_FOUND: neither */
    STORE_CHANGE, /* change, id (0: all that match filter) -> count: hold, release, retry, remove. Claimed deliveries
                     are left out of remove and retry but counted in count_busy; one put on hold stays there when its
                     attempt is settled. RETRY: due at now_s. ERR_NOT_FOUND for an id that is not in the queue */
    STORE_COUNT,  /* counter rows: added to day/name/key */
    STORE_COUNTERS, /* name (empty: all of them), since_day -> counters */
    STORE_SETTINGS_LOAD,   /* -> settings, version */
    STORE_SETTINGS_CHANGE, /* settings rows, base_version, who/from -> version. ERR_CONFLICT when base_version
                              is not the current one, ERR_EXISTS or ERR_NOT_FOUND when `before` is not so (then no
                              row is changed); each row is audited in the same transaction */
    STORE_AUDIT_NOTE, /* note, who/from: a row of the audit for what is no change of settings; id, time and hash are the store's */
    STORE_AUDIT,  /* after_id, limit -> audit rows, oldest first, and whether the hash chain holds */
    STORE_STATS,  /* now_s (0: the clock's) -> queue figures for status and metrics */
    STORE_TRIM,   /* before_s: forget the traces of messages that came before this and are not in the queue, at most
                     `limit` rows (a row is what one request brought) -> count */

    STORE_STS_LOAD,   /* -> sts: every MTA-STS policy kept */
    STORE_STS_SAVE,   /* sts_in: each put in place of its domain's */
    STORE_STS_FORGET, /* name (a domain; empty: all of them) -> count */

    STORE_POLICY_ADD,  /* policy: what a domain of ours publishes from now on. ERR_EXISTS: the domain had that id before */
    STORE_POLICY_LIST, /* name (a domain), limit -> policies of it, the newest first. Empty: the newest of every domain */

    STORE_PLAN_LOAD, /* -> plans: of every domain that has one */
    STORE_PLAN_SAVE, /* plan: in place of its domain's; without a state: forgotten */

    STORE_CERT_LOAD, /* -> certs: every certificate in service */
    STORE_CERT_SAVE, /* certs_in, now_s: from now on these and no others are; their history tells of it */
    STORE_CERT_HISTORY, /* since_s, limit -> certs: what came into service from then on, the latest first */

    STORE_WATCH_LOAD, /* -> watched: every server that is watched, and what is known of it */
    STORE_WATCH_SAVE, /* watched_in: each put in place of its name's; without a state: forgotten */

    STORE_REPORT_COUNT,   /* report_counts_in: added to day/domain/policy/detail */
    STORE_REPORT_COUNTS,  /* since_day (that day alone), name (a domain) -> report_counts */
    STORE_REPORT_DOMAINS, /* since_day (that day alone), after (a domain), limit -> report_counts with domain alone, by domain */
    STORE_REPORT_DAYS,    /* -> report_counts with day alone: the days of which anything is kept, the oldest first */
    STORE_REPORT_TRIM,    /* since_day: forgets counts and sent reports of earlier days -> count */
    STORE_REPORT_CLAIM,   /* report (day, domain): whoever puts the row sends the report. ERR_EXISTS: somebody did. One that
                             is not saved before this process ends can be claimed anew by the next */
    STORE_REPORT_SAVE,    /* report: all of its columns, in place of its day and domain's. dsns, too: report mails to put in the
                             same transaction, unclaimed, due at once. ERR_NOT_FOUND; ERR_EXISTS: another has its id */
    STORE_REPORT_DUE,     /* now_s, limit -> reports whose next_s is not 0 and has come */
    STORE_REPORT_LIST,    /* since_day, name (a domain; empty: any), limit -> reports without documents, the newest first */
    STORE_REPORT_FIND,    /* name (a report id) -> reports (one). ERR_NOT_FOUND */

    STORE_RECEIVED_PUT,  /* received_in, each kept or not for itself -> outcomes. `quota` may be NULL: none */
    STORE_RECEIVED_LIST, /* since_day, name (a domain; empty: any), limit -> received without policies and documents, the
                            newest day first */
    STORE_RECEIVED_FIND, /* id -> received (one, with all of it). ERR_NOT_FOUND */
    STORE_RECEIVED_SUMS, /* since_day, name (a domain) -> sums of what counts, the verified apart from the others */
    STORE_RECEIVED_TRIM, /* since_day: forgets the reports of earlier days; before_s: the documents received before
                            it; now_s: quotas of other days -> count */

    STORE_ALERT_LOAD, /* limit -> alerts: the open ones first, then those that are over, the latest first */
    STORE_ALERT_SAVE, /* alerts_in: each put in place of its id's. dsns, too: mails to put in the same transaction, unclaimed,
                         due at once. before_s: forgets those that were over before it */
};

enum delivery_outcome { DELIVERY_DONE, DELIVERY_DEFERRED, DELIVERY_HELD };

struct delivery_change {
    uint32_t              index;
    enum delivery_outcome outcome;
    int64_t               due_s;      /* DEFERRED */
    uint32_t              attempts;
    bool                  delay_notified;
    struct slice          last_error;
};

enum queue_change { QUEUE_HOLD, QUEUE_RELEASE, QUEUE_RETRY, QUEUE_REMOVE };

struct queue_filter {
    struct slice domain; /* recipient domain; empty: any */
    struct slice sender; /* exact address; empty: any */
};

struct setting_row { /* kind "domain", "host", "route", "rule", "list", "user", "certificate", "gateway" */
    struct slice kind, name;
    struct slice before, after; /* JSON objects; ptr NULL: not there. LOAD fills `after` */
    struct slice audit_before, audit_after; /* what the audit shows: the same with secrets left out */
};

struct audit_row {
    uint64_t     id;
    int64_t      at_s;
    struct slice who, from, action, kind, name; /* action: "create", "change", "delete"; of a note "publish", "begin", ... */
    struct slice before, after;
    struct slice hash; /* hex SHA-256 over the former row's hash and this row */
};

struct counter_row {
    struct slice day, name, key; /* "2026-11-24" UTC; "inbound-refused"; "rule bank" */
    uint64_t     value;
};

/* A policy of MTA-STS as fetched. */
struct sts_row {
    struct slice domain, id, text;
    int64_t      fetched_s, expires_s, checked_s, used_s;
};

/* An MTA-STS policy of a domain of ours, as it was or is published. */
struct policy_row {
    struct slice domain, id, text;
    int64_t      made_s;
};

/* The way of a domain of ours to another mode (domains/plan.h). */
struct plan_row {
    struct slice domain, state; /* JSON */
};

/* A certificate of ours in service: what took over once does not wait for DNS again. */
struct cert_row {
    struct slice name, fingerprint; /* of its set; hex SHA-256 of the leaf. Together unique */
    int64_t      since_s;
    struct slice spki;    /* hex SHA-256 of its public key; of HISTORY "" where that is not known. Not from LOAD */
    int64_t      until_s; /* of HISTORY: when it left service; 0: it is there */
};

/* A server whose certificate is watched (certs/watch.h). */
struct watched_row {
    struct slice name;  /* "mx.example.org:25" */
    struct slice state; /* JSON */
};

/* TLS sessions counted (tlsrpt/session.h). */
struct report_count_row {
    struct slice day, domain, policy, detail;
    uint64_t     count;
};

/* One TLS report of ours. */
struct report_row {
    struct slice day, domain; /* "2026-11-24"; together unique */
    struct slice report_id;   /* empty while it is only claimed */
    struct slice document;    /* gzipped JSON */
    struct slice targets;     /* JSON: where to, how it went */
    int64_t      made_s;
    int64_t      next_s;      /* when something is still to be done; 0: nothing is */
};

enum received_channel { RECEIVED_BY_MAIL, RECEIVED_BY_HTTPS, RECEIVED_BY_IMPORT };
extern const char *const received_channel_names[3]; /* "mail" */

struct received_failure {
    uint32_t     policy; /* index of its policy */
    uint64_t     count;  /* at most RECEIVED_COUNT_MAX, as all counts here */
    struct slice result, mx, receiving_ip, sending_ip, reason;
};

struct received_policy {
    struct slice type, domain; /* "sts"; the policy-domain */
    uint64_t     success, failure;
};

/* A sum over 90 million rows stays within 63 bits (RPT-03). */
#define RECEIVED_COUNT_MAX UINT64_C(100000000000)

/* A TLS report of others about one domain of ours. */
struct received_row {
    uint64_t                       id;  /* out: of LIST and FIND */
    int64_t                        received_s, start_s, end_s;
    enum received_channel          channel;
    bool                           is_verified; /* the reporter is who signed it */
    bool                           is_summed;   /* false: kept, but of an unusual period */
    uint64_t                       success, failure; /* over its policies */
    struct slice                   day, domain, reporter, report_id, organization, contact;
    struct slice                   source;   /* whose quota it counts against; empty: nobody's */
    struct slice                   notes;    /* a JSON array of sentences */
    struct slice                   hash;     /* SHA-256 of the JSON */
    struct slice                   document; /* the JSON, gzipped; empty: forgotten, or not asked for */
    const struct received_policy  *policies;
    size_t                         policies_len;
    const struct received_failure *failures;
    size_t                         failures_len;
};

/* What of it was not kept, and why: domain, period, reporter, id and whether it is verified make the key, the first one wins. */
enum received_outcome {
    RECEIVED_KEPT,
    RECEIVED_DUPLICATE, /* the same was received before */
    RECEIVED_DIFFERS,   /* another of the same key was (RPT-06) */
    RECEIVED_OVER_QUOTA,
};

struct received_quota {
    uint64_t per_source_day; /* reports of one source on one day (of arrival) */
    uint64_t strangers;      /* unverified reports in all, but for imported ones: beyond, the oldest go */
};

enum received_sum_kind { RECEIVED_SUM_DAY, RECEIVED_SUM_TYPE, RECEIVED_SUM_REPORTER, RECEIVED_SUM_MX, RECEIVED_SUM_FAILURE };

/* The first texts are what is summed by: day and policy type; policy type; reporter and policy type; MX (of policies by
 * TLSA, and of failures that name one); result type, MX and reason, the most frequent first. */
struct received_sum {
    enum received_sum_kind kind;
    bool                   is_verified;
    struct slice           by, by2, by3;
    struct slice           first_day, last_day;
    uint64_t               success, failure, reports;
};

/* An alert, open or over. */
struct alert_row {
    uint64_t     id; /* message_id_new() */
    int64_t      since_s, ended_s, mailed_s; /* 0: it is open; no mail told of it yet */
    unsigned     severity, level, untold;    /* the book's own (alerts/) */
    struct slice cause, subject, text, remedy, end_text;
};

struct store_stats {
    uint64_t messages, deliveries, held;
    uint64_t deferred; /* tried before and not held */
    uint64_t due;      /* waiting to be claimed at now_s */
    uint64_t oldest_received_s;
};

struct store_request {
    struct handoff_item item;      /* private; first */
    uint64_t            cursor;    /* private: how far a long request has come */
    bool                is_unfinished; /* private */
    enum store_verb     verb;
    struct handoff     *reply_to;  /* where the request goes when it is done; never NULL, but for store_call() */
    void              (*done)(struct store_request *r); /* called by whoever takes from reply_to */

    /* In; borrowed until done. */
    uint64_t                      id, after_id, base_version;
    uint32_t                      chunk_no;
    size_t                        limit;
    int64_t                       now_s, before_s, since_s;
    const struct stored_message  *message;
    bool                          is_claimed;
    struct slice                  bytes; /* in for CHUNK; out (in arena) for LOAD */
    const struct stored_trace    *traces_in;
    size_t                        traces_in_len;
    const struct delivery_change *changes;
    size_t                        changes_len;
    const struct stored_message  *dsns;  /* mails to put in the same transaction, unclaimed, due at once: bounces and the like */
    size_t                        dsns_len;
    enum queue_change             change;
    struct queue_filter           filter;
    const struct counter_row     *counters_in;
    size_t                        counters_in_len;
    const struct setting_row     *settings_in;
    size_t                        settings_in_len;
    struct slice                  who, from, name, since_day, after;
    const struct sts_row         *sts_in;
    size_t                        sts_in_len;
    const struct audit_row       *note; /* action, kind, name, before, after (JSON objects; ptr NULL: not there) */
    const struct policy_row      *policy;
    const struct plan_row        *plan;
    const struct cert_row        *certs_in;
    size_t                        certs_in_len;
    const struct watched_row     *watched_in;
    size_t                        watched_in_len;
    const struct report_count_row *report_counts_in;
    size_t                        report_counts_in_len;
    const struct report_row      *report;
    const struct received_row    *received_in;
    size_t                        received_in_len;
    const struct received_quota  *quota;
    const struct alert_row       *alerts_in;
    size_t                        alerts_in_len;

    /* Out; live in `arena` until the owner releases it. */
    enum status                status;
    struct fault               why;
    struct arena               arena;
    const struct stored_message *messages;
    size_t                     messages_len;
    const struct stored_trace *traces;
    size_t                     traces_len;
    const struct setting_row  *settings;
    size_t                     settings_len;
    const struct audit_row    *audit;
    size_t                     audit_len;
    bool                       audit_is_whole;
    const struct counter_row  *counters;
    size_t                     counters_len;
    const struct sts_row      *sts;
    size_t                     sts_len;
    const struct policy_row   *policies;
    size_t                     policies_len;
    const struct plan_row     *plans;
    size_t                     plans_len;
    const struct cert_row     *certs;
    size_t                     certs_len;
    const struct watched_row  *watched;
    size_t                     watched_len;
    const struct report_count_row *report_counts;
    size_t                     report_counts_len;
    const struct report_row   *reports;
    size_t                     reports_len;
    const struct received_row *received;
    size_t                     received_len;
    const enum received_outcome *outcomes; /* of received_in, in its order */
    const struct received_sum *sums;
    size_t                     sums_len;
    const struct alert_row    *alerts;
    size_t                     alerts_len;
    struct store_stats         stats;
    uint64_t                   count, count_busy, version;
};

/* Sends a request. The caller owns it and everything in it, and keeps it until it comes back through reply_to. */
void store_send(struct store *s, struct store_request *r);
/* The same and waits; for threads without a loop (start-up, admin, tests). */
enum status store_call(struct store *s, struct store_request *r);

/* Would a message of so many bytes fit now without touching the reserve? An estimate, for saying no before the content is
 * sent (RFC 1870 section 6.1): what puts and chunks get counts. From any thread, at once. */
bool store_has_room(const struct store *s, uint64_t bytes);

/* The folder that the files of such a store are in: "sqlite:/a/b.db" is "/a". False when it has more than `size` bytes. */
bool store_folder(const char *url, char *out, size_t size);

/* A new message id: milliseconds since 1970 in the upper bits, randomness below; never 0; grows. Thread-safe. */
uint64_t message_id_new(void);
enum { MESSAGE_ID_TEXT = 14 };
/* 13 characters of Crockford's base 32, as queue ids stand in headers, logs and commands. */
const char *message_id_text(uint64_t id, char out[static MESSAGE_ID_TEXT]);
bool message_id_parse(struct slice text, uint64_t *out); /* in any case; false: not an id */

#endif
