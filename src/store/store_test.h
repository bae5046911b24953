/* store/store_test.h: how the tests of a store are written. The URL comes from STERNPOST_TEST_STORE, so that one
 * suite runs against every backend; by default it is a new SQLite file in a folder of its own. */
#ifndef STERNPOST_STORE_STORE_TEST_H
#define STERNPOST_STORE_STORE_TEST_H

#include "base/clock.h"
#include "base/test.h"
#include "store/store.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct test_store {
    char dir[64], file[80], url[96];
    struct store *store;
};

static inline void test_store_prepare(struct test_store *t)
{
    (void)snprintf(t->dir, sizeof t->dir, "/tmp/sternpost-store-XXXXXX");
    CHECK(mkdtemp(t->dir) != NULL);
    (void)snprintf(t->file, sizeof t->file, "%s/queue.db", t->dir);
    (void)snprintf(t->url, sizeof t->url, "sqlite:%s", t->file);
    t->store = NULL;
}

static inline void test_store_open(struct test_store *t)
{
    const struct store_config config = { .url = t->url };
    struct fault why;

    if (store_open(&config, &t->store, &why) != OK)
        fail_msg("%s", why.text);
}

static inline enum status test_store_try(struct test_store *t, struct fault *why)
{
    const struct store_config config = { .url = t->url };

    return store_open(&config, &t->store, why);
}

static inline void test_store_reopen(struct test_store *t)
{
    store_close(t->store);
    test_store_open(t);
}

static inline struct test_store test_store_new(void)
{
    struct test_store t;

    test_store_prepare(&t);
    test_store_open(&t);
    return t;
}

static inline void test_store_end(struct test_store *t)
{
    DIR *dir = opendir(t->dir);

    store_close(t->store);
    CHECK(dir != NULL);
    for (struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
        (void)unlinkat(dirfd(dir), e->d_name, 0);
    closedir(dir);
    CHECK_INT(rmdir(t->dir), 0);
}

static inline enum status call(struct test_store *t, struct store_request *r)
{
    return store_call(t->store, r);
}

/* A message with one recipient per domain given (up to 4, NULL ends), due at `due_s`. */
struct test_message {
    struct stored_message m;
    struct stored_rcpt rcpts[4];
};

static inline void test_message_init(struct test_message *t, uint64_t id, int64_t due_s, const char *const domains[4])
{
    *t = (struct test_message){ .m = { .id = id, .received_s = 1700000000, .origin = ORIGIN_MX } };
    t->m.mail.address = SLICE_LIT("ann@sender.example");
    t->m.mail.size = 5;
    t->m.client = SLICE_LIT("192.0.2.1");
    t->m.body = SLICE_LIT("hello");
    t->m.rcpts = t->rcpts;
    for (size_t i = 0; i < 4 && domains[i] != NULL; i++) {
        t->rcpts[i].index = (uint32_t)i;
        t->rcpts[i].rcpt.address = SLICE_LIT("bob@somewhere.example");
        t->rcpts[i].domain = slice_str(domains[i]);
        t->rcpts[i].due_s = due_s;
        t->m.rcpts_len++;
    }
}

static inline enum status put_simple(struct test_store *t, uint64_t id, int64_t due_s, const char *domain,
                                     bool is_claimed)
{
    const char *const domains[4] = { domain };
    struct test_message m;
    struct store_request r = { .verb = STORE_PUT, .message = &m.m, .is_claimed = is_claimed };

    test_message_init(&m, id, due_s, domains);
    (void)call(t, &r);
    arena_release(&r.arena);
    return r.status;
}

static inline enum status settle_simple(struct test_store *t, uint64_t id, struct delivery_change change)
{
    struct store_request r = { .verb = STORE_SETTLE, .id = id, .changes = &change, .changes_len = 1 };

    (void)call(t, &r);
    arena_release(&r.arena);
    return r.status;
}

static inline struct store_stats stats_at(struct test_store *t, int64_t now_s)
{
    struct store_request r = { .verb = STORE_STATS, .now_s = now_s };

    CHECK_INT(call(t, &r), OK);
    arena_release(&r.arena);
    return r.stats;
}

static inline bool is_there(struct test_store *t, uint64_t id)
{
    struct store_request r = { .verb = STORE_FIND, .id = id };
    bool found = call(t, &r) == OK && r.messages_len == 1;

    arena_release(&r.arena);
    return found;
}

#endif
