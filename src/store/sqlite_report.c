#include "base/memory.h"
#include "store/sqlite.h"

enum status sqlite_report_claim(struct sqlite *b, struct store_request *r)
{
    static const char sql[] = "INSERT INTO report (day, domain, report_id, made, next, targets, document) "
                              "VALUES (?1, ?2, '', 0, 0, '', x'')";
    sqlite3_stmt *q = query(b, sql);
    enum status st;

    bind_text(q, 1, r->report->day);
    bind_text(q, 2, r->report->domain);
    st = query_run(b, q);
    if (st == ERR_EXISTS)
        return fault_set(&r->why, st, "the report of %.*s to %.*s is another's", SLICE_FMT(r->report->day),
                         SLICE_FMT(r->report->domain));
    if (st == OK)
        suspect(b, (uint64_t)sqlite3_last_insert_rowid(b->db), SUSPECT_REPORT);
    return st;
}

static enum status update(struct sqlite *b, const struct report_row *row, struct fault *why)
{
    static const char sql[] = "UPDATE report SET report_id = ?3, made = ?4, next = ?5, targets = ?6, document = ?7 "
                              "WHERE day = ?1 AND domain = ?2";
    sqlite3_stmt *q = query(b, sql);
    enum status st;

    bind_text(q, 1, row->day);
    bind_text(q, 2, row->domain);
    bind_text(q, 3, row->report_id);
    bind_int(q, 4, row->made_s);
    bind_int(q, 5, row->next_s);
    bind_text(q, 6, row->targets);
    bind_blob(q, 7, row->document);
    st = query_run(b, q);
    if (st == ERR_EXISTS)
        return fault_set(why, st, "there is a report of this id");
    if (st == OK && sqlite3_changes(b->db) == 0)
        return fault_set(why, ERR_NOT_FOUND, "there is no report of %.*s to %.*s", SLICE_FMT(row->day),
                         SLICE_FMT(row->domain));
    return st;
}

enum status sqlite_report_save(struct sqlite *b, struct store_request *r)
{
    enum status st;

    if (!dsns_are_whole(b, r))
        return fault_set(&r->why, ERR_NOT_FOUND, "the content of a report mail is not all there");
    st = update(b, r->report, &r->why);
    return st == OK ? put_dsns(b, r) : st;
}

/* All columns up to `made` to `targets`; the document, when the query asks for it. */
static enum status gather(struct sqlite *b, sqlite3_stmt *q, struct store_request *r)
{
    struct report_row *found = NULL;
    size_t len = 0, cap = 0;

    while (query_next(b, q)) {
        found = mem_grow(found, len, &cap, sizeof *found);
        found[len++] = (struct report_row){ .day = column_copy(&r->arena, q, 0),
                                            .domain = column_copy(&r->arena, q, 1),
                                            .report_id = column_copy(&r->arena, q, 2),
                                            .made_s = column_int(q, 3),
                                            .next_s = column_int(q, 4),
                                            .targets = column_copy(&r->arena, q, 5),
                                            .document = column_copy(&r->arena, q, 6) };
    }
    r->reports = rows_keep(&r->arena, found, len, sizeof *found);
    r->reports_len = len;
    return b->trouble;
}

enum status sqlite_report_due(struct sqlite *b, struct store_request *r)
{
    static const char sql[] = "SELECT day, domain, report_id, made, next, targets, document FROM report "
                              "WHERE next > 0 AND next <= ?1 ORDER BY next LIMIT ?2";
    sqlite3_stmt *q = query(b, sql);

    bind_int(q, 1, r->now_s);
    bind_id(q, 2, r->limit);
    return gather(b, q, r);
}

enum status sqlite_report_list(struct sqlite *b, struct store_request *r)
{
    static const char sql[] = "SELECT day, domain, report_id, made, next, targets, x'' FROM report "
                              "WHERE day >= ?1 AND (?2 = '' OR domain = ?2) ORDER BY day DESC, domain LIMIT ?3";
    sqlite3_stmt *q = query(b, sql);

    bind_text(q, 1, r->since_day);
    bind_text(q, 2, r->name);
    bind_id(q, 3, r->limit);
    return gather(b, q, r);
}

enum status sqlite_report_find(struct sqlite *b, struct store_request *r)
{
    static const char sql[] = "SELECT day, domain, report_id, made, next, targets, document FROM report "
                              "WHERE report_id = ?1 AND report_id <> ''";
    sqlite3_stmt *q = query(b, sql);

    bind_text(q, 1, r->name);
    if (gather(b, q, r) == OK && r->reports_len == 0)
        return fault_set(&r->why, ERR_NOT_FOUND, "there is no report of this id");
    return b->trouble;
}
