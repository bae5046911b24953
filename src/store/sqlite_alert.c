#include "base/memory.h"
#include "store/sqlite.h"

enum status sqlite_alert_load(struct sqlite *b, struct store_request *r)
{
    static const char sql[] =
        "SELECT id, since, ended, mailed, severity, level, untold, cause, subject, text, remedy, "
        "end_text FROM alert ORDER BY ended > 0, ended DESC, id LIMIT ?1";
    sqlite3_stmt *q = query(b, sql);
    struct alert_row *found = NULL;
    size_t len = 0, cap = 0;

    bind_id(q, 1, r->limit);
    while (query_next(b, q)) {
        found = mem_grow(found, len, &cap, sizeof *found);
        found[len++] = (struct alert_row){ .id = column_id(q, 0),
                                           .since_s = column_int(q, 1),
                                           .ended_s = column_int(q, 2),
                                           .mailed_s = column_int(q, 3),
                                           .severity = (unsigned)column_int(q, 4),
                                           .level = (unsigned)column_int(q, 5),
                                           .untold = (unsigned)column_int(q, 6),
                                           .cause = column_copy(&r->arena, q, 7),
                                           .subject = column_copy(&r->arena, q, 8),
                                           .text = column_copy(&r->arena, q, 9),
                                           .remedy = column_copy(&r->arena, q, 10),
                                           .end_text = column_copy(&r->arena, q, 11) };
    }
    r->alerts = rows_keep(&r->arena, found, len, sizeof *found);
    r->alerts_len = len;
    return b->trouble;
}

static void put(struct sqlite *b, const struct alert_row *row)
{
    static const char sql[] =
        "INSERT OR REPLACE INTO alert (id, since, ended, mailed, severity, level, untold, cause, "
        "subject, text, remedy, end_text) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    sqlite3_stmt *q = query(b, sql);

    bind_id(q, 1, row->id);
    bind_int(q, 2, row->since_s);
    bind_int(q, 3, row->ended_s);
    bind_int(q, 4, row->mailed_s);
    bind_int(q, 5, row->severity);
    bind_int(q, 6, row->level);
    bind_int(q, 7, row->untold);
    bind_text(q, 8, row->cause);
    bind_text(q, 9, row->subject);
    bind_text(q, 10, row->text);
    bind_text(q, 11, row->remedy);
    bind_text(q, 12, row->end_text);
    (void)query_run(b, q);
}

enum status sqlite_alert_save(struct sqlite *b, struct store_request *r)
{
    static const char trim[] = "DELETE FROM alert WHERE ended > 0 AND ended < ?1";
    sqlite3_stmt *q;

    if (!dsns_are_whole(b, r))
        return fault_set(&r->why, ERR_NOT_FOUND, "the content of a mail about alerts is not all there");
    for (size_t i = 0; i < r->alerts_in_len; i++)
        put(b, &r->alerts_in[i]);
    q = query(b, trim);
    bind_int(q, 1, r->before_s);
    (void)query_run(b, q);
    return b->trouble == OK ? put_dsns(b, r) : b->trouble;
}
