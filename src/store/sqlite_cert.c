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
                                          .since_s = column_int(q, 2),
                                          .spki = column_copy(&r->arena, q, 3),
                                          .until_s = column_int(q, 4) };
    }
    r->certs = rows_keep(&r->arena, found, len, sizeof *found);
    r->certs_len = len;
}

enum status sqlite_cert_load(struct sqlite *b, struct store_request *r)
{
    static const char sql[] = "SELECT name, fingerprint, since, '', 0 FROM certificate ORDER BY name, fingerprint";

    take_rows(b, query(b, sql), r);
    return b->trouble;
}

static sqlite3_stmt *row_query(struct sqlite *b, const char *sql, const struct cert_row *row)
{
    sqlite3_stmt *q = query(b, sql);

    bind_text(q, 1, row->name);
    bind_text(q, 2, row->fingerprint);
    bind_int(q, 3, row->since_s);
    return q;
}

static void serve(struct sqlite *b, const struct cert_row *row)
{
    (void)query_run(
        b, row_query(b, "INSERT OR IGNORE INTO certificate (name, fingerprint, since) VALUES (?1, ?2, ?3)", row));
}

static void remember(struct sqlite *b, const struct cert_row *row)
{
    sqlite3_stmt *q = row_query(b,
                                "INSERT INTO certificate_history (name, fingerprint, since, spki) VALUES (?1, ?2, ?3, ?4) "
                                "ON CONFLICT DO UPDATE SET spki = excluded.spki, until = 0",
                                row);

    bind_text(q, 4, row->spki.ptr == NULL ? SLICE_LIT("") : row->spki);
    (void)query_run(b, q);
}

static void end_others(struct sqlite *b, int64_t now_s)
{
    sqlite3_stmt *q = query(b, "UPDATE certificate_history SET until = ?1 WHERE until = 0 AND NOT EXISTS (SELECT 1 FROM "
                               "certificate AS c WHERE c.name = certificate_history.name AND c.fingerprint = "
                               "certificate_history.fingerprint)");

    bind_int(q, 1, now_s);
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
    (void)query_run(b, query(b, "DELETE FROM certificate"));
    for (size_t i = 0; i < r->certs_in_len; i++) {
        serve(b, &r->certs_in[i]);
        remember(b, &r->certs_in[i]);
    }
    end_others(b, r->now_s);
    trim_history(b);
    return b->trouble;
}

enum status sqlite_cert_history(struct sqlite *b, struct store_request *r)
{
    sqlite3_stmt *q = query(b, "SELECT name, fingerprint, since, spki, until FROM certificate_history WHERE since >= ?1 "
                               "ORDER BY since DESC, name LIMIT ?2");

    bind_int(q, 1, r->since_s);
    bind_int(q, 2, (int64_t)r->limit);
    take_rows(b, q, r);
    return b->trouble;
}
