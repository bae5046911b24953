#include "base/memory.h"
#include "store/sqlite.h"

enum status sqlite_watch_load(struct sqlite *b, struct store_request *r)
{
    sqlite3_stmt *q = query(b, "SELECT name, state FROM watched ORDER BY name");
    struct watched_row *found = NULL;
    size_t len = 0, cap = 0;

    while (query_next(b, q)) {
        found = mem_grow(found, len, &cap, sizeof *found);
        found[len++] =
            (struct watched_row){ .name = column_copy(&r->arena, q, 0), .state = column_copy(&r->arena, q, 1) };
    }
    r->watched = rows_keep(&r->arena, found, len, sizeof *found);
    r->watched_len = len;
    return b->trouble;
}

static void save(struct sqlite *b, const struct watched_row *row)
{
    sqlite3_stmt *q = query(b, row->state.len > 0 ? "INSERT OR REPLACE INTO watched (name, state) VALUES (?1, ?2)"
                                                  : "DELETE FROM watched WHERE name = ?1");

    bind_text(q, 1, row->name);
    if (row->state.len > 0)
        bind_text(q, 2, row->state);
    (void)query_run(b, q);
}

enum status sqlite_watch_save(struct sqlite *b, struct store_request *r)
{
    for (size_t i = 0; i < r->watched_in_len; i++)
        save(b, &r->watched_in[i]);
    return b->trouble;
}
