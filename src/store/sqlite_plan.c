#include "base/memory.h"
#include "store/sqlite.h"

enum status sqlite_plan_load(struct sqlite *b, struct store_request *r)
{
    sqlite3_stmt *q = query(b, "SELECT domain, state FROM plan ORDER BY domain");
    struct plan_row *found = NULL;
    size_t len = 0, cap = 0;

    while (query_next(b, q)) {
        found = mem_grow(found, len, &cap, sizeof *found);
        found[len++] =
            (struct plan_row){ .domain = column_copy(&r->arena, q, 0), .state = column_copy(&r->arena, q, 1) };
    }
    r->plans = rows_keep(&r->arena, found, len, sizeof *found);
    r->plans_len = len;
    return b->trouble;
}

enum status sqlite_plan_save(struct sqlite *b, struct store_request *r)
{
    const struct plan_row *row = r->plan;
    sqlite3_stmt *q = query(b, row->state.len > 0 ? "INSERT OR REPLACE INTO plan (domain, state) VALUES (?1, ?2)"
                                                  : "DELETE FROM plan WHERE domain = ?1");

    bind_text(q, 1, row->domain);
    if (row->state.len > 0)
        bind_text(q, 2, row->state);
    (void)query_run(b, q);
    return b->trouble;
}
