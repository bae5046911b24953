#include "base/memory.h"
#include "store/sqlite.h"

enum status sqlite_sts_load(struct sqlite *b, struct store_request *r)
{
    static const char sql[] = "SELECT domain, id, fetched, expires, checked, used, text FROM sts_policy "
                              "ORDER BY domain";
    sqlite3_stmt *q = query(b, sql);
    struct sts_row *found = NULL;
    size_t len = 0, cap = 0;

    while (query_next(b, q)) {
        found = mem_grow(found, len, &cap, sizeof *found);
        found[len++] = (struct sts_row){ .domain = column_copy(&r->arena, q, 0),
                                         .id = column_copy(&r->arena, q, 1),
                                         .fetched_s = column_int(q, 2),
                                         .expires_s = column_int(q, 3),
                                         .checked_s = column_int(q, 4),
                                         .used_s = column_int(q, 5),
                                         .text = column_copy(&r->arena, q, 6) };
    }
    r->sts = rows_keep(&r->arena, found, len, sizeof *found);
    r->sts_len = len;
    return b->trouble;
}

enum status sqlite_sts_save(struct sqlite *b, struct store_request *r)
{
    static const char sql[] = "INSERT OR REPLACE INTO sts_policy (domain, id, fetched, expires, checked, used, text) "
                              "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

    for (size_t i = 0; i < r->sts_in_len; i++) {
        const struct sts_row *row = &r->sts_in[i];
        sqlite3_stmt *q = query(b, sql);

        bind_text(q, 1, row->domain);
        bind_text(q, 2, row->id);
        bind_int(q, 3, row->fetched_s);
        bind_int(q, 4, row->expires_s);
        bind_int(q, 5, row->checked_s);
        bind_int(q, 6, row->used_s);
        bind_text(q, 7, row->text);
        (void)query_run(b, q);
    }
    return b->trouble;
}

enum status sqlite_sts_forget(struct sqlite *b, struct store_request *r)
{
    static const char sql[] = "DELETE FROM sts_policy WHERE ?1 = '' OR domain = ?1";
    sqlite3_stmt *q = query(b, sql);

    bind_text(q, 1, r->name);
    if (query_run(b, q) == OK)
        r->count = (uint64_t)sqlite3_changes64(b->db);
    return b->trouble;
}
