/* The audit: rows chained by hash, so that a row changed, taken out or cut off is missed. */
#include "base/clock.h"
#include "base/memory.h"
#include "store/sqlite.h"

#include <sodium.h>
#include <stdio.h>

enum { HASH_TEXT = 2 * crypto_hash_sha256_BYTES + 1, AUDIT_MAX = 10000 };

static void hash_text(crypto_hash_sha256_state *h, struct slice s)
{
    char head[24];
    int len = s.ptr == NULL ? snprintf(head, sizeof head, "-,") : snprintf(head, sizeof head, "%zu:", s.len);

    crypto_hash_sha256_update(h, (const unsigned char *)head, (unsigned long long)len);
    if (s.ptr != NULL)
        crypto_hash_sha256_update(h, (const unsigned char *)s.ptr, s.len);
}

static void hash_number(crypto_hash_sha256_state *h, uint64_t number)
{
    char text[24];

    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    hash_text(h, slice_str(text));
}

/* Each field with its length in front, "-," where there is none: no two rows give the same bytes. */
static void hash_row(struct slice former, const struct audit_row *row, char out[static HASH_TEXT])
{
    const struct slice texts[] = { row->who, row->from, row->action, row->kind, row->name, row->before, row->after };
    unsigned char hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_state h;

    crypto_hash_sha256_init(&h);
    hash_text(&h, former);
    hash_number(&h, row->id);
    hash_number(&h, (uint64_t)row->at_s);
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        hash_text(&h, texts[i]);
    crypto_hash_sha256_final(&h, hash);
    sodium_bin2hex(out, HASH_TEXT, hash, sizeof hash);
}

/* Where the audit ends: the id and hash of its last row; 0 and "" before the first. */
struct audit_end {
    uint64_t id;
    char hash[HASH_TEXT];
};

static struct audit_end read_end(struct sqlite *b)
{
    static const char sql[] = "SELECT audit_id, audit_hash FROM settings_state";
    sqlite3_stmt *q = query(b, sql);
    struct audit_end end = { 0 };

    if (query_next(b, q)) {
        end.id = column_id(q, 0);
        (void)slice_to_cstr(column_bytes(q, 1), end.hash, sizeof end.hash);
    }
    query_end(q);
    return end;
}

static void write_end(struct sqlite *b, const struct audit_end *end)
{
    static const char sql[] = "UPDATE settings_state SET audit_id = ?1, audit_hash = ?2";
    sqlite3_stmt *q = query(b, sql);

    bind_id(q, 1, end->id);
    bind_text(q, 2, slice_str(end->hash));
    (void)query_run(b, q);
}

static void insert_row(struct sqlite *b, const struct audit_row *row)
{
    static const char sql[] = "INSERT INTO audit VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    sqlite3_stmt *q = query(b, sql);

    bind_id(q, 1, row->id);
    bind_int(q, 2, row->at_s);
    bind_text(q, 3, row->who);
    bind_text(q, 4, row->from);
    bind_text(q, 5, row->action);
    bind_text(q, 6, row->kind);
    bind_text(q, 7, row->name);
    bind_text_or_null(q, 8, row->before);
    bind_text_or_null(q, 9, row->after);
    bind_text(q, 10, row->hash);
    (void)query_run(b, q);
}

/* Rows behind the recorded end are a forgery. They stay, to be found, and must not keep the next row out. */
static uint64_t next_id(struct sqlite *b, const struct audit_end *end)
{
    static const char sql[] = "SELECT id FROM audit ORDER BY id DESC LIMIT 1";
    sqlite3_stmt *q = query(b, sql);
    uint64_t last = query_next(b, q) ? column_id(q, 0) : 0;

    query_end(q);
    return (last > end->id ? last : end->id) + 1;
}

static const char *action_of(const struct setting_row *row)
{
    if (row->before.ptr == NULL)
        return "create";
    return row->after.ptr == NULL ? "delete" : "change";
}

static struct slice or_empty(struct slice s)
{
    return s.ptr == NULL ? SLICE_LIT("") : s;
}

/* Everything but id and hash is filled in. */
static enum status append(struct sqlite *b, struct audit_row row)
{
    struct audit_end end = read_end(b);
    char hash[HASH_TEXT];

    row.id = next_id(b, &end);
    hash_row(slice_str(end.hash), &row, hash);
    row.hash = slice_str(hash);
    end.id = row.id;
    memcpy(end.hash, hash, sizeof end.hash);
    insert_row(b, &row);
    write_end(b, &end);
    return b->trouble;
}

enum status audit_add(struct sqlite *b, const struct store_request *r, const struct setting_row *row, int64_t at_s)
{
    const struct audit_row a = {
        .at_s = at_s,
        .who = or_empty(r->who),
        .from = or_empty(r->from),
        .action = slice_str(action_of(row)),
        .kind = row->kind,
        .name = row->name,
        .before = row->audit_before,
        .after = row->audit_after,
    };

    return append(b, a);
}

enum status sqlite_audit_note(struct sqlite *b, struct store_request *r)
{
    struct audit_row a = *r->note;

    a.at_s = clock_wall_s();
    a.who = or_empty(r->who);
    a.from = or_empty(r->from);
    return append(b, a);
}

static struct slice column_copy_or_null(struct arena *a, sqlite3_stmt *q, int at)
{
    if (sqlite3_column_type(q, at) == SQLITE_NULL)
        return (struct slice){ 0 };
    return column_copy(a, q, at);
}

static struct audit_row read_row(struct arena *arena, sqlite3_stmt *q)
{
    return (struct audit_row){
        .id = column_id(q, 0),
        .at_s = column_int(q, 1),
        .who = column_copy(arena, q, 2),
        .from = column_copy(arena, q, 3),
        .action = column_copy(arena, q, 4),
        .kind = column_copy(arena, q, 5),
        .name = column_copy(arena, q, 6),
        .before = column_copy_or_null(arena, q, 7),
        .after = column_copy_or_null(arena, q, 8),
        .hash = column_copy(arena, q, 9),
    };
}

/* The hash of the row before the page. */
static struct slice former_hash(struct sqlite *b, struct arena *arena, uint64_t id)
{
    static const char sql[] = "SELECT hash FROM audit WHERE id = ?1";
    sqlite3_stmt *q = query(b, sql);
    struct slice hash = SLICE_LIT("");

    bind_id(q, 1, id);
    if (query_next(b, q))
        hash = column_copy(arena, q, 0);
    query_end(q);
    return hash;
}

static bool page_is_whole(struct sqlite *b, struct store_request *r)
{
    struct slice former = former_hash(b, &r->arena, r->after_id);
    struct audit_end end = read_end(b);
    uint64_t last = r->after_id;
    char hash[HASH_TEXT];

    for (size_t i = 0; i < r->audit_len; i++) {
        hash_row(former, &r->audit[i], hash);
        if (r->audit[i].id != last + 1 || !slice_eq(r->audit[i].hash, slice_str(hash)))
            return false;
        former = r->audit[i].hash;
        last = r->audit[i].id;
    }
    /* A page that is not full reaches the end. */
    return r->audit_len == r->limit || r->after_id > end.id ||
           (last == end.id && slice_eq(former, slice_str(end.hash)));
}

enum status sqlite_audit(struct sqlite *b, struct store_request *r)
{
    static const char sql[] = "SELECT * FROM audit WHERE id > ?1 ORDER BY id LIMIT ?2";
    size_t limit = r->limit < AUDIT_MAX ? r->limit : AUDIT_MAX;
    struct audit_row *rows = ARENA_ARRAY(&r->arena, struct audit_row, limit);
    sqlite3_stmt *q = query(b, sql);

    bind_id(q, 1, r->after_id);
    bind_id(q, 2, limit);
    r->audit = rows;
    while (query_next(b, q))
        rows[r->audit_len++] = read_row(&r->arena, q);
    r->audit_is_whole = page_is_whole(b, r);
    return b->trouble;
}
