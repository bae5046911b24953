/* A disk that fails under the store: DUR-03 (fsync), DUR-04 (full). A layer under SQLite fails on demand. */
#include "store/store_test.h"

#include "base/log.h"
#include "base/memory.h"

#include <sched.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

/* -- the failing layer ------------------------------------------------------------------------------------ */

static atomic_int full;         /* every write fails: no space */
static atomic_int bad_syncs;    /* so many syncs fail; what was written before stays written */
static atomic_int bad_writes;   /* so many writes fail with an I/O error */
static sqlite3_vfs *real_vfs, failing_vfs;
static sqlite3_io_methods failing_methods;

struct failing_file {
    sqlite3_file  base;
    sqlite3_file *real; /* behind this struct, in the same memory */
};

static sqlite3_file *real_of(sqlite3_file *f)
{
    return ((struct failing_file *)(void *)f)->real;
}

static bool takes_one(atomic_int *left)
{
    int now = atomic_load(left);

    while (now > 0)
        if (atomic_compare_exchange_weak(left, &now, now - 1))
            return true;
    return false;
}

static int f_close(sqlite3_file *f)
{
    return real_of(f)->pMethods->xClose(real_of(f));
}

static int f_read(sqlite3_file *f, void *p, int len, sqlite3_int64 at)
{
    return real_of(f)->pMethods->xRead(real_of(f), p, len, at);
}

static int f_write(sqlite3_file *f, const void *p, int len, sqlite3_int64 at)
{
    if (atomic_load(&full))
        return SQLITE_FULL;
    if (takes_one(&bad_writes))
        return SQLITE_IOERR_WRITE;
    return real_of(f)->pMethods->xWrite(real_of(f), p, len, at);
}

static int f_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    return real_of(f)->pMethods->xTruncate(real_of(f), size);
}

static int f_sync(sqlite3_file *f, int flags)
{
    return takes_one(&bad_syncs) ? SQLITE_IOERR_FSYNC : real_of(f)->pMethods->xSync(real_of(f), flags);
}

static int f_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return real_of(f)->pMethods->xFileSize(real_of(f), size);
}

static int f_lock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xLock(real_of(f), level);
}

static int f_unlock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xUnlock(real_of(f), level);
}

static int f_check(sqlite3_file *f, int *out)
{
    return real_of(f)->pMethods->xCheckReservedLock(real_of(f), out);
}

static int f_control(sqlite3_file *f, int op, void *arg)
{
    return real_of(f)->pMethods->xFileControl(real_of(f), op, arg);
}

static int f_sector(sqlite3_file *f)
{
    return real_of(f)->pMethods->xSectorSize(real_of(f));
}

static int f_device(sqlite3_file *f)
{
    return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}

static int f_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
    struct failing_file *file = (struct failing_file *)(void *)f;
    int rc;

    (void)vfs;
    file->real = (sqlite3_file *)(void *)(file + 1);
    rc = real_vfs->xOpen(real_vfs, name, file->real, flags, out);
    file->base.pMethods = file->real->pMethods == NULL ? NULL : &failing_methods;
    return rc;
}

static int install_layer(void **state)
{
    (void)state;
    failing_methods = (sqlite3_io_methods){ 1,      f_close,  f_read,  f_write,   f_truncate, f_sync,  f_size,
                                            f_lock, f_unlock, f_check, f_control, f_sector,   f_device };
    real_vfs = sqlite3_vfs_find(NULL);
    failing_vfs = *real_vfs;
    failing_vfs.zName = "failing";
    failing_vfs.szOsFile = (int)sizeof(struct failing_file) + real_vfs->szOsFile;
    failing_vfs.xOpen = f_open;
    return sqlite3_vfs_register(&failing_vfs, 1);
}

/* -- the tests --------------------------------------------------------------------------------------------- */

static void ignore(struct slice line)
{
    (void)line;
}

static struct store_request settle_of(uint64_t id, const struct delivery_change *change, struct handoff *reply)
{
    return (struct store_request){ .verb = STORE_SETTLE, .id = id, .changes = change, .changes_len = 1,
                                   .reply_to = reply };
}

static struct store_request *wait_one(struct handoff *reply, struct handoff_item **rest)
{
    struct handoff_item *item = *rest;

    while (item == NULL) {
        CHECK(handoff_wait(reply, 10000));
        item = handoff_take(reply);
    }
    *rest = item->next;
    return (struct store_request *)(void *)item;
}

TEST(full_disk)
{
    const struct delivery_change later = { .outcome = DELIVERY_DEFERRED, .attempts = 1 }, done = { 0 };
    struct test_store t = test_store_new();
    struct handoff *reply = handoff_new();
    struct store_request first = settle_of(1, &later, reply), second = settle_of(1, &done, reply);
    struct handoff_item *rest = NULL;

    log_capture(ignore);
    CHECK_INT(put_simple(&t, 1, 0, "example.org", true), OK);
    atomic_store(&full, 1);
    CHECK_INT(put_simple(&t, 2, 0, "example.org", true), ERR_FULL);
    store_send(t.store, &first);
    store_send(t.store, &second);
    CHECK(is_there(&t, 1));
    CHECK(!is_there(&t, 2));
    CHECK_INT(put_simple(&t, 2, 0, "example.org", true), ERR_FULL);
    CHECK_INT(stats_at(&t, 0).messages, 1);
    CHECK(handoff_take(reply) == NULL);
    atomic_store(&full, 0);
    CHECK(wait_one(reply, &rest) == &first);
    CHECK(wait_one(reply, &rest) == &second);
    CHECK(first.status == OK && second.status == OK);
    CHECK_INT(put_simple(&t, 2, 0, "example.org", true), OK);
    CHECK_INT(stats_at(&t, 0).messages, 1);
    CHECK(!is_there(&t, 1));
    log_capture(NULL);
    test_store_end(&t);
    handoff_free(reply);
}

TEST(closing_on_a_full_disk)
{
    const struct delivery_change done = { 0 };
    struct test_store t = test_store_new();
    struct handoff *reply = handoff_new();
    struct store_request settle = settle_of(1, &done, reply);

    log_capture(ignore);
    CHECK_INT(put_simple(&t, 1, 0, "example.org", true), OK);
    atomic_store(&full, 1);
    store_send(t.store, &settle);
    store_close(t.store);
    CHECK(handoff_take(reply) == &settle.item && settle.status == ERR_FULL);
    atomic_store(&full, 0);
    test_store_open(&t);
    CHECK(is_there(&t, 1));
    log_capture(NULL);
    test_store_end(&t);
    handoff_free(reply);
}

TEST(reserve)
{
    const struct store_config config = { .reserve_bytes = UINT64_MAX };
    struct store_config c = config;
    struct test_store t;
    struct store_request chunk = { .verb = STORE_CHUNK, .id = 9, .bytes = SLICE_LIT("x") };

    test_store_prepare(&t);
    c.url = t.url;
    CHECK_INT(store_open(&c, &t.store, NULL), OK);
    CHECK_INT(put_simple(&t, 1, 0, "example.org", true), ERR_FULL);
    CHECK_INT(call(&t, &chunk), ERR_FULL);
    CHECK_INT(settle_simple(&t, 1, (struct delivery_change){ 0 }), ERR_NOT_FOUND);
    test_store_end(&t);
}

/* However many flushes fail: nobody is told OK before it is so, and when the disk is well, so is the store. What
 * was refused is not there, nor are its claims held. */
static void fail_while_putting(int syncs, int writes)
{
    struct test_store t = test_store_new();
    const struct delivery_change later = { .outcome = DELIVERY_DEFERRED, .attempts = 7 };
    int tries = 0;

    CHECK_INT(put_simple(&t, 1, 0, "example.org", true), OK);
    atomic_store(&bad_syncs, syncs);
    atomic_store(&bad_writes, writes);
    CHECK_INT(put_simple(&t, 2, 0, "example.org", true), ERR_TEMPORARY);
    CHECK_INT(settle_simple(&t, 1, later), OK);
    while (put_simple(&t, 3, 0, "example.org", false) != OK)
        CHECK(++tries < 20);
    CHECK(is_there(&t, 1) && !is_there(&t, 2) && is_there(&t, 3));
    CHECK_INT(stats_at(&t, 0).deliveries, 2);
    CHECK_INT(stats_at(&t, 0).deferred, 1);
    test_store_reopen(&t);
    CHECK(is_there(&t, 1) && !is_there(&t, 2) && is_there(&t, 3));
    test_store_end(&t);
}

TEST(failed_flush)
{
    log_capture(ignore);
    for (int syncs = 1; syncs <= 4; syncs++)
        fail_while_putting(syncs, 0);
    log_capture(NULL);
}

TEST(failed_write)
{
    log_capture(ignore);
    for (int writes = 1; writes <= 4; writes++)
        fail_while_putting(0, writes);
    log_capture(NULL);
}

/* A claim whose commit failed is nobody's: its deliveries can be claimed again. */
TEST(claim_on_failed_flush)
{
    log_capture(ignore);
    for (int syncs = 1; syncs <= 3; syncs++) {
        struct test_store t = test_store_new();
        struct store_request r = { .verb = STORE_CLAIM, .limit = 10, .now_s = 1 };

        CHECK_INT(put_simple(&t, 1, 0, "example.org", false), OK);
        CHECK_INT(put_simple(&t, 2, 0, "example.org", true), OK);
        atomic_store(&bad_syncs, syncs);
        CHECK_INT(call(&t, &r), ERR_TEMPORARY);
        arena_release(&r.arena);
        /* A settle is answered when the store is well again. */
        CHECK_INT(settle_simple(&t, 2, (struct delivery_change){ .outcome = DELIVERY_DEFERRED }), OK);
        CHECK_INT(call(&t, &r), OK);
        CHECK_INT(r.count, 2);
        arena_release(&r.arena);
        test_store_end(&t);
    }
    log_capture(NULL);
}

static enum status claim_report(struct test_store *t)
{
    const struct report_row row = { .day = SLICE_LIT("2026-11-24"), .domain = SLICE_LIT("a.example") };
    struct store_request r = { .verb = STORE_REPORT_CLAIM, .report = &row };

    return call(t, &r);
}

static enum status save_report(struct test_store *t, const struct stored_message *mail)
{
    const struct report_row row = { .day = SLICE_LIT("2026-11-24"), .domain = SLICE_LIT("a.example"),
                                    .report_id = SLICE_LIT("r1") };
    struct store_request r = { .verb = STORE_REPORT_SAVE, .report = &row, .dsns = mail, .dsns_len = 1 };

    return call(t, &r);
}

/* A report whose claim was refused is nobody's; one that was made is kept until it is on the disk, with its mail. */
TEST(report_on_failed_flush)
{
    static const char *const to[4] = { "example.org" };

    log_capture(ignore);
    for (int syncs = 1; syncs <= 3; syncs++) {
        struct test_store t = test_store_new();
        struct test_message mail;

        test_message_init(&mail, 9, 0, to);
        CHECK_INT(put_simple(&t, 1, 0, "example.org", true), OK);
        atomic_store(&bad_syncs, syncs);
        CHECK_INT(claim_report(&t), ERR_TEMPORARY);
        CHECK_INT(settle_simple(&t, 1, (struct delivery_change){ .outcome = DELIVERY_DEFERRED }), OK);
        CHECK_INT(claim_report(&t), OK);
        CHECK_INT(claim_report(&t), ERR_EXISTS);
        atomic_store(&bad_syncs, syncs);
        CHECK_INT(save_report(&t, &mail.m), OK);
        CHECK_INT(stats_at(&t, 0).messages, 2);
        test_store_reopen(&t);
        CHECK(is_there(&t, 9));
        CHECK_INT(claim_report(&t), ERR_EXISTS);
        test_store_end(&t);
    }
    log_capture(NULL);
}

/* -- a real file system that is full, in a mount namespace of its own --------------------------------------- */

enum { DISK_BYTES = 24 << 20, SKIPPED = 77 };

static void fill_disk(struct test_store *t, uint64_t *last)
{
    static char body[16 * 1024];
    static const char *const one[4] = { "example.org" };
    enum status st = OK;

    while (st == OK) {
        struct test_message m;
        struct store_request r = { .verb = STORE_PUT, .message = &m.m, .is_claimed = true };

        test_message_init(&m, ++*last, 0, one);
        m.m.body = slice_of(body, sizeof body);
        st = call(t, &r);
    }
    CHECK_INT(st, ERR_FULL);
    --*last;
}

static void use_small_disk(struct test_store *t, uint64_t reserve_bytes)
{
    const struct store_config config = { .url = t->url, .reserve_bytes = reserve_bytes };
    struct statvfs fs;
    uint64_t last = 0;

    CHECK_INT(store_open(&config, &t->store, NULL), OK);
    fill_disk(t, &last);
    CHECK(last > 20);
    if (reserve_bytes == 0) {
        CHECK_INT(mount("tmpfs", t->dir, "tmpfs", MS_REMOUNT, "size=64m"), 0);
    } else {
        /* Above the reserve there is room to settle. */
        CHECK_INT(statvfs(t->dir, &fs), 0);
        CHECK(fs.f_bavail > 0);
    }
    for (uint64_t id = 1; id <= last; id++) {
        CHECK(is_there(t, id));
        CHECK_INT(settle_simple(t, id, (struct delivery_change){ 0 }), OK);
    }
    CHECK_INT(stats_at(t, 0).messages, 0);
    store_close(t->store);
}

static void in_small_disk(struct test_store *t, uint64_t reserve_bytes)
{
    char size[32];

    (void)snprintf(size, sizeof size, "size=%d", DISK_BYTES);
    log_capture(ignore);
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", t->dir, "tmpfs", 0, size) != 0)
        _exit(SKIPPED);
    use_small_disk(t, reserve_bytes);
    _exit(0);
}

static void run_in_small_disk(uint64_t reserve_bytes)
{
    struct test_store t;
    int how;
    pid_t child;

    test_store_prepare(&t);
    child = fork();
    if (child == 0)
        in_small_disk(&t, reserve_bytes);
    CHECK(waitpid(child, &how, 0) == child && WIFEXITED(how));
    CHECK_INT(rmdir(t.dir), 0);
    if (WEXITSTATUS(how) == SKIPPED)
        skip();
    CHECK_INT(WEXITSTATUS(how), 0);
}

TEST(real_full_disk)
{
    run_in_small_disk(0);
}

TEST(real_full_disk_with_reserve)
{
    run_in_small_disk(DISK_BYTES / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(full_disk),    T(closing_on_a_full_disk), T(reserve),        T(failed_flush),
        T(failed_write), T(claim_on_failed_flush),  T(report_on_failed_flush), T(real_full_disk),
        T(real_full_disk_with_reserve),
    };

    return cmocka_run_group_tests(tests, install_layer, NULL);
}
