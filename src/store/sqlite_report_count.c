#include "base/memory.h"
#include "store/sqlite.h"

enum { TRIM_ROWS = 2000 }; /* in one transaction */

/* A sum that leaves 63 bits stays at their end (RPT-03). */
enum status sqlite_report_count(struct sqlite *b, struct store_request *r)
{
    static const char sql[] = "INSERT INTO report_count VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE SET "
                              "value = min(value, 9223372036854775807 - excluded.value) + excluded.value";

    for (size_t i = 0; i < r->report_counts_in_len; i++) {
        const struct report_count_row *c = &r->report_counts_in[i];
        sqlite3_stmt *q = query(b, sql);

        bind_text(q, 1, c->day);
        bind_text(q, 2, c->domain);
        bind_text(q, 3, c->policy);
        bind_text(q, 4, c->detail);
        bind_id(q, 5, c->count < INT64_MAX ? c->count : INT64_MAX);
        (void)query_run(b, q);
    }
    return b->trouble;
}

typedef void read_fn(struct arena *arena, sqlite3_stmt *q, struct report_count_row *out);

static void read_count(struct arena *arena, sqlite3_stmt *q, struct report_count_row *out)
{
    out->day = column_copy(arena, q, 0);
    out->domain = column_copy(arena, q, 1);
    out->policy = column_copy(arena, q, 2);
    out->detail = column_copy(arena, q, 3);
    out->count = column_id(q, 4);
}

static void read_domain(struct arena *arena, sqlite3_stmt *q, struct report_count_row *out)
{
    out->domain = column_copy(arena, q, 0);
}

static void read_day(struct arena *arena, sqlite3_stmt *q, struct report_count_row *out)
{
    out->day = column_copy(arena, q, 0);
}

static enum status gather(struct sqlite *b, sqlite3_stmt *q, read_fn *read, struct store_request *r)
{
    struct report_count_row *found = NULL;
    size_t len = 0, cap = 0;

    while (query_next(b, q)) {
        found = mem_grow(found, len, &cap, sizeof *found);
        found[len] = (struct report_count_row){ 0 };
        read(&r->arena, q, &found[len++]);
    }
    r->report_counts = rows_keep(&r->arena, found, len, sizeof *found);
    r->report_counts_len = len;
    return b->trouble;
}

enum status sqlite_report_counts(struct sqlite *b, struct store_request *r)
{
    static const char sql[] = "SELECT day, domain, policy, detail, value FROM report_count "
                              "WHERE day = ?1 AND domain = ?2 ORDER BY policy, detail";
    sqlite3_stmt *q = query(b, sql);

    bind_text(q, 1, r->since_day);
    bind_text(q, 2, r->name);
    return gather(b, q, read_count, r);
}

/* From key to key, by a look-up each: a DISTINCT would read every row of the day. */
enum status sqlite_report_domains(struct sqlite *b, struct store_request *r)
{
    static const char sql[] =
        "WITH RECURSIVE walk(domain) AS ("
        "SELECT min(domain) FROM report_count WHERE day = ?1 AND domain > ?2 "
        "UNION ALL SELECT (SELECT min(c.domain) FROM report_count c WHERE c.day = ?1 AND c.domain > walk.domain) "
        "FROM walk WHERE walk.domain IS NOT NULL) SELECT domain FROM walk WHERE domain IS NOT NULL LIMIT ?3";
    sqlite3_stmt *q = query(b, sql);

    bind_text(q, 1, r->since_day);
    bind_text(q, 2, r->after);
    bind_id(q, 3, r->limit);
    return gather(b, q, read_domain, r);
}

enum status sqlite_report_days(struct sqlite *b, struct store_request *r)
{
    static const char sql[] =
        "WITH RECURSIVE walk(day) AS (SELECT min(day) FROM report_count UNION ALL "
        "SELECT (SELECT min(c.day) FROM report_count c WHERE c.day > walk.day) FROM walk WHERE walk.day IS NOT NULL) "
        "SELECT day FROM walk WHERE day IS NOT NULL";

    return gather(b, query(b, sql), read_day, r);
}

static uint64_t delete_some(struct sqlite *b, const char *sql, struct slice day)
{
    sqlite3_stmt *q = query(b, sql);

    bind_text(q, 1, day);
    bind_int(q, 2, TRIM_ROWS);
    return query_run(b, q) == OK ? (uint64_t)sqlite3_changes64(b->db) : 0;
}

enum status sqlite_report_trim(struct sqlite *b, struct store_request *r)
{
    static const char counts[] =
        "DELETE FROM report_count WHERE (day, domain, policy, detail) IN (SELECT day, domain, "
        "policy, detail FROM report_count WHERE day < ?1 ORDER BY day LIMIT ?2)";
    static const char reports[] = "DELETE FROM report WHERE seq IN (SELECT seq FROM report WHERE day < ?1 AND "
                                  "next = 0 ORDER BY day LIMIT ?2)";
    uint64_t gone_counts = delete_some(b, counts, r->since_day), gone_reports = delete_some(b, reports, r->since_day);

    r->count += gone_counts + gone_reports;
    r->is_unfinished = gone_counts == TRIM_ROWS || gone_reports == TRIM_ROWS;
    return b->trouble;
}
