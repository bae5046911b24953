#include "store/sqlite.h"

#include "base/clock.h"

enum { TRIM_REPORTS = 500, EVICTED_MOST = 100, DAY_LEN = 10, DAY_S = 86400 };

/* -- quotas ------------------------------------------------------------------------------------------------------- */

static uint64_t quota_value(struct sqlite *b, struct slice day, struct slice source)
{
    static const char sql[] = "SELECT value FROM received_quota WHERE day = ?1 AND source = ?2";
    sqlite3_stmt *q = query(b, sql);
    uint64_t value = 0;

    bind_text(q, 1, day);
    bind_text(q, 2, source);
    if (query_next(b, q)) {
        value = column_id(q, 0);
        query_end(q);
    }
    return value;
}

static void quota_add(struct sqlite *b, struct slice day, struct slice source, int64_t by)
{
    static const char sql[] = "INSERT INTO received_quota VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET "
                              "value = value + excluded.value";
    sqlite3_stmt *q = query(b, sql);

    bind_text(q, 1, day);
    bind_text(q, 2, source);
    bind_int(q, 3, by);
    (void)query_run(b, q);
}

static bool is_of_stranger(const struct received_row *row)
{
    return !row->is_verified && row->channel != RECEIVED_BY_IMPORT;
}

/* -- forgetting --------------------------------------------------------------------------------------------------- */

static void run_with_id(struct sqlite *b, const char *sql, uint64_t id)
{
    sqlite3_stmt *q = query(b, sql);

    bind_id(q, 1, id);
    (void)query_run(b, q);
}

static void forget(struct sqlite *b, uint64_t id)
{
    static const char failures[] = "DELETE FROM received_failure WHERE report = ?1";
    static const char policies[] = "DELETE FROM received_policy WHERE report = ?1";
    static const char quota[] =
        "UPDATE received_quota SET value = value - (SELECT count(*) FROM received_report WHERE id = ?1 "
        "AND is_verified = 0 AND channel <> 2) WHERE day = '' AND source = ''";
    static const char report[] = "DELETE FROM received_report WHERE id = ?1";

    run_with_id(b, failures, id);
    run_with_id(b, policies, id);
    run_with_id(b, quota, id);
    run_with_id(b, report, id);
}

/* The ids that `q` finds; they are gone when it is asked again. */
static size_t forget_found(struct sqlite *b, sqlite3_stmt *q, size_t most)
{
    uint64_t ids[TRIM_REPORTS];
    size_t len = 0;

    while (len < most && query_next(b, q))
        ids[len++] = column_id(q, 0);
    query_end(q);
    for (size_t i = 0; i < len; i++)
        forget(b, ids[i]);
    return len;
}

/* Room for one more of a stranger (RPT-06). */
static void make_room(struct sqlite *b, const struct received_quota *quota)
{
    static const char sql[] =
        "SELECT id FROM received_report WHERE is_verified = 0 AND channel <> 2 ORDER BY id LIMIT ?1";
    uint64_t there = quota_value(b, SLICE_LIT(""), SLICE_LIT(""));
    uint64_t over = there >= quota->strangers ? there + 1 - quota->strangers : 0;
    sqlite3_stmt *q;

    if (over == 0)
        return;
    over = over < EVICTED_MOST ? over : EVICTED_MOST;
    q = query(b, sql);
    bind_id(q, 1, over);
    (void)forget_found(b, q, over);
}

/* Documents are forgotten before their numbers are. */
static size_t forget_documents(struct sqlite *b, int64_t before_s)
{
    static const char sql[] =
        "UPDATE received_report SET document = x'', has_document = 0 WHERE id IN (SELECT id FROM "
        "received_report WHERE has_document = 1 AND received < ?1 LIMIT ?2)";
    sqlite3_stmt *q = query(b, sql);

    bind_int(q, 1, before_s);
    bind_int(q, 2, TRIM_REPORTS);
    return query_run(b, q) == OK ? (size_t)sqlite3_changes64(b->db) : 0;
}

enum status sqlite_received_trim(struct sqlite *b, struct store_request *r)
{
    static const char old[] = "SELECT id FROM received_report WHERE day < ?1 LIMIT ?2";
    static const char quotas[] = "DELETE FROM received_quota WHERE day <> '' AND day < ?1";
    char today[CLOCK_TEXT];
    sqlite3_stmt *q = query(b, old);
    size_t reports, documents;

    bind_text(q, 1, r->since_day);
    bind_int(q, 2, TRIM_REPORTS);
    reports = forget_found(b, q, TRIM_REPORTS);
    documents = forget_documents(b, r->before_s);
    q = query(b, quotas);
    bind_text(q, 1, slice_first(slice_str(clock_rfc3339(r->now_s - DAY_S, today)), DAY_LEN));
    (void)query_run(b, q);
    r->count += reports + documents;
    r->is_unfinished = reports == TRIM_REPORTS || documents == TRIM_REPORTS;
    return b->trouble;
}

/* -- keeping ------------------------------------------------------------------------------------------------------ */

/* Is one of the same key there, and does it say the same? */
static bool is_known(struct sqlite *b, const struct received_row *row, enum received_outcome *outcome)
{
    static const char sql[] = "SELECT hash FROM received_report WHERE domain = ?1 AND starts = ?2 AND ends = ?3 AND "
                              "reporter = ?4 AND report_id = ?5 AND is_verified = ?6";
    sqlite3_stmt *q = query(b, sql);

    bind_text(q, 1, row->domain);
    bind_int(q, 2, row->start_s);
    bind_int(q, 3, row->end_s);
    bind_text(q, 4, row->reporter);
    bind_text(q, 5, row->report_id);
    bind_int(q, 6, row->is_verified);
    if (!query_next(b, q))
        return false;
    *outcome = slice_eq(column_bytes(q, 0), row->hash) ? RECEIVED_DUPLICATE : RECEIVED_DIFFERS;
    query_end(q);
    return true;
}

static void put_report(struct sqlite *b, const struct received_row *row)
{
    static const char sql[] =
        "INSERT INTO received_report (received, starts, ends, channel, is_verified, is_summed, success, failure, "
        "has_document, "
        "day, domain, reporter, report_id, organization, contact, source, notes, hash, document) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)";
    const int64_t numbers[] = { row->received_s,       row->start_s,          row->end_s,
                                row->channel,          row->is_verified,      row->is_summed,
                                (int64_t)row->success, (int64_t)row->failure, row->document.len > 0 };
    const struct slice texts[] = { row->day,          row->domain,  row->reporter, row->report_id,
                                   row->organization, row->contact, row->source,   row->notes };
    sqlite3_stmt *q = query(b, sql);
    int at = 1;

    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        bind_int(q, at++, numbers[i]);
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        bind_text(q, at++, texts[i]);
    bind_blob(q, at++, row->hash);
    bind_blob(q, at, row->document);
    (void)query_run(b, q);
}

static void put_policy(struct sqlite *b, uint64_t id, size_t no, const struct received_policy *p)
{
    static const char sql[] = "INSERT INTO received_policy (report, no, success, failure, type, domain) "
                              "VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    sqlite3_stmt *q = query(b, sql);

    bind_id(q, 1, id);
    bind_id(q, 2, no);
    bind_id(q, 3, p->success);
    bind_id(q, 4, p->failure);
    bind_text(q, 5, p->type);
    bind_text(q, 6, p->domain);
    (void)query_run(b, q);
}

static void put_failure(struct sqlite *b, uint64_t id, size_t no, const struct received_failure *f)
{
    static const char sql[] =
        "INSERT INTO received_failure (report, no, policy, count, result, mx, receiving_ip, sending_ip, "
        "reason) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    sqlite3_stmt *q = query(b, sql);

    bind_id(q, 1, id);
    bind_id(q, 2, no);
    bind_id(q, 3, f->policy);
    bind_id(q, 4, f->count);
    bind_text(q, 5, f->result);
    bind_text(q, 6, f->mx);
    bind_text(q, 7, f->receiving_ip);
    bind_text(q, 8, f->sending_ip);
    bind_text(q, 9, f->reason);
    (void)query_run(b, q);
}

static enum received_outcome put_one(struct sqlite *b, const struct received_row *row,
                                     const struct received_quota *quota)
{
    char text[CLOCK_TEXT];
    struct slice today = slice_first(slice_str(clock_rfc3339(row->received_s, text)), DAY_LEN);
    enum received_outcome outcome;
    uint64_t id;

    if (is_known(b, row, &outcome))
        return outcome;
    if (quota != NULL && row->source.len > 0 && quota_value(b, today, row->source) >= quota->per_source_day)
        return RECEIVED_OVER_QUOTA;
    if (quota != NULL && is_of_stranger(row))
        make_room(b, quota);
    put_report(b, row);
    id = (uint64_t)sqlite3_last_insert_rowid(b->db);
    for (size_t i = 0; i < row->policies_len; i++)
        put_policy(b, id, i, &row->policies[i]);
    for (size_t i = 0; i < row->failures_len; i++)
        put_failure(b, id, i, &row->failures[i]);
    if (row->source.len > 0)
        quota_add(b, today, row->source, 1);
    if (is_of_stranger(row))
        quota_add(b, SLICE_LIT(""), SLICE_LIT(""), 1);
    return RECEIVED_KEPT;
}

enum status sqlite_received_put(struct sqlite *b, struct store_request *r)
{
    enum received_outcome *outcomes = ARENA_ARRAY(&r->arena, enum received_outcome, r->received_in_len);

    for (size_t i = 0; i < r->received_in_len && b->trouble == OK; i++)
        outcomes[i] = put_one(b, &r->received_in[i], r->quota);
    r->outcomes = outcomes;
    return b->trouble;
}
