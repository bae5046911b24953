/* Reading the queue: list, find, stats. */
#include "base/clock.h"
#include "store/sqlite.h"

/* So many deliveries are looked at before other requests have their turn. */
enum { WALK_ROWS = 10000, LIST_MAX = 10000 };

bool filter_matches(const struct queue_filter *f, struct slice domain, struct slice sender)
{
    return (f->domain.len == 0 || slice_eq(f->domain, domain)) && (f->sender.len == 0 || slice_eq(f->sender, sender));
}

size_t walk_queue(struct sqlite *b, struct store_request *r, uint64_t ids[static WALK_IDS], size_t most, bool *is_end)
{
    static const char sql[] = "SELECT message, domain, sender FROM delivery WHERE message > ?1 ORDER BY message, idx";
    sqlite3_stmt *q = query(b, sql);
    size_t len = 0, rows = 0;
    uint64_t at = r->cursor;

    bind_id(q, 1, r->cursor);
    *is_end = true;
    while (query_next(b, q)) {
        uint64_t id = column_id(q, 0);

        /* Only between messages: a message is never taken apart. */
        if (id != at && (len == most || rows >= WALK_ROWS)) {
            *is_end = false;
            break;
        }
        at = id;
        rows++;
        if ((len == 0 || ids[len - 1] != id) && filter_matches(&r->filter, column_bytes(q, 1), column_bytes(q, 2)))
            ids[len++] = id;
    }
    query_end(q);
    r->cursor = at;
    return len;
}

static void read_whole(struct sqlite *b, struct store_request *r, uint64_t id, struct stored_message *out)
{
    if (!read_message(b, &r->arena, id, out))
        return;
    read_deliveries(b, &r->arena, out, -1);
    r->messages_len++;
}

enum status sqlite_list(struct sqlite *b, struct store_request *r)
{
    size_t limit = r->limit < LIST_MAX ? r->limit : LIST_MAX;
    struct stored_message *messages = (struct stored_message *)(uintptr_t)r->messages;
    uint64_t ids[WALK_IDS];
    size_t left, len;
    bool is_end;

    if (!r->is_unfinished) {
        r->messages = messages = ARENA_ARRAY(&r->arena, struct stored_message, limit);
        r->cursor = r->after_id;
    }
    left = limit - r->messages_len;
    len = walk_queue(b, r, ids, left < WALK_IDS ? left : WALK_IDS, &is_end);
    for (size_t i = 0; i < len; i++)
        read_whole(b, r, ids[i], &messages[r->messages_len]);
    r->is_unfinished = !is_end && r->messages_len < limit;
    return b->trouble;
}

enum status sqlite_find(struct sqlite *b, struct store_request *r)
{
    struct stored_message *m = ARENA_NEW(&r->arena, struct stored_message);

    r->messages = m;
    read_whole(b, r, r->id, m);
    read_traces(b, &r->arena, r->id, r);
    if (b->trouble == OK && r->messages_len == 0 && r->traces_len == 0)
        return fault_set(&r->why, ERR_NOT_FOUND, "no such message, and no trace of one");
    return b->trouble;
}

enum status sqlite_stats(struct sqlite *b, struct store_request *r)
{
    static const char due[] = "SELECT count(*) FROM delivery WHERE state = 0 AND due <= ?1";
    static const char oldest[] = "SELECT received FROM message ORDER BY id LIMIT 1";
    sqlite3_stmt *q = query(b, due);

    r->stats = b->counts;
    bind_int(q, 1, r->now_s == 0 ? clock_wall_s() : r->now_s);
    if (query_next(b, q))
        r->stats.due = column_id(q, 0);
    query_end(q);
    q = query(b, oldest);
    if (query_next(b, q))
        r->stats.oldest_received_s = column_id(q, 0);
    query_end(q);
    return b->trouble;
}
