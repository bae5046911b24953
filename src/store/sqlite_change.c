/* What an administrator does to the queue: hold, release, retry, remove. */
#include "base/memory.h"
#include "store/sqlite.h"

struct row {
    uint32_t index;
    int state;
    bool was_tried;
};

struct change {
    struct sqlite *b;
    struct store_request *r;
    uint64_t id;
};

typedef void change_fn(struct change *c, const struct row *row);

static void set_state(struct change *c, const struct row *row, int state)
{
    static const char sql[] = "UPDATE delivery SET state = ?3 WHERE message = ?1 AND idx = ?2";
    sqlite3_stmt *q = query(c->b, sql);

    bind_id(q, 1, c->id);
    bind_int(q, 2, row->index);
    bind_int(q, 3, state);
    if (query_run(c->b, q) != OK)
        return;
    count_delivery(c->b, row->state & STATE_HELD, row->was_tried, -1);
    count_delivery(c->b, state & STATE_HELD, row->was_tried, 1);
    c->r->count++;
}

static void hold(struct change *c, const struct row *row)
{
    if (!(row->state & STATE_HELD))
        set_state(c, row, row->state | STATE_HELD);
}

static void release(struct change *c, const struct row *row)
{
    if (row->state & STATE_HELD)
        set_state(c, row, row->state & ~STATE_HELD);
}

static void retry(struct change *c, const struct row *row)
{
    static const char sql[] = "UPDATE delivery SET due = ?3 WHERE message = ?1 AND idx = ?2";
    sqlite3_stmt *q = query(c->b, sql);

    bind_id(q, 1, c->id);
    bind_int(q, 2, row->index);
    bind_int(q, 3, c->r->now_s);
    if (query_run(c->b, q) == OK)
        c->r->count++;
}

static void remove_row(struct change *c, const struct row *row)
{
    static const char sql[] = "DELETE FROM delivery WHERE message = ?1 AND idx = ?2";
    sqlite3_stmt *q = query(c->b, sql);

    bind_id(q, 1, c->id);
    bind_int(q, 2, row->index);
    if (query_run(c->b, q) != OK)
        return;
    count_delivery(c->b, row->state & STATE_HELD, row->was_tried, -1);
    c->r->count++;
}

static const struct {
    change_fn *run;
    bool spares_claimed;
} changes[] = {
    [QUEUE_HOLD] = { hold, false },
    [QUEUE_RELEASE] = { release, false },
    [QUEUE_RETRY] = { retry, true },
    [QUEUE_REMOVE] = { remove_row, true },
};

/* The deliveries of the message that the filter lets through; free the array. *others: it has more than these. */
static struct row *read_rows(struct change *c, size_t *len, bool *others)
{
    static const char sql[] = "SELECT idx, state, attempts, domain, sender FROM delivery WHERE message = ?1 "
                              "ORDER BY idx";
    static const struct queue_filter all;
    const struct queue_filter *filter = c->r->id != 0 ? &all : &c->r->filter;
    sqlite3_stmt *q = query(c->b, sql);
    struct row *rows = NULL;
    size_t cap = 0;

    *len = 0;
    *others = false;
    bind_id(q, 1, c->id);
    while (query_next(c->b, q)) {
        if (!filter_matches(filter, column_bytes(q, 3), column_bytes(q, 4))) {
            *others = true;
            continue;
        }
        rows = mem_grow(rows, *len, &cap, sizeof *rows);
        rows[(*len)++] = (struct row){ .index = (uint32_t)column_int(q, 0),
                                       .state = (int)column_int(q, 1),
                                       .was_tried = column_int(q, 2) > 0 };
    }
    return rows;
}

/* False: there is no such message. */
static bool change_message(struct sqlite *b, struct store_request *r, uint64_t id)
{
    struct change c = { .b = b, .r = r, .id = id };
    size_t len;
    bool others;
    struct row *rows = read_rows(&c, &len, &others);

    for (size_t i = 0; i < len && b->trouble == OK; i++) {
        if (changes[r->change].spares_claimed && rows[i].state & STATE_CLAIMED) {
            r->count_busy++;
            others = true;
        } else {
            changes[r->change].run(&c, &rows[i]);
        }
    }
    if (r->change == QUEUE_REMOVE && len > 0 && !others && b->trouble == OK)
        (void)remove_message(b, id);
    free(rows);
    return len > 0;
}

enum status sqlite_change(struct sqlite *b, struct store_request *r)
{
    uint64_t ids[WALK_IDS];
    size_t len;
    bool is_end;

    if (r->id != 0) {
        if (!change_message(b, r, r->id) && b->trouble == OK)
            return fault_set(&r->why, ERR_NOT_FOUND, "no such message in the queue");
        return b->trouble;
    }
    len = walk_queue(b, r, ids, WALK_IDS, &is_end);
    for (size_t i = 0; i < len; i++)
        (void)change_message(b, r, ids[i]);
    r->is_unfinished = !is_end;
    return b->trouble;
}
