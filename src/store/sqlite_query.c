#include "base/log.h"
#include "store/sqlite.h"

#include <assert.h>
#include <errno.h>

sqlite3_stmt *query(struct sqlite *b, const char *sql)
{
    size_t at = ((uintptr_t)sql >> 3) % QUERY_SLOTS;
    int rc;

    while (b->queries[at].sql != NULL) {
        if (b->queries[at].sql == sql)
            return b->queries[at].stmt;
        at = (at + 1) % QUERY_SLOTS;
    }
    rc = sqlite3_prepare_v3(b->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &b->queries[at].stmt, NULL);
    if (rc != SQLITE_OK) {
        sqlite_set_trouble(b, rc);
        return NULL;
    }
    b->queries[at].sql = sql;
    return b->queries[at].stmt;
}

void query_forget_all(struct sqlite *b)
{
    for (size_t i = 0; i < QUERY_SLOTS; i++)
        sqlite3_finalize(b->queries[i].stmt);
    memset(b->queries, 0, sizeof b->queries);
}

void bind_int(sqlite3_stmt *q, int at, int64_t value)
{
    sqlite3_bind_int64(q, at, value);
}

void bind_id(sqlite3_stmt *q, int at, uint64_t id)
{
    sqlite3_bind_int64(q, at, (int64_t)id);
}

void bind_text(sqlite3_stmt *q, int at, struct slice text)
{
    sqlite3_bind_text(q, at, text.len == 0 ? "" : text.ptr, (int)text.len, SQLITE_STATIC);
}

void bind_text_or_null(sqlite3_stmt *q, int at, struct slice text)
{
    if (text.ptr == NULL)
        sqlite3_bind_null(q, at);
    else
        bind_text(q, at, text);
}

void bind_blob(sqlite3_stmt *q, int at, struct slice bytes)
{
    sqlite3_bind_blob64(q, at, bytes.len == 0 ? "" : bytes.ptr, bytes.len, SQLITE_STATIC);
}

bool query_next(struct sqlite *b, sqlite3_stmt *q)
{
    int rc;

    if (q == NULL || b->trouble != OK)
        return false;
    rc = sqlite3_step(q);
    if (rc == SQLITE_ROW)
        return true;
    sqlite3_reset(q);
    if (rc != SQLITE_DONE)
        sqlite_set_trouble(b, rc);
    return false;
}

void query_end(sqlite3_stmt *q)
{
    sqlite3_reset(q);
}

enum status query_run(struct sqlite *b, sqlite3_stmt *q)
{
    int rc;

    if (q == NULL || b->trouble != OK)
        return b->trouble;
    rc = sqlite3_step(q);
    sqlite3_reset(q);
    if ((rc & 0xff) == SQLITE_CONSTRAINT)
        return ERR_EXISTS;
    if (rc != SQLITE_DONE)
        sqlite_set_trouble(b, rc);
    return b->trouble;
}

int64_t column_int(sqlite3_stmt *q, int at)
{
    return sqlite3_column_int64(q, at);
}

uint64_t column_id(sqlite3_stmt *q, int at)
{
    return (uint64_t)sqlite3_column_int64(q, at);
}

struct slice column_bytes(sqlite3_stmt *q, int at)
{
    const char *ptr = sqlite3_column_blob(q, at);

    return slice_of(ptr == NULL ? "" : ptr, (size_t)sqlite3_column_bytes(q, at));
}

struct slice column_copy(struct arena *a, sqlite3_stmt *q, int at)
{
    return arena_copy(a, column_bytes(q, at));
}

/* SQLite has no code of its own for a quota that is used up; the error below it tells. */
static bool is_full(sqlite3 *db, int rc)
{
    int err = db == NULL ? 0 : sqlite3_system_errno(db);

    return (rc & 0xff) == SQLITE_FULL || ((rc & 0xff) == SQLITE_IOERR && (err == ENOSPC || err == EDQUOT));
}

enum status sqlite_fault(sqlite3 *db, int rc, const char *path, struct fault *why)
{
    const char *text = db == NULL ? sqlite3_errstr(rc) : sqlite3_errmsg(db);

    switch (rc & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR: /* our SQL is right, so a table is not what it should be */
        return fault_set(why, ERR_PERMANENT,
                         "the store '%s' is damaged (%s); it was left as it is. Stop sternpost, keep a copy, then "
                         "restore a backup or rescue what is readable: sqlite3 '%s' .recover | sqlite3 new.db",
                         path, text, path);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return fault_set(why, ERR_CONFLICT, "the store '%s' is in use by another process: stop it first", path);
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return fault_set(why, ERR_TEMPORARY,
                         "cannot write the store '%s' (%s): check owner and mode of the file and "
                         "its directory",
                         path, text);
    default: break;
    }
    if (is_full(db, rc))
        return fault_set(why, ERR_FULL, "the disk of the store '%s' is full: free some space", path);
    return fault_set(why, ERR_TEMPORARY, "the store '%s' failed: %s", path, text);
}

void sqlite_set_trouble(struct sqlite *b, int rc)
{
    enum status st;

    if (b->trouble != OK)
        return;
    st = sqlite_fault(b->db, sqlite3_extended_errcode(b->db), b->path, &b->why);
    assert((rc & 0xff) != SQLITE_MISUSE && (rc & 0xff) != SQLITE_CONSTRAINT);
    b->trouble = st == ERR_CONFLICT ? ERR_TEMPORARY : st;
}
