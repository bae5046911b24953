/* The SQLite file itself: damage, versions, a second user, a forged audit. */
#include "store/sqlite.h"
#include "store/store_test.h"

#include "base/memory.h"

#include <sys/wait.h>

enum { PAGE = 4096 };

static void raw(const char *file, const char *sql)
{
    sqlite3 *db;
    char *error = NULL;

    CHECK_INT(sqlite3_open(file, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
        fail_msg("%s", error);
    CHECK_INT(sqlite3_close(db), SQLITE_OK);
}

static int64_t raw_number(const char *file, const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *q;
    int64_t number;

    CHECK_INT(sqlite3_open(file, &db), SQLITE_OK);
    CHECK_INT(sqlite3_prepare_v2(db, sql, -1, &q, NULL), SQLITE_OK);
    CHECK_INT(sqlite3_step(q), SQLITE_ROW);
    number = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    CHECK_INT(sqlite3_close(db), SQLITE_OK);
    return number;
}

/* The whole file; free it. */
static char *read_file(const char *path, size_t *len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    char *bytes;

    CHECK(fd >= 0 && fstat(fd, &st) == 0);
    *len = (size_t)st.st_size;
    bytes = mem_new(*len + 1, 1);
    CHECK_INT(read(fd, bytes, *len), *len);
    close(fd);
    return bytes;
}

static void write_file(const char *path, const char *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    CHECK(fd >= 0);
    CHECK_INT(write(fd, bytes, len), len);
    close(fd);
}

static void fill(struct test_store *t)
{
    for (uint64_t id = 1; id <= 100; id++)
        CHECK_INT(put_simple(t, id, 0, "example.org", false), OK);
    store_close(t->store);
    t->store = NULL;
}

static void truncate_half(struct test_store *t)
{
    struct stat st;

    fill(t);
    CHECK_INT(stat(t->file, &st), 0);
    CHECK_INT(truncate(t->file, st.st_size / 2), 0);
}

static void garbage(struct test_store *t)
{
    char bytes[2 * PAGE];

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 37 + i / 256);
    fill(t);
    write_file(t->file, bytes, sizeof bytes);
}

static void spoil_page(struct test_store *t, const char *table)
{
    char sql[100], bytes[PAGE];
    int fd;
    int64_t page;

    (void)snprintf(sql, sizeof sql, "SELECT rootpage FROM sqlite_schema WHERE name = '%s'", table);
    page = raw_number(t->file, sql);
    memset(bytes, 0xff, sizeof bytes);
    fd = open(t->file, O_WRONLY | O_CLOEXEC);
    CHECK_INT(pwrite(fd, bytes, sizeof bytes, (page - 1) * PAGE), sizeof bytes);
    close(fd);
}

static void spoil_deliveries(struct test_store *t)
{
    fill(t);
    spoil_page(t, "delivery");
}

static void newer(struct test_store *t)
{
    fill(t);
    raw(t->file, "PRAGMA user_version = 99");
}

static void foreign(struct test_store *t)
{
    fill(t);
    (void)unlink(t->file);
    raw(t->file, "CREATE TABLE book (title TEXT); PRAGMA user_version = 1");
}

static const struct { const char *name; void (*spoil)(struct test_store *t); const char *says; } refused[] = {
    { "DUR-05: cut short", truncate_half, "is damaged" },
    { "DUR-05: garbage", garbage, "is damaged" },
    { "DUR-05: a bad page", spoil_deliveries, "is damaged" },
    { "DUR-11: of a newer version", newer, "newer sternpost (schema 99, this one knows " },
    { "of another program", foreign, "another program" },
};

/* What must not be used is refused with the remedy, and left as it is to the byte. */
TEST(refused_and_untouched)
{
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        struct test_store t = test_store_new();
        struct fault why;
        char *before, *after;
        size_t before_len, after_len;

        refused[i].spoil(&t);
        before = read_file(t.file, &before_len);
        CHECK_CASE(refused[i].name, test_store_try(&t, &why) == ERR_PERMANENT);
        after = read_file(t.file, &after_len);
        CHECK_CASE(refused[i].name, strstr(why.text, refused[i].says) != NULL);
        CHECK_CASE(refused[i].name, before_len == after_len && memcmp(before, after, after_len) == 0);
        free(before);
        free(after);
        t.store = NULL;
        test_store_end(&t);
    }
}

static const struct { const char *name, *url, *says; enum status st; } bad_urls[] = {
    { "no scheme", "/tmp/x", "not the URL", ERR_SYNTAX },
    { "another scheme", "mysql:/tmp/x", "not the URL", ERR_SYNTAX },
    { "no file", "sqlite:", "names no file", ERR_SYNTAX },
    { "no such folder", "sqlite:/nonexistent/x/y.db", "check owner and mode", ERR_TEMPORARY },
};

TEST(bad_urls)
{
    for (size_t i = 0; i < COUNT_OF(bad_urls); i++) {
        const struct store_config config = { .url = bad_urls[i].url };
        struct store *s;
        struct fault why;

        CHECK_CASE(bad_urls[i].name, store_open(&config, &s, &why) == bad_urls[i].st);
        CHECK_CASE(bad_urls[i].name, strstr(why.text, bad_urls[i].says) != NULL);
    }
}

TEST(file_is_private)
{
    struct test_store t = test_store_new();
    struct stat st;

    CHECK_INT(stat(t.file, &st), 0);
    CHECK_INT(st.st_mode & 0777, 0600);
    test_store_end(&t);
}

static enum status open_again(const char *url, struct fault *why)
{
    const struct store_config config = { .url = url };
    struct store *second;
    enum status st = store_open(&config, &second, why);

    if (st == OK)
        store_close(second);
    return st;
}

/* DUR-06: never two connections, in one process or in two. */
TEST(second_open_is_refused)
{
    struct test_store t = test_store_new();
    struct fault why;
    pid_t child;
    int how;

    CHECK_INT(open_again(t.url, &why), ERR_CONFLICT);
    CHECK(strstr(why.text, "in use by another process") != NULL);
    child = fork();
    if (child == 0)
        _exit(open_again(t.url, &why) == ERR_CONFLICT ? 0 : 1);
    CHECK(waitpid(child, &how, 0) == child && WIFEXITED(how));
    CHECK_INT(WEXITSTATUS(how), 0);
    CHECK_INT(put_simple(&t, 1, 0, "example.org", false), OK);
    test_store_end(&t);
}

/* DUR-10: a bit that flips in stored content is noticed when it is read. */
TEST(flipped_bit_in_content)
{
    static const char text[] = "some content that stands in the file once";
    static const char *const one[4] = { "example.org" };
    struct test_store t = test_store_new();
    struct test_message m;
    struct store_request put = { .verb = STORE_PUT, .message = &m.m };
    struct store_request load = { .verb = STORE_LOAD, .id = 5 };
    char *bytes, *at;
    size_t len;

    test_message_init(&m, 5, 0, one);
    m.m.body = slice_str(text);
    CHECK_INT(call(&t, &put), OK);
    store_close(t.store);
    bytes = read_file(t.file, &len);
    at = memmem(bytes, len, text, sizeof text - 1);
    CHECK(at != NULL);
    at[7] ^= 4;
    write_file(t.file, bytes, len);
    free(bytes);
    test_store_open(&t);
    CHECK_INT(call(&t, &load), ERR_PERMANENT);
    CHECK(strstr(load.why.text, "0000000000005") != NULL);
    arena_release(&load.arena);
    test_store_end(&t);
}

/* DUR-05: damage found at work. Nothing is written any more, reading goes on, settles are not kept for ever. */
TEST(damage_found_at_work)
{
    struct stored_trace line = { 1, SLICE_LIT("{}") };
    const struct delivery_change done = { 0 };
    struct test_store t = test_store_new();
    struct store_request settle = { .verb = STORE_SETTLE, .id = 1, .changes = &done, .changes_len = 1,
                                    .traces_in = &line, .traces_in_len = 1 };
    struct store_request load = { .verb = STORE_LOAD, .id = 2 };

    fill(&t);
    spoil_page(&t, "trace");
    test_store_open(&t);
    CHECK_INT(put_simple(&t, 200, 0, "example.org", false), OK);
    CHECK_INT(call(&t, &settle), ERR_PERMANENT);
    CHECK(strstr(settle.why.text, "is damaged") != NULL);
    CHECK_INT(put_simple(&t, 201, 0, "example.org", false), ERR_TEMPORARY);
    CHECK_INT(call(&t, &load), OK);
    CHECK_STR(load.bytes, "hello");
    arena_release(&load.arena);
    CHECK_INT(stats_at(&t, 0).messages, 101);
    test_store_end(&t);
}

static void add_settings(struct test_store *t)
{
    for (uint64_t v = 0; v < 5; v++) {
        char name[8];
        const struct setting_row row = { .kind = SLICE_LIT("host"), .name = slice_of(name, 1),
                                         .after = SLICE_LIT("{}"), .audit_after = SLICE_LIT("{}") };
        struct store_request r = { .verb = STORE_SETTINGS_CHANGE, .base_version = v, .settings_in = &row,
                                   .settings_in_len = 1, .who = SLICE_LIT("ann"), .from = SLICE_LIT("cli") };

        (void)snprintf(name, sizeof name, "%d", (int)v);
        CHECK_INT(call(t, &r), OK);
    }
    store_close(t->store);
    t->store = NULL;
}

static bool audit_holds(struct test_store *t)
{
    struct store_request r = { .verb = STORE_AUDIT, .limit = 10 };

    CHECK_INT(call(t, &r), OK);
    arena_release(&r.arena);
    return r.audit_is_whole;
}

static const struct { const char *name, *sql; } forgeries[] = {
    { "who", "UPDATE audit SET who = 'bob' WHERE id = 2" },
    { "when", "UPDATE audit SET at = at + 1 WHERE id = 2" },
    { "what", "UPDATE audit SET \"after\" = '{ }' WHERE id = 5" },
    { "none for empty", "UPDATE audit SET \"before\" = '' WHERE id = 3" },
    { "taken out", "DELETE FROM audit WHERE id = 3" },
    { "taken out and closed up", "DELETE FROM audit WHERE id = 3; UPDATE audit SET id = id - 1 WHERE id > 3" },
    { "the first gone", "DELETE FROM audit WHERE id = 1" },
    { "the last gone", "DELETE FROM audit WHERE id = 5" },
    { "all gone", "DELETE FROM audit" },
    { "one more", "INSERT INTO audit SELECT 6, at, who, source, action, kind, 'x', NULL, NULL, hash FROM audit "
                  "WHERE id = 5" },
    { "bytes moved between fields", "UPDATE audit SET who = 'annc', source = 'li' WHERE id = 2" },
};

TEST(forged_audit)
{
    for (size_t i = 0; i < COUNT_OF(forgeries); i++) {
        struct test_store t = test_store_new();

        add_settings(&t);
        raw(t.file, forgeries[i].sql);
        test_store_open(&t);
        CHECK_CASE(forgeries[i].name, !audit_holds(&t));
        test_store_end(&t);
    }
}

/* What is no change of settings is a link of the same chain. */
TEST(noted_in_the_audit)
{
    struct test_store t = test_store_new();
    const struct audit_row note = { .action = SLICE_LIT("publish"), .kind = SLICE_LIT("records"), .name = SLICE_LIT("a.example"),
                                    .after = SLICE_LIT("{\"changes\": []}") };
    struct store_request r = { .verb = STORE_AUDIT_NOTE, .note = &note, .who = SLICE_LIT("ann") };
    struct store_request list = { .verb = STORE_AUDIT, .limit = 10 };

    add_settings(&t);
    test_store_open(&t);
    CHECK_INT(call(&t, &r), OK);
    CHECK_INT(call(&t, &list), OK);
    CHECK(list.audit_is_whole && list.audit_len == 6);
    CHECK_STR(list.audit[5].action, "publish");
    CHECK_STR(list.audit[5].kind, "records");
    CHECK_STR(list.audit[5].name, "a.example");
    CHECK_STR(list.audit[5].who, "ann");
    CHECK_STR(list.audit[5].from, "");
    CHECK(list.audit[5].before.ptr == NULL && list.audit[5].after.len > 0 && list.audit[5].at_s > 0);
    arena_release(&list.arena);
    test_store_end(&t);
}

/* A forged row must not keep settings from being changed; it is found ever after. */
TEST(forged_audit_goes_on)
{
    struct test_store t = test_store_new();
    const struct setting_row row = { .kind = SLICE_LIT("host"), .name = SLICE_LIT("z"), .after = SLICE_LIT("{}") };
    struct store_request r = { .verb = STORE_SETTINGS_CHANGE, .base_version = 5, .settings_in = &row,
                               .settings_in_len = 1 };

    add_settings(&t);
    raw(t.file, "INSERT INTO audit SELECT 6, at, who, source, action, kind, 'x', NULL, NULL, hash FROM audit "
                "WHERE id = 5");
    test_store_open(&t);
    CHECK_INT(call(&t, &r), OK);
    CHECK(!audit_holds(&t));
    test_store_end(&t);
}

static const char *const steps[] = { "CREATE TABLE a (x); INSERT INTO a VALUES (1)", "CREATE TABLE b (x)" };
static const char *const bad_steps[] = { "CREATE TABLE a (x); INSERT INTO a VALUES (1)",
                                         "CREATE TABLE b (x); INSERT INTO nowhere VALUES (1)" };

static enum status migrate(struct test_store *t, const char *const *to, size_t len)
{
    sqlite3 *db;
    struct fault why;
    enum status st;

    CHECK_INT(sqlite3_open(t->file, &db), SQLITE_OK);
    st = sqlite_migrate(db, t->file, to, len, &why);
    CHECK_INT(sqlite3_close(db), SQLITE_OK);
    return st;
}

/* DUR-11/12: from an older version in whole steps; a step that fails leaves the version before it. */
TEST(migration)
{
    struct test_store t;

    test_store_prepare(&t);
    CHECK_INT(migrate(&t, steps, 1), OK);
    CHECK_INT(raw_number(t.file, "PRAGMA user_version"), 1);
    CHECK_INT(migrate(&t, bad_steps, 2), ERR_PERMANENT);
    CHECK_INT(raw_number(t.file, "PRAGMA user_version"), 1);
    CHECK_INT(raw_number(t.file, "SELECT count(*) FROM sqlite_schema"), 1);
    CHECK_INT(migrate(&t, steps, 2), OK);
    CHECK_INT(migrate(&t, steps, 2), OK);
    CHECK_INT(raw_number(t.file, "PRAGMA user_version"), 2);
    CHECK_INT(raw_number(t.file, "SELECT count(*) FROM a, sqlite_schema WHERE name = 'b'"), 1);
    CHECK_INT(migrate(&t, steps, 1), ERR_PERMANENT);
    test_store_end(&t);
}

/* The first schema, with mail in it, is brought up to date and loses none. */
TEST(migration_from_the_first)
{
    const struct sts_row row = { .domain = SLICE_LIT("a.example"), .text = SLICE_LIT("x") };
    struct test_store t = test_store_new();
    struct store_request r = { .verb = STORE_STS_SAVE, .sts_in = &row, .sts_in_len = 1 };

    fill(&t);
    raw(t.file, "DROP TABLE sts_policy; DROP TABLE report_count; DROP TABLE report; DROP TABLE own_policy; "
                "DROP TABLE alert; DROP TABLE watched; DROP TABLE certificate; DROP TABLE certificate_history; DROP TABLE plan; DROP TABLE received_report; DROP TABLE received_policy; DROP TABLE received_failure; "
                "DROP TABLE received_quota; PRAGMA user_version = 1");
    test_store_open(&t);
    CHECK_INT(stats_at(&t, 0).messages, 100);
    CHECK_INT(call(&t, &r), OK);
    test_store_end(&t);
}

RUN_TESTS(T(refused_and_untouched), T(bad_urls), T(file_is_private), T(second_open_is_refused),
          T(flipped_bit_in_content), T(damage_found_at_work), T(noted_in_the_audit), T(forged_audit), T(forged_audit_goes_on), T(migration),
          T(migration_from_the_first))
