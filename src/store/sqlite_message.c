/* Messages and their content: put, chunk, drop, load. */
#include "base/log.h"
#include "store/sqlite.h"

#include <assert.h>

static enum status insert_message(struct sqlite *b, const struct stored_message *m)
{
    static const char sql[] = "INSERT INTO message VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, "
                              "?14, ?15, ?16, ?17)";
    sqlite3_stmt *q = query(b, sql);

    bind_id(q, 1, m->id);
    bind_int(q, 2, m->received_s);
    bind_int(q, 3, m->origin);
    bind_id(q, 4, m->mail.size);
    bind_int(q, 5, m->mail.body);
    bind_int(q, 6, m->mail.ret);
    bind_int(q, 7, m->mail.is_utf8);
    bind_int(q, 8, m->mail.requires_tls);
    bind_int(q, 9, m->tls_required_no);
    bind_int(q, 10, m->chunks);
    bind_id(q, 11, checksum_of(m->body));
    bind_text(q, 12, m->mail.address);
    bind_text(q, 13, m->mail.envid);
    bind_text(q, 14, m->mail.auth);
    bind_text(q, 15, m->user);
    bind_text(q, 16, m->client);
    bind_blob(q, 17, m->body);
    return query_run(b, q);
}

static void insert_delivery(struct sqlite *b, const struct stored_message *m, const struct stored_rcpt *d,
                            bool is_claimed)
{
    static const char sql[] = "INSERT INTO delivery VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
    sqlite3_stmt *q = query(b, sql);

    bind_id(q, 1, m->id);
    bind_int(q, 2, d->index);
    bind_int(q, 3, (is_claimed ? STATE_CLAIMED : 0) | (d->is_held ? STATE_HELD : 0));
    bind_int(q, 4, d->due_s);
    bind_int(q, 5, d->attempts);
    bind_int(q, 6, d->delay_notified);
    bind_int(q, 7, d->rcpt.notify);
    bind_text(q, 8, d->domain);
    bind_text(q, 9, m->mail.address);
    bind_text(q, 10, d->rcpt.address);
    bind_text(q, 11, d->rcpt.orcpt);
    bind_text(q, 12, d->last_error);
    (void)query_run(b, q);
    count_delivery(b, d->is_held, d->attempts > 0, 1);
}

bool message_is_whole(struct sqlite *b, const struct stored_message *m)
{
    static const char sql[] = "SELECT count(*), max(no) FROM chunk WHERE message = ?1";
    sqlite3_stmt *q;
    bool is_whole;

    if (m->chunks == 0)
        return true;
    q = query(b, sql);
    bind_id(q, 1, m->id);
    is_whole = query_next(b, q) && column_int(q, 0) == m->chunks && column_int(q, 1) == (int64_t)m->chunks - 1;
    query_end(q);
    return is_whole;
}

enum status put_message(struct sqlite *b, const struct stored_message *m, bool is_claimed, struct fault *why)
{
    enum status st;

    assert(m->id != 0 && m->rcpts_len > 0 && m->body.len <= STORE_INLINE_MAX && (m->chunks == 0 || m->body.len == 0));
    if (!message_is_whole(b, m))
        return fault_set(why, ERR_NOT_FOUND, "the content of the message is not all there");
    st = insert_message(b, m);
    if (st != OK)
        return st == ERR_EXISTS ? fault_set(why, st, "there is a message of this id") : st;
    b->counts.messages++;
    /* The message was not there, so its deliveries are not either: these cannot fail alone. */
    for (size_t i = 0; i < m->rcpts_len; i++) {
        assert(i == 0 || m->rcpts[i].index > m->rcpts[i - 1].index);
        insert_delivery(b, m, &m->rcpts[i], is_claimed);
    }
    return b->trouble;
}

enum status sqlite_put(struct sqlite *b, struct store_request *r)
{
    enum status st = put_message(b, r->message, r->is_claimed, &r->why);

    if (st != OK)
        return st;
    suspect(b, r->message->id, SUSPECT_MESSAGE);
    return put_traces(b, r->message->id, r->traces_in, r->traces_in_len);
}

enum status sqlite_chunk(struct sqlite *b, struct store_request *r)
{
    static const char sql[] = "INSERT INTO chunk VALUES (?1, ?2, ?3, ?4)";
    sqlite3_stmt *q = query(b, sql);
    enum status st;

    assert(r->bytes.len <= STORE_CHUNK_MAX);
    bind_id(q, 1, r->id);
    bind_int(q, 2, r->chunk_no);
    bind_id(q, 3, checksum_of(r->bytes));
    bind_blob(q, 4, r->bytes);
    st = query_run(b, q);
    return st == ERR_EXISTS ? fault_set(&r->why, st, "the message has chunk %u already", r->chunk_no) : st;
}

/* Leaves the chunks of a message that did come. */
enum status sqlite_drop(struct sqlite *b, struct store_request *r)
{
    static const char sql[] = "DELETE FROM chunk WHERE message = ?1 AND NOT EXISTS (SELECT 1 FROM message "
                              "WHERE id = ?1)";
    sqlite3_stmt *q = query(b, sql);

    bind_id(q, 1, r->id);
    return query_run(b, q);
}

static enum status load(struct sqlite *b, struct store_request *r, sqlite3_stmt *q)
{
    char id[MESSAGE_ID_TEXT];
    uint64_t checksum;

    if (!query_next(b, q))
        return ERR_NOT_FOUND;
    checksum = column_id(q, 0);
    r->bytes = column_copy(&r->arena, q, 1);
    query_end(q);
    if (checksum_of(r->bytes) == checksum)
        return OK;
    log_error(NULL, "stored content is damaged", LOG_CSTR("id", message_id_text(r->id, id)),
              LOG_INT("chunk", r->chunk_no));
    return fault_set(&r->why, ERR_PERMANENT,
                     "the stored content of message %s is damaged: its checksum does not match", id);
}

enum status sqlite_load(struct sqlite *b, struct store_request *r)
{
    static const char body[] = "SELECT checksum, body FROM message WHERE id = ?1 AND chunks = 0";
    static const char chunk[] = "SELECT c.checksum, c.bytes FROM chunk c, message m WHERE m.id = ?1 AND c.message = "
                                "?1 AND c.no = ?2";
    enum status st = ERR_NOT_FOUND;
    sqlite3_stmt *q;

    if (r->chunk_no == 0) {
        q = query(b, body);
        bind_id(q, 1, r->id);
        st = load(b, r, q);
    }
    if (st == ERR_NOT_FOUND) {
        q = query(b, chunk);
        bind_id(q, 1, r->id);
        bind_int(q, 2, r->chunk_no);
        st = load(b, r, q);
    }
    return st == ERR_NOT_FOUND ? fault_set(&r->why, st, "no such message, or it has no such chunk") : st;
}
