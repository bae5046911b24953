/* The outcome of an attempt. */
#include "base/memory.h"
#include "store/sqlite.h"

struct old_delivery {
    uint32_t index;
    bool is_held, was_tried;
};

/* The deliveries the message still has; free the array. */
static struct old_delivery *read_old(struct sqlite *b, uint64_t id, size_t *len)
{
    static const char sql[] = "SELECT idx, state, attempts FROM delivery WHERE message = ?1 ORDER BY idx";
    sqlite3_stmt *q = query(b, sql);
    struct old_delivery *old = NULL;
    size_t cap = 0;

    *len = 0;
    bind_id(q, 1, id);
    while (query_next(b, q)) {
        old = mem_grow(old, *len, &cap, sizeof *old);
        old[(*len)++] = (struct old_delivery){
            .index = (uint32_t)column_int(q, 0),
            .is_held = column_int(q, 1) & STATE_HELD,
            .was_tried = column_int(q, 2) > 0,
        };
    }
    return old;
}

static int compare_index(const void *key, const void *item)
{
    uint32_t a = *(const uint32_t *)key, b = ((const struct old_delivery *)item)->index;

    return a < b ? -1 : a > b;
}

static const struct old_delivery *find_old(const struct old_delivery *old, size_t len, uint32_t index)
{
    return len == 0 ? NULL : bsearch(&index, old, len, sizeof *old, compare_index);
}

static void delete_delivery(struct sqlite *b, uint64_t id, uint32_t index)
{
    static const char sql[] = "DELETE FROM delivery WHERE message = ?1 AND idx = ?2";
    sqlite3_stmt *q = query(b, sql);

    bind_id(q, 1, id);
    bind_int(q, 2, index);
    (void)query_run(b, q);
}

/* What was put on hold during the attempt stays there. */
static void defer_delivery(struct sqlite *b, uint64_t id, const struct delivery_change *c, bool is_held)
{
    static const char sql[] = "UPDATE delivery SET state = ?3, due = ?4, attempts = ?5, delay_notified = ?6, "
                              "last_error = ?7 WHERE message = ?1 AND idx = ?2";
    sqlite3_stmt *q = query(b, sql);

    bind_id(q, 1, id);
    bind_int(q, 2, c->index);
    bind_int(q, 3, is_held ? STATE_HELD : STATE_WAITING);
    bind_int(q, 4, c->due_s);
    bind_int(q, 5, c->attempts);
    bind_int(q, 6, c->delay_notified);
    bind_text(q, 7, c->last_error);
    (void)query_run(b, q);
    count_delivery(b, is_held, c->attempts > 0, 1);
}

/* Returns how many deliveries are done. A change of a delivery that is gone changes nothing. */
static size_t apply(struct sqlite *b, struct store_request *r, const struct old_delivery *old, size_t old_len)
{
    size_t done = 0;

    for (size_t i = 0; i < r->changes_len; i++) {
        const struct delivery_change *c = &r->changes[i];
        const struct old_delivery *was = find_old(old, old_len, c->index);

        if (was == NULL)
            continue;
        count_delivery(b, was->is_held, was->was_tried, -1);
        if (c->outcome == DELIVERY_DONE)
            done++;
        else
            defer_delivery(b, r->id, c, was->is_held || c->outcome == DELIVERY_HELD);
    }
    return done;
}

static enum status remove_done(struct sqlite *b, struct store_request *r, bool all_done)
{
    if (all_done)
        return remove_message(b, r->id);
    for (size_t i = 0; i < r->changes_len; i++)
        if (r->changes[i].outcome == DELIVERY_DONE)
            delete_delivery(b, r->id, r->changes[i].index);
    return b->trouble;
}

enum status put_dsns(struct sqlite *b, struct store_request *r)
{
    for (size_t i = 0; i < r->dsns_len; i++) {
        enum status st = put_message(b, &r->dsns[i], false, &r->why);

        if (st != OK && st != ERR_EXISTS)
            return st;
    }
    return OK;
}

bool dsns_are_whole(struct sqlite *b, const struct store_request *r)
{
    for (size_t i = 0; i < r->dsns_len; i++)
        if (!message_is_whole(b, &r->dsns[i]))
            return false;
    return true;
}

enum status sqlite_settle(struct sqlite *b, struct store_request *r)
{
    size_t len, done;
    struct old_delivery *old = read_old(b, r->id, &len);
    enum status st = b->trouble;

    if (st == OK && len == 0)
        st = fault_set(&r->why, ERR_NOT_FOUND, "the message was removed meanwhile");
    if (st == OK && !dsns_are_whole(b, r))
        st = fault_set(&r->why, ERR_NOT_FOUND, "the content of a bounce is not all there");
    if (st == OK) {
        done = apply(b, r, old, len);
        st = remove_done(b, r, done == len);
    }
    if (st == OK)
        st = put_dsns(b, r);
    if (st == OK)
        st = put_traces(b, r->id, r->traces_in, r->traces_in_len);
    free(old);
    return st;
}
