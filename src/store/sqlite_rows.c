#include "base/memory.h"
#include "base/siphash.h"
#include "store/sqlite.h"

/* A fixed key: this guards against bits that flip, not against people. */
uint64_t checksum_of(struct slice bytes)
{
    static const uint64_t key[2] = { 0x7374657270657374U, 0x626f647920636865U };

    return siphash(key, bytes);
}

bool read_message(struct sqlite *b, struct arena *arena, uint64_t id, struct stored_message *m)
{
    static const char sql[] = "SELECT received, origin, size, body_type, ret, is_utf8, requires_tls, tls_required_no, "
                              "chunks, sender, envid, auth, user, client FROM message WHERE id = ?1";
    sqlite3_stmt *q = query(b, sql);

    bind_id(q, 1, id);
    if (!query_next(b, q))
        return false;
    *m = (struct stored_message){
        .id = id,
        .received_s = column_int(q, 0),
        .origin = (enum message_origin)column_int(q, 1),
        .mail = {
            .size = column_id(q, 2),
            .body = (enum smtp_body)column_int(q, 3),
            .ret = (enum smtp_ret)column_int(q, 4),
            .is_utf8 = column_int(q, 5) != 0,
            .requires_tls = column_int(q, 6) != 0,
            .address = column_copy(arena, q, 9),
            .envid = column_copy(arena, q, 10),
            .auth = column_copy(arena, q, 11),
        },
        .tls_required_no = column_int(q, 7) != 0,
        .chunks = (uint32_t)column_int(q, 8),
        .user = column_copy(arena, q, 12),
        .client = column_copy(arena, q, 13),
    };
    query_end(q);
    return true;
}

static struct stored_rcpt read_delivery(struct arena *arena, sqlite3_stmt *q)
{
    return (struct stored_rcpt){
        .index = (uint32_t)column_int(q, 0),
        .is_held = column_int(q, 1) & STATE_HELD,
        .due_s = column_int(q, 2),
        .attempts = (uint32_t)column_int(q, 3),
        .delay_notified = column_int(q, 4) != 0,
        .rcpt = {
            .notify = (unsigned)column_int(q, 5),
            .address = column_copy(arena, q, 7),
            .orcpt = column_copy(arena, q, 8),
        },
        .domain = column_copy(arena, q, 6),
        .last_error = column_copy(arena, q, 9),
    };
}

void *rows_keep(struct arena *arena, void *rows, size_t len, size_t size)
{
    void *kept = arena_alloc(arena, len * size);

    if (len > 0)
        memcpy(kept, rows, len * size);
    free(rows);
    return kept;
}

void read_deliveries(struct sqlite *b, struct arena *arena, struct stored_message *m, int64_t due_by_s)
{
    static const char all[] = "SELECT idx, state, due, attempts, delay_notified, notify, domain, address, orcpt, "
                              "last_error FROM delivery WHERE message = ?1 ORDER BY idx";
    static const char waiting[] = "SELECT idx, state, due, attempts, delay_notified, notify, domain, address, orcpt, "
                                  "last_error FROM delivery WHERE message = ?1 AND state + 0 = 0 AND due <= ?2 "
                                  "ORDER BY idx";
    sqlite3_stmt *q = query(b, due_by_s < 0 ? all : waiting);
    struct stored_rcpt *found = NULL;
    size_t len = 0, cap = 0;

    bind_id(q, 1, m->id);
    if (due_by_s >= 0)
        bind_int(q, 2, due_by_s);
    while (query_next(b, q)) {
        found = mem_grow(found, len, &cap, sizeof *found);
        found[len++] = read_delivery(arena, q);
    }
    m->rcpts = rows_keep(arena, found, len, sizeof *found);
    m->rcpts_len = len;
}

void count_delivery(struct sqlite *b, bool is_held, bool was_tried, int by)
{
    uint64_t one = (uint64_t)(int64_t)by;

    b->counts.deliveries += one;
    if (is_held)
        b->counts.held += one;
    else if (was_tried)
        b->counts.deferred += one;
}

void suspect(struct sqlite *b, uint64_t id, enum suspect_kind kind)
{
    b->suspects = mem_grow(b->suspects, b->suspects_len, &b->suspects_cap, sizeof *b->suspects);
    b->suspects[b->suspects_len++] = (struct suspect){ .id = id, .kind = kind };
}

static void remove_rows(struct sqlite *b, const char *sql, uint64_t id)
{
    sqlite3_stmt *q = query(b, sql);

    bind_id(q, 1, id);
    (void)query_run(b, q);
}

/* Most messages have no chunks: the other table is then left alone. */
static bool has_chunks(struct sqlite *b, uint64_t id)
{
    static const char sql[] = "SELECT 1 FROM message WHERE id = ?1 AND chunks > 0";
    sqlite3_stmt *q = query(b, sql);
    bool is_so;

    bind_id(q, 1, id);
    is_so = query_next(b, q);
    query_end(q);
    return is_so;
}

enum status remove_message(struct sqlite *b, uint64_t id)
{
    static const char message[] = "DELETE FROM message WHERE id = ?1";
    static const char chunks[] = "DELETE FROM chunk WHERE message = ?1";
    static const char deliveries[] = "DELETE FROM delivery WHERE message = ?1";

    if (has_chunks(b, id))
        remove_rows(b, chunks, id);
    remove_rows(b, deliveries, id);
    remove_rows(b, message, id);
    if (b->trouble == OK)
        b->counts.messages--;
    return b->trouble;
}
