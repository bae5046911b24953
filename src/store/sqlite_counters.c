#include "base/memory.h"
#include "store/sqlite.h"

enum status sqlite_count(struct sqlite *b, struct store_request *r)
{
    static const char sql[] = "INSERT INTO counter VALUES (?1, ?2, ?3, ?4) "
                              "ON CONFLICT DO UPDATE SET value = value + excluded.value";

    for (size_t i = 0; i < r->counters_in_len; i++) {
        const struct counter_row *c = &r->counters_in[i];
        sqlite3_stmt *q = query(b, sql);

        bind_text(q, 1, c->name);
        bind_text(q, 2, c->day);
        bind_text(q, 3, c->key);
        bind_id(q, 4, c->value);
        (void)query_run(b, q);
    }
    return b->trouble;
}

enum status sqlite_counters(struct sqlite *b, struct store_request *r)
{
    static const char sql[] = "SELECT day, key, value, name FROM counter WHERE (?1 = '' OR name = ?1) AND day >= ?2 "
                              "ORDER BY day, name, key";
    sqlite3_stmt *q = query(b, sql);
    struct counter_row *found = NULL;
    size_t len = 0, cap = 0;

    bind_text(q, 1, r->name);
    bind_text(q, 2, r->since_day);
    while (query_next(b, q)) {
        found = mem_grow(found, len, &cap, sizeof *found);
        found[len++] = (struct counter_row){ .day = column_copy(&r->arena, q, 0),
                                             .name = column_copy(&r->arena, q, 3),
                                             .key = column_copy(&r->arena, q, 1),
                                             .value = column_id(q, 2) };
    }
    r->counters = rows_keep(&r->arena, found, len, sizeof *found);
    r->counters_len = len;
    return b->trouble;
}
