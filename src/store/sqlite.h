/* store/sqlite.h: what the files of the SQLite backend share. See sqlite.c for how the database is used. */
#ifndef STERNPOST_STORE_SQLITE_H
#define STERNPOST_STORE_SQLITE_H

#include "base/buf.h"
#include "store/backend.h"

#include <sqlite3.h>

enum { QUERY_SLOTS = 256 };
enum delivery_state { STATE_WAITING = 0, STATE_CLAIMED = 1, STATE_HELD = 2 }; /* bits */

/* What a lost transaction may have written all the same, when the disk failed after the commit record. */
struct suspect {
    uint64_t id;
    enum suspect_kind {
        SUSPECT_MESSAGE, /* remove it: its sender will come again */
        SUSPECT_CLAIM,   /* give it back */
        SUSPECT_REPORT,  /* id is the row's seq: give it back */
    } kind;
};

struct sqlite {
    struct backend backend; /* first */
    char *path;
    sqlite3 *db;
    struct {
        const char *sql;
        sqlite3_stmt *stmt;
    } queries[QUERY_SLOTS];

    enum status trouble; /* how the transaction in hand was lost; OK: it was not */
    struct fault why;

    struct store_stats counts, counts_before; /* messages, deliveries, held, deferred; as they were at begin */
    struct suspect *suspects;
    size_t suspects_len, suspects_cap;

    uint64_t trace_seq;
    struct buf text;        /* trace lines being gathered */
    char claim_domain[256]; /* where the round of the domains goes on */
    size_t claim_domain_len;
    int wal_pages;
};

/* -- sqlite_query.c: statements, prepared once, known by the address of their text ------------------------- */

/* NULL, and b->trouble is set, when it cannot be prepared. The functions below then do nothing. */
sqlite3_stmt *query(struct sqlite *b, const char *sql);
void query_forget_all(struct sqlite *b);
void bind_int(sqlite3_stmt *q, int at, int64_t value);
void bind_id(sqlite3_stmt *q, int at, uint64_t id);
void bind_text(sqlite3_stmt *q, int at, struct slice text); /* borrowed until the query ends */
void bind_text_or_null(sqlite3_stmt *q, int at, struct slice text);
void bind_blob(sqlite3_stmt *q, int at, struct slice bytes);
bool query_next(struct sqlite *b, sqlite3_stmt *q); /* is there a row? Ends the query when not */
void query_end(sqlite3_stmt *q);
/* Runs a statement without rows. OK, ERR_EXISTS when a key is taken, else b->trouble. That stays set until the
 * transaction ends and makes what follows do nothing, so it is enough to look at it at the end. */
enum status query_run(struct sqlite *b, sqlite3_stmt *q);
int64_t column_int(sqlite3_stmt *q, int at);
uint64_t column_id(sqlite3_stmt *q, int at);
struct slice column_bytes(sqlite3_stmt *q, int at); /* lives until the next step */
struct slice column_copy(struct arena *a, sqlite3_stmt *q, int at);
/* Classes an SQLite error for the transaction it happened in, and tells it. */
enum status sqlite_fault(sqlite3 *db, int rc, const char *path, struct fault *why);
void sqlite_set_trouble(struct sqlite *b, int rc);

/* -- sqlite_schema.c --------------------------------------------------------------------------------------- */

/* Runs the steps the database lacks, each in a transaction of its own. ERR_PERMANENT, with nothing written, when
 * it is of a newer version (DUR-11) or of another program. */
MUST_USE enum status sqlite_migrate(sqlite3 *db, const char *path, const char *const *steps, size_t steps_len,
                                    struct fault *why);
MUST_USE enum status sqlite_migrate_to_newest(sqlite3 *db, const char *path, struct fault *why);

/* -- sqlite_rows.c: rows as the plain data of store.h, in `arena` ------------------------------------------- */

uint64_t checksum_of(struct slice bytes);
/* The rows that were gathered on the heap, as an array in `arena`. Takes `rows`. */
void *rows_keep(struct arena *arena, void *rows, size_t len, size_t size);
/* Without its deliveries and body; false: no such message. */
bool read_message(struct sqlite *b, struct arena *arena, uint64_t id, struct stored_message *m);
/* All deliveries, or those waiting and due at `due_by_s` (>= 0). */
void read_deliveries(struct sqlite *b, struct arena *arena, struct stored_message *m, int64_t due_by_s);
void count_delivery(struct sqlite *b, bool is_held, bool is_deferred, int by); /* in b->counts; by: 1 or -1 */
void suspect(struct sqlite *b, uint64_t id, enum suspect_kind kind);
/* Removes a message, its chunks and what deliveries it has; b->counts lose the message, not the deliveries. */
enum status remove_message(struct sqlite *b, uint64_t id);

/* -- the verbs, as backend_ops.run: r->status is what they return ------------------------------------------- */

enum status sqlite_put(struct sqlite *b, struct store_request *r);
enum status sqlite_chunk(struct sqlite *b, struct store_request *r);
enum status sqlite_drop(struct sqlite *b, struct store_request *r);
enum status sqlite_load(struct sqlite *b, struct store_request *r);
enum status sqlite_settle(struct sqlite *b, struct store_request *r);
enum status sqlite_claim(struct sqlite *b, struct store_request *r);
enum status sqlite_list(struct sqlite *b, struct store_request *r);
enum status sqlite_find(struct sqlite *b, struct store_request *r);
enum status sqlite_stats(struct sqlite *b, struct store_request *r);
enum status sqlite_change(struct sqlite *b, struct store_request *r);
enum status sqlite_count(struct sqlite *b, struct store_request *r);
enum status sqlite_counters(struct sqlite *b, struct store_request *r);
enum status sqlite_settings_load(struct sqlite *b, struct store_request *r);
enum status sqlite_settings_change(struct sqlite *b, struct store_request *r);
enum status sqlite_audit_note(struct sqlite *b, struct store_request *r);
enum status sqlite_audit(struct sqlite *b, struct store_request *r);
enum status sqlite_trim(struct sqlite *b, struct store_request *r);
enum status sqlite_sts_load(struct sqlite *b, struct store_request *r);
enum status sqlite_sts_save(struct sqlite *b, struct store_request *r);
enum status sqlite_sts_forget(struct sqlite *b, struct store_request *r);
enum status sqlite_policy_add(struct sqlite *b, struct store_request *r);
enum status sqlite_policy_list(struct sqlite *b, struct store_request *r);
enum status sqlite_plan_load(struct sqlite *b, struct store_request *r);
enum status sqlite_plan_save(struct sqlite *b, struct store_request *r);
enum status sqlite_cert_load(struct sqlite *b, struct store_request *r);
enum status sqlite_cert_save(struct sqlite *b, struct store_request *r);
enum status sqlite_cert_history(struct sqlite *b, struct store_request *r);
enum status sqlite_watch_load(struct sqlite *b, struct store_request *r);
enum status sqlite_watch_save(struct sqlite *b, struct store_request *r);
enum status sqlite_report_count(struct sqlite *b, struct store_request *r);
enum status sqlite_report_counts(struct sqlite *b, struct store_request *r);
enum status sqlite_report_domains(struct sqlite *b, struct store_request *r);
enum status sqlite_report_days(struct sqlite *b, struct store_request *r);
enum status sqlite_report_trim(struct sqlite *b, struct store_request *r);
enum status sqlite_report_claim(struct sqlite *b, struct store_request *r);
enum status sqlite_report_save(struct sqlite *b, struct store_request *r);
enum status sqlite_report_due(struct sqlite *b, struct store_request *r);
enum status sqlite_report_list(struct sqlite *b, struct store_request *r);
enum status sqlite_report_find(struct sqlite *b, struct store_request *r);
enum status sqlite_received_put(struct sqlite *b, struct store_request *r);
enum status sqlite_received_list(struct sqlite *b, struct store_request *r);
enum status sqlite_received_find(struct sqlite *b, struct store_request *r);
enum status sqlite_received_sums(struct sqlite *b, struct store_request *r);
enum status sqlite_received_trim(struct sqlite *b, struct store_request *r);
enum status sqlite_alert_load(struct sqlite *b, struct store_request *r);
enum status sqlite_alert_save(struct sqlite *b, struct store_request *r);

/* Pieces that several verbs share. */
bool message_is_whole(struct sqlite *b, const struct stored_message *m); /* are its chunks there? */
MUST_USE enum status put_message(struct sqlite *b, const struct stored_message *m, bool is_claimed, struct fault *why);
bool dsns_are_whole(struct sqlite *b, const struct store_request *r);
/* r->dsns, unclaimed. One that is there already stays: the request is tried again (see struct suspect). */
MUST_USE enum status put_dsns(struct sqlite *b, struct store_request *r);
MUST_USE enum status put_traces(struct sqlite *b, uint64_t id, const struct stored_trace *traces, size_t len);
void read_traces(struct sqlite *b, struct arena *arena, uint64_t id, struct store_request *r);
MUST_USE enum status audit_add(struct sqlite *b, const struct store_request *r, const struct setting_row *row,
                               int64_t at_s);

enum { WALK_IDS = 200 };
/* Ids of up to WALK_IDS messages with a delivery that r->filter lets through, from r->cursor on, which moves. Looks
 * at a bounded number of rows; *is_end: there are no more. */
size_t walk_queue(struct sqlite *b, struct store_request *r, uint64_t ids[static WALK_IDS], size_t most, bool *is_end);
bool filter_matches(const struct queue_filter *f, struct slice domain, struct slice sender);

#endif
