/* Traces: lines of "<ms since 1970> <JSON object>", one row for what one request brings. */
#include "base/clock.h"
#include "store/sqlite.h"

#include <assert.h>

static void add_line(struct buf *text, const struct stored_trace *t)
{
    bool fits;

    assert(t->at_ms >= 0 && slice_find(t->json, '\n') == SIZE_MAX);
    fits = buf_addf(text, "%lld ", (long long)t->at_ms) == OK && buf_add(text, t->json) == OK &&
           buf_add(text, SLICE_LIT("\n")) == OK;
    assert(fits);
    (void)fits;
}

enum status put_traces(struct sqlite *b, uint64_t id, const struct stored_trace *traces, size_t len)
{
    static const char sql[] = "INSERT INTO trace VALUES (?1, ?2, ?3)";
    uint64_t now_us = (uint64_t)clock_wall_ms() * 1000;
    sqlite3_stmt *q;

    if (len == 0)
        return b->trouble;
    buf_reset(&b->text);
    for (size_t i = 0; i < len; i++)
        add_line(&b->text, &traces[i]);
    b->trace_seq = now_us > b->trace_seq ? now_us : b->trace_seq + 1;
    q = query(b, sql);
    bind_id(q, 1, id);
    bind_id(q, 2, b->trace_seq);
    bind_text(q, 3, buf_slice(&b->text));
    return query_run(b, q);
}

static size_t count_lines(struct slice text)
{
    size_t lines = 0;

    for (size_t i = 0; i < text.len; i++)
        lines += text.ptr[i] == '\n';
    return lines;
}

static void parse_line(struct slice line, struct stored_trace *out)
{
    uint64_t at_ms = 0;
    struct slice json, number = slice_cut(line, ' ', &json);

    (void)slice_to_u64(number, &at_ms);
    *out = (struct stored_trace){ .at_ms = (int64_t)at_ms, .json = json };
}

void read_traces(struct sqlite *b, struct arena *arena, uint64_t id, struct store_request *r)
{
    static const char sql[] = "SELECT lines FROM trace WHERE message = ?1 ORDER BY seq";
    sqlite3_stmt *q = query(b, sql);
    struct stored_trace *traces;
    struct slice text;
    size_t len;

    buf_reset(&b->text);
    bind_id(q, 1, id);
    while (query_next(b, q))
        if (buf_add(&b->text, column_bytes(q, 0)) != OK)
            break;
    query_end(q);
    text = arena_copy(arena, buf_slice(&b->text));
    len = count_lines(text);
    traces = ARENA_ARRAY(arena, struct stored_trace, len);
    for (size_t i = 0; i < len; i++)
        parse_line(slice_cut(text, '\n', &text), &traces[i]);
    r->traces = traces;
    r->traces_len = len;
}

/* Ids carry their time, so what is old lies at the left edge of the table. */
enum status sqlite_trim(struct sqlite *b, struct store_request *r)
{
    static const char sql[] = "DELETE FROM trace WHERE (message, seq) IN (SELECT message, seq FROM trace t WHERE "
                              "message < ?1 AND NOT EXISTS (SELECT 1 FROM message WHERE id = t.message) "
                              "ORDER BY message, seq LIMIT ?2)";
    sqlite3_stmt *q = query(b, sql);

    bind_id(q, 1, r->before_s <= 0 ? 0 : (uint64_t)r->before_s * 1000 << 20);
    bind_id(q, 2, r->limit);
    if (query_run(b, q) == OK)
        r->count = (uint64_t)sqlite3_changes64(b->db);
    return b->trouble;
}
