#include "base/clock.h"
#include "base/memory.h"
#include "store/sqlite.h"

#include <assert.h>

static uint64_t current_version(struct sqlite *b)
{
    static const char sql[] = "SELECT version FROM settings_state";
    sqlite3_stmt *q = query(b, sql);
    uint64_t version = query_next(b, q) ? column_id(q, 0) : 0;

    query_end(q);
    return version;
}

enum status sqlite_settings_load(struct sqlite *b, struct store_request *r)
{
    static const char sql[] = "SELECT kind, name, value FROM setting ORDER BY kind, name";
    sqlite3_stmt *q = query(b, sql);
    struct setting_row *found = NULL;
    size_t len = 0, cap = 0;

    r->version = current_version(b);
    while (query_next(b, q)) {
        found = mem_grow(found, len, &cap, sizeof *found);
        found[len++] = (struct setting_row){ .kind = column_copy(&r->arena, q, 0),
                                             .name = column_copy(&r->arena, q, 1),
                                             .after = column_copy(&r->arena, q, 2) };
    }
    r->settings = rows_keep(&r->arena, found, len, sizeof *found);
    r->settings_len = len;
    return b->trouble;
}

/* Is the setting there as the change says it is? */
static enum status check_before(struct sqlite *b, const struct setting_row *row, struct fault *why)
{
    static const char sql[] = "SELECT 1 FROM setting WHERE kind = ?1 AND name = ?2";
    sqlite3_stmt *q = query(b, sql);
    bool exists;

    assert(row->before.ptr != NULL || row->after.ptr != NULL);
    bind_text(q, 1, row->kind);
    bind_text(q, 2, row->name);
    exists = query_next(b, q);
    query_end(q);
    if (exists && row->before.ptr == NULL)
        return fault_set(why, ERR_EXISTS, "there is a %.*s '%.*s' already", SLICE_FMT(row->kind),
                         SLICE_FMT(row->name));
    if (!exists && row->before.ptr != NULL && b->trouble == OK)
        return fault_set(why, ERR_NOT_FOUND, "there is no %.*s '%.*s'", SLICE_FMT(row->kind), SLICE_FMT(row->name));
    return b->trouble;
}

static enum status check(struct sqlite *b, struct store_request *r)
{
    uint64_t version = current_version(b);
    enum status st = b->trouble;

    if (st == OK && r->base_version != version)
        return fault_set(&r->why, ERR_CONFLICT,
                         "the settings were changed meanwhile (version %llu, not %llu): look again, then repeat",
                         (unsigned long long)version, (unsigned long long)r->base_version);
    for (size_t i = 0; i < r->settings_in_len && st == OK; i++)
        st = check_before(b, &r->settings_in[i], &r->why);
    return st;
}

static enum status write_row(struct sqlite *b, const struct setting_row *row)
{
    static const char put[] = "INSERT INTO setting VALUES (?1, ?2, ?3) "
                              "ON CONFLICT DO UPDATE SET value = excluded.value";
    static const char delete[] = "DELETE FROM setting WHERE kind = ?1 AND name = ?2";
    sqlite3_stmt *q = query(b, row->after.ptr == NULL ? delete : put);

    bind_text(q, 1, row->kind);
    bind_text(q, 2, row->name);
    if (row->after.ptr != NULL)
        bind_text(q, 3, row->after);
    return query_run(b, q);
}

enum status sqlite_settings_change(struct sqlite *b, struct store_request *r)
{
    static const char sql[] = "UPDATE settings_state SET version = version + 1";
    int64_t at_s = clock_wall_s();
    enum status st = check(b, r);

    if (st != OK)
        return st;
    for (size_t i = 0; i < r->settings_in_len && st == OK; i++) {
        st = write_row(b, &r->settings_in[i]);
        if (st == OK)
            st = audit_add(b, r, &r->settings_in[i], at_s);
    }
    if (st == OK && r->settings_in_len > 0)
        st = query_run(b, query(b, sql));
    r->version = r->base_version + (r->settings_in_len > 0);
    return st;
}
