#include "base/memory.h"
#include "store/sqlite.h"

enum status sqlite_cert_load(struct sqlite *b, struct store_request *r)
{
    static const char sql[] = "SELECT name, fingerprint, since FROM certificate ORDER BY name, fingerprint";
    sqlite3_stmt *q = query(b, sql);
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
    return b->trouble;
}

enum status sqlite_cert_save(struct sqlite *b, struct store_request *r)
{
    static const char clear[] = "DELETE FROM certificate";
    static const char put[] = "INSERT INTO certificate (name, fingerprint, since) VALUES (?1, ?2, ?3)";

    (void)query_run(b, query(b, clear));
    for (size_t i = 0; i < r->certs_in_len; i++) {
        sqlite3_stmt *q = query(b, put);

        bind_text(q, 1, r->certs_in[i].name);
        bind_text(q, 2, r->certs_in[i].fingerprint);
        bind_int(q, 3, r->certs_in[i].since_s);
        (void)query_run(b, q);
    }
    return b->trouble;
}
