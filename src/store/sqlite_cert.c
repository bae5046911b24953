#include "base/memory.h"
#include "store/sqlite.h"

enum { HISTORY_MOST = 1000 };

static void take_rows(struct sqlite *b, sqlite3_stmt *q, struct store_request *r)
{
    struct cert_row *found = NULL;
    size_t len = 0, cap = 0;

    while (query_next(b, q)) {
        found = mem_grow(found, len, &cap, sizeof *found);
        found[len++] = (struct cert_row){ .name = column_copy(&r->arena, q, 0),
                                          .fingerprint = column_copy(&r->arena, q, 1),
                                          .since_s = column_int(q, 2) };
    }
    r->certs = rows_keep(&r->arena, found, len, sizeof *found);
    r->certs_len = len;
}

enum status sqlite_cert_load(struct sqlite *b, struct store_request *r)
{
    static const char sql[] = "SELECT name, fingerprint, since FROM certificate ORDER BY name, fingerprint";

    take_rows(b, query(b, sql), r);
    return b->trouble;
}

static void put(struct sqlite *b, const char *sql, const struct cert_row *row)
{
    sqlite3_stmt *q = query(b, sql);

    bind_text(q, 1, row->name);
    bind_text(q, 2, row->fingerprint);
    bind_int(q, 3, row->since_s);
    (void)query_run(b, q);
}

static void trim_history(struct sqlite *b)
{
    sqlite3_stmt *q = query(b, "DELETE FROM certificate_history WHERE since < (SELECT since FROM certificate_history "
                               "ORDER BY since DESC LIMIT 1 OFFSET ?1)");

    bind_int(q, 1, HISTORY_MOST - 1);
    (void)query_run(b, q);
}

enum status sqlite_cert_save(struct sqlite *b, struct store_request *r)
{
    static const char serve[] = "INSERT OR IGNORE INTO certificate (name, fingerprint, since) VALUES (?1, ?2, ?3)";
    static const char note[] =
        "INSERT OR IGNORE INTO certificate_history (name, fingerprint, since) VALUES (?1, ?2, ?3)";

    (void)query_run(b, query(b, "DELETE FROM certificate"));
    for (size_t i = 0; i < r->certs_in_len; i++) {
        put(b, serve, &r->certs_in[i]);
        put(b, note, &r->certs_in[i]);
    }
    trim_history(b);
    return b->trouble;
}

enum status sqlite_cert_history(struct sqlite *b, struct store_request *r)
{
    sqlite3_stmt *q = query(b, "SELECT name, fingerprint, since FROM certificate_history WHERE since >= ?1 "
                               "ORDER BY since DESC, name LIMIT ?2");

    bind_int(q, 1, r->since_s);
    bind_int(q, 2, (int64_t)r->limit);
    take_rows(b, q, r);
    return b->trouble;
}
