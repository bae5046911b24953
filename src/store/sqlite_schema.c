#include "base/log.h"
#include "store/sqlite.h"

#include "store/sqlite_schema_steps.h"

#include <stdio.h>

enum { APPLICATION_ID = 0x53544e50 }; /* "STNP", in the header of the file */

static enum status exec(sqlite3 *db, const char *path, const char *sql, struct fault *why)
{
    int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? OK : sqlite_fault(db, rc, path, why);
}

static enum status ask(sqlite3 *db, const char *path, const char *sql, int64_t *out, struct fault *why)
{
    sqlite3_stmt *q = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &q, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(q);
    if (rc == SQLITE_ROW)
        *out = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    return rc == SQLITE_ROW ? OK : sqlite_fault(db, rc, path, why);
}

static enum status run_step(sqlite3 *db, const char *path, const char *step, size_t version, struct fault *why)
{
    char pragmas[100];
    enum status st;

    (void)snprintf(pragmas, sizeof pragmas, "PRAGMA user_version = %zu; PRAGMA application_id = %d", version,
                   APPLICATION_ID);
    st = exec(db, path, "BEGIN IMMEDIATE", why);
    if (st == OK)
        st = exec(db, path, step, why);
    if (st == OK)
        st = exec(db, path, pragmas, why);
    if (st == OK)
        st = exec(db, path, "COMMIT", why);
    if (st != OK)
        (void)exec(db, path, "ROLLBACK", NULL);
    return st;
}

/* May we write into this file at all? */
static enum status check_identity(sqlite3 *db, const char *path, int64_t version, size_t newest, struct fault *why)
{
    int64_t application = 0, tables = 0;
    enum status st = ask(db, path, "PRAGMA application_id", &application, why);

    if (st == OK)
        st = ask(db, path, "SELECT count(*) FROM sqlite_schema", &tables, why);
    if (st != OK)
        return st;
    if (application != APPLICATION_ID && (tables > 0 || version != 0))
        return fault_set(why, ERR_PERMANENT, "'%s' is the database of another program: name another file", path);
    if (version < 0 || (uint64_t)version > newest)
        return fault_set(why, ERR_PERMANENT,
                         "the store '%s' is of a newer sternpost (schema %lld, this one knows %zu): install that one "
                         "again, or restore the backup made before the upgrade",
                         path, (long long)version, newest);
    return OK;
}

enum status sqlite_migrate(sqlite3 *db, const char *path, const char *const *steps, size_t steps_len,
                           struct fault *why)
{
    int64_t version = 0;
    enum status st = ask(db, path, "PRAGMA user_version", &version, why);

    if (st == OK)
        st = check_identity(db, path, version, steps_len, why);
    if (st == OK)
        st = exec(db, path, "PRAGMA journal_mode = WAL", why);
    for (size_t i = (size_t)version; i < steps_len && st == OK; i++) {
        st = run_step(db, path, steps[i], i + 1, why);
        if (st == OK)
            log_info(NULL, "store schema brought up to date", LOG_INT("version", i + 1));
    }
    return st;
}

enum status sqlite_migrate_to_newest(sqlite3 *db, const char *path, struct fault *why)
{
    return sqlite_migrate(db, path, schema_steps, COUNT_OF(schema_steps), why);
}
