/* One connection, owned by the store thread, holds the file exclusively: no second process can open it, and no
 * other connection ever checkpoints (SQLite before 3.51.3 can corrupt a WAL that two connections checkpoint, DUR-06).
 * WAL with synchronous=FULL: a commit is one append and one fdatasync. */
#include "store/sqlite.h"

#include "base/log.h"
#include "base/memory.h"

#include <fcntl.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* A checkpoint waits for an idle moment until the log holds LOG_PAGES; then it does not wait. */
enum { IDLE_LOG_PAGES = 1000, LOG_PAGES = 4000, TEXT_MAX = 64 << 20 };

typedef enum status verb_fn(struct sqlite *b, struct store_request *r);

static const struct {
    verb_fn *run;
    bool only_reads;
} verbs[] = {
    [STORE_PUT] = { sqlite_put, false },
    [STORE_CHUNK] = { sqlite_chunk, false },
    [STORE_DROP] = { sqlite_drop, false },
    [STORE_LOAD] = { sqlite_load, true },
    [STORE_SETTLE] = { sqlite_settle, false },
    [STORE_CLAIM] = { sqlite_claim, false },
    [STORE_LIST] = { sqlite_list, true },
    [STORE_FIND] = { sqlite_find, true },
    [STORE_CHANGE] = { sqlite_change, false },
    [STORE_COUNT] = { sqlite_count, false },
    [STORE_COUNTERS] = { sqlite_counters, true },
    [STORE_SETTINGS_LOAD] = { sqlite_settings_load, true },
    [STORE_SETTINGS_CHANGE] = { sqlite_settings_change, false },
    [STORE_AUDIT_NOTE] = { sqlite_audit_note, false },
    [STORE_AUDIT] = { sqlite_audit, true },
    [STORE_STATS] = { sqlite_stats, true },
    [STORE_TRIM] = { sqlite_trim, false },
    [STORE_STS_LOAD] = { sqlite_sts_load, true },
    [STORE_STS_SAVE] = { sqlite_sts_save, false },
    [STORE_STS_FORGET] = { sqlite_sts_forget, false },
    [STORE_POLICY_ADD] = { sqlite_policy_add, false },
    [STORE_POLICY_LIST] = { sqlite_policy_list, true },
    [STORE_PLAN_LOAD] = { sqlite_plan_load, true },
    [STORE_PLAN_SAVE] = { sqlite_plan_save, false },
    [STORE_CERT_LOAD] = { sqlite_cert_load, true },
    [STORE_CERT_SAVE] = { sqlite_cert_save, false },
    [STORE_CERT_HISTORY] = { sqlite_cert_history, true },
    [STORE_WATCH_LOAD] = { sqlite_watch_load, true },
    [STORE_WATCH_SAVE] = { sqlite_watch_save, false },
    [STORE_REPORT_COUNT] = { sqlite_report_count, false },
    [STORE_REPORT_COUNTS] = { sqlite_report_counts, true },
    [STORE_REPORT_DOMAINS] = { sqlite_report_domains, true },
    [STORE_REPORT_DAYS] = { sqlite_report_days, true },
    [STORE_REPORT_TRIM] = { sqlite_report_trim, false },
    [STORE_REPORT_CLAIM] = { sqlite_report_claim, false },
    [STORE_REPORT_SAVE] = { sqlite_report_save, false },
    [STORE_REPORT_DUE] = { sqlite_report_due, true },
    [STORE_REPORT_LIST] = { sqlite_report_list, true },
    [STORE_REPORT_FIND] = { sqlite_report_find, true },
    [STORE_RECEIVED_PUT] = { sqlite_received_put, false },
    [STORE_RECEIVED_LIST] = { sqlite_received_list, true },
    [STORE_RECEIVED_FIND] = { sqlite_received_find, true },
    [STORE_RECEIVED_SUMS] = { sqlite_received_sums, true },
    [STORE_RECEIVED_TRIM] = { sqlite_received_trim, false },
    [STORE_ALERT_LOAD] = { sqlite_alert_load, true },
    [STORE_ALERT_SAVE] = { sqlite_alert_save, false },
};

/* No mmap: an I/O error would come as SIGBUS. No secure_delete (Debian's default): it writes every freed page. */
static const char pragmas[] = "PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL; "
                              "PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 67108864; "
                              "PRAGMA cache_size = -16384; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY; "
                              "PRAGMA secure_delete = OFF; PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF";

static struct sqlite *sqlite_of(struct backend *backend)
{
    return (struct sqlite *)(void *)backend;
}

static int on_commit(void *arg, sqlite3 *db, const char *name, int pages)
{
    (void)db;
    (void)name;
    ((struct sqlite *)arg)->wal_pages = pages;
    return SQLITE_OK;
}

/* A new file is made for us alone. An existing one is not opened here: closing it would drop SQLite's locks. */
static void make_private(const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    if (fd >= 0)
        close(fd);
}

/* Closing without a checkpoint leaves the files of a refused database as they are. */
static void disconnect(struct sqlite *b, bool may_write)
{
    query_forget_all(b);
    if (b->db != NULL && !may_write)
        sqlite3_db_config(b->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_close(b->db);
    b->db = NULL;
}

static enum status connect(struct sqlite *b, struct fault *why)
{
    int rc = sqlite3_open_v2(b->path, &b->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    enum status st;

    if (rc == SQLITE_OK)
        rc = sqlite3_extended_result_codes(b->db, 1);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(b->db, pragmas, NULL, NULL, NULL);
    st = rc == SQLITE_OK ? sqlite_migrate_to_newest(b->db, b->path, why) : sqlite_fault(b->db, rc, b->path, why);
    if (st != OK) {
        disconnect(b, false);
        return st;
    }
    sqlite3_db_config(b->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_wal_hook(b->db, on_commit, b);
    b->wal_pages = 0;
    return OK;
}

static enum status begin(struct backend *backend, struct fault *why)
{
    static const char sql[] = "BEGIN";
    struct sqlite *b = sqlite_of(backend);

    if (b->db == NULL)
        return fault_set(why, ERR_TEMPORARY, "the store '%s' is not open", b->path);
    b->trouble = OK;
    b->counts_before = b->counts;
    b->suspects_len = 0;
    if (query_run(b, query(b, sql)) != OK)
        *why = b->why;
    return b->trouble;
}

static enum status commit(struct backend *backend, struct fault *why)
{
    static const char sql[] = "COMMIT";
    struct sqlite *b = sqlite_of(backend);

    if (query_run(b, query(b, sql)) != OK)
        *why = b->why;
    return b->trouble;
}

/* When it fails, the log keeps what it holds and the next commit meets the same disk. */
static void checkpoint(struct sqlite *b)
{
    int rc = sqlite3_wal_checkpoint_v2(b->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);

    if (rc == SQLITE_OK)
        b->wal_pages = 0;
    else
        log_warning(NULL, "the log of the store cannot be moved into it", LOG_CSTR("file", b->path),
                    LOG_CSTR("why", sqlite3_errmsg(b->db)));
}

static void rollback(struct backend *backend)
{
    struct sqlite *b = sqlite_of(backend);

    /* After some errors SQLite has rolled back by itself. */
    if (b->db != NULL && !sqlite3_get_autocommit(b->db))
        (void)sqlite3_exec(b->db, "ROLLBACK", NULL, NULL, NULL);
    b->counts = b->counts_before;
    /* On a full disk the log cannot grow, but once moved into the file it starts anew in the room it has. */
    if (b->trouble == ERR_FULL)
        checkpoint(b);
    b->trouble = OK;
}

static enum status run(struct backend *backend, struct store_request *r, struct fault *why)
{
    struct sqlite *b = sqlite_of(backend);

    r->status = verbs[r->verb].run(b, r);
    if (b->trouble == OK)
        return OK;
    *why = b->why;
    /* A damaged page that is only read harms nobody but its reader (DUR-10). */
    if (b->trouble == ERR_PERMANENT && verbs[r->verb].only_reads && !sqlite3_get_autocommit(b->db)) {
        log_error(NULL, "the store is damaged", LOG_CSTR("why", b->why.text));
        b->trouble = OK;
        r->status = ERR_PERMANENT;
        r->why = *why;
    }
    return b->trouble;
}

/* Counts the queue and, at start-up, gives back what a former life had claimed: one walk over the deliveries. */
static void take_stock(struct sqlite *b, bool gives_back)
{
    static const char sql[] = "SELECT message, state, attempts FROM delivery";
    static const char release[] = "UPDATE delivery SET state = state & ~1 WHERE state & 1";
    sqlite3_stmt *q = query(b, sql);
    uint64_t claimed = 0, last = 0;

    b->counts = (struct store_stats){ 0 };
    while (query_next(b, q)) {
        int64_t state = column_int(q, 1);

        b->counts.messages += column_id(q, 0) != last || b->counts.messages == 0;
        last = column_id(q, 0);
        count_delivery(b, state & STATE_HELD, column_int(q, 2) > 0, 1);
        claimed += state & STATE_CLAIMED;
    }
    if (gives_back && claimed > 0 && query_run(b, query(b, release)) == OK)
        log_info(NULL, "deliveries of the last run given back", LOG_INT("deliveries", claimed));
}

/* Chunks whose message never came. */
static void drop_orphans(struct sqlite *b)
{
    static const char sql[] = "DELETE FROM chunk WHERE message NOT IN (SELECT id FROM message WHERE chunks > 0)";
    static const char any[] = "SELECT 1 FROM chunk LIMIT 1";
    sqlite3_stmt *q = query(b, any);

    if (!query_next(b, q))
        return;
    query_end(q);
    (void)query_run(b, query(b, sql));
}

/* Reports that a former life claimed and did not make. */
static void release_reports(struct sqlite *b)
{
    static const char sql[] = "DELETE FROM report WHERE report_id = ''";

    (void)query_run(b, query(b, sql));
}

/* The commit that failed may still come true when the log is read anew: its records were written, only the flush
 * was not. Puts of it were refused and claims of it are nobody's. */
static void clear_suspects(struct sqlite *b, const struct suspect *suspects, size_t len)
{
    static const char release[] = "UPDATE delivery SET state = state & ~1 WHERE message = ?1";
    static const char forget[] = "DELETE FROM report WHERE seq = ?1 AND report_id = ''";

    for (size_t i = 0; i < len; i++) {
        sqlite3_stmt *q;

        if (suspects[i].kind == SUSPECT_MESSAGE) {
            (void)remove_message(b, suspects[i].id);
            continue;
        }
        q = query(b, suspects[i].kind == SUSPECT_CLAIM ? release : forget);
        bind_id(q, 1, suspects[i].id);
        (void)query_run(b, q);
    }
}

static enum status start_up(struct sqlite *b, bool is_first, struct fault *why)
{
    struct suspect *suspects = b->suspects;
    size_t len = b->suspects_len;
    enum status st;

    b->suspects = NULL;
    b->suspects_len = b->suspects_cap = 0;
    st = begin(&b->backend, why);
    clear_suspects(b, suspects, len);
    take_stock(b, is_first);
    if (is_first) {
        drop_orphans(b);
        release_reports(b);
    }
    if (st == OK)
        st = commit(&b->backend, why);
    if (st != OK) {
        *why = b->why;
        rollback(&b->backend);
        free(b->suspects);
        b->suspects = suspects;
        b->suspects_len = b->suspects_cap = len;
        return st;
    }
    free(suspects);
    return OK;
}

static enum status reopen(struct backend *backend, struct fault *why)
{
    struct sqlite *b = sqlite_of(backend);
    enum status st;
    int rc;

    disconnect(b, true);
    st = connect(b, why);
    if (st != OK)
        return st;
    /* Pages of the log that the kernel counts as clean although they never reached the disk would cut off every
     * later commit in a power cut: move them into the database and begin a new log. */
    rc = sqlite3_wal_checkpoint_v2(b->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    st = rc == SQLITE_OK ? start_up(b, false, why) : sqlite_fault(b->db, rc, b->path, why);
    if (st != OK)
        disconnect(b, false);
    return st;
}

static void configure_sqlite(void)
{
    /* Without its statistics the allocator needs no lock. */
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    if (sodium_init() < 0)
        abort();
}

static void sqlite_free(struct sqlite *b)
{
    buf_release(&b->text);
    free(b->suspects);
    free(b->path);
    free(b);
}

static enum status open_store(struct slice location, struct backend **out, struct fault *why)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct sqlite *b;
    enum status st;

    pthread_once(&once, configure_sqlite);
    if (location.len == 0)
        return fault_set(why, ERR_SYNTAX, "the URL of the store names no file: write sqlite:/path/to/file");
    b = NEW(struct sqlite);
    b->backend.ops = &sqlite_backend;
    b->path = mem_str(location);
    buf_init(&b->text, TEXT_MAX);
    make_private(b->path);
    st = connect(b, why);
    if (st == OK)
        st = start_up(b, true, why);
    if (st != OK) {
        disconnect(b, false);
        sqlite_free(b);
        return st;
    }
    *out = &b->backend;
    return OK;
}

static void close_store(struct backend *backend)
{
    struct sqlite *b = sqlite_of(backend);

    disconnect(b, true);
    sqlite_free(b);
}

static uint64_t free_bytes(struct backend *backend)
{
    struct sqlite *b = sqlite_of(backend);
    struct statvfs fs;

    return statvfs(b->path, &fs) == 0 ? (uint64_t)fs.f_bavail * fs.f_frsize : UINT64_MAX;
}

static void tend(struct backend *backend, bool is_idle)
{
    struct sqlite *b = sqlite_of(backend);

    if (b->wal_pages >= (is_idle ? IDLE_LOG_PAGES : LOG_PAGES))
        checkpoint(b);
}

const struct backend_ops sqlite_backend = {
    .open = open_store,
    .close = close_store,
    .begin = begin,
    .run = run,
    .commit = commit,
    .rollback = rollback,
    .reopen = reopen,
    .free_bytes = free_bytes,
    .tend = tend,
};
