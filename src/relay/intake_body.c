/* relay/intake_body.c: content, from DATA to the answer that takes over responsibility. */
#include "base/clock.h"
#include "base/memory.h"
#include "mail/received.h"
#include "relay/dispatcher.h"
#include "relay/intake_private.h"
#include "relay/metrics.h"
#include "relay/trace.h"

#include <stdlib.h>

/* -- life and death of a transaction --------------------------------------------------------------------------- */

static void transaction_free(struct transaction *t)
{
    message_release(t->message);
    mail_scan_free(t->scan);
    arena_release(&t->put.arena);
    free(t->rcpts);
    free(t);
}

struct chunk_write {
    struct store_request request; /* first */
    struct transaction  *transaction;
    struct buf           bytes;
};

/* A request of the transaction came home: true when it was the last one, and the transaction is gone. */
static bool came_home(struct transaction *t)
{
    if (--t->at_store > 0 || !t->is_dropped)
        return false;
    transaction_free(t);
    return true;
}

static void on_dropped(struct store_request *r)
{
    arena_release(&r->arena);
    free(r);
}

/* Chunks of a message that will not come. */
static void drop_chunks(struct transaction *t)
{
    struct store_request *r = NEW(struct store_request);

    r->verb = STORE_DROP;
    r->id = t->message->stored.id;
    worker_store(t->worker, r, on_dropped);
}

static void drop(struct transaction *t)
{
    if (t->chunks > 0)
        drop_chunks(t);
    t->session = NULL;
    t->is_dropped = true;
    if (t->at_store == 0)
        transaction_free(t);
}

void intake_reset(struct intake *s)
{
    struct transaction *t = s->transaction;

    s->is_paused = false;
    if (t != NULL && t->is_complete && t->at_store > 0)
        intake_abandon(s);
    else if (t != NULL)
        drop(t);
    s->transaction = NULL;
}

void intake_abandon(struct intake *s)
{
    struct transaction *t = s->transaction;

    s->transaction = NULL;
    if (t == NULL)
        return;
    if (t->is_complete)
        t->session = NULL; /* the store decides; if it keeps the message, it is ours (SRV-13) */
    else
        drop(t);
}

/* -- begin ------------------------------------------------------------------------------------------------------- */

static void answer(struct intake *s, int code, const char *enhanced, const char *text)
{
    struct smtp_reply r;

    smtp_reply_set(&r, code, enhanced, "%s", text);
    intake_answer(s, &r);
}

static struct received_tls tls_of(const struct tls_facts *f)
{
    return (struct received_tls){
        .version = slice_str(tls_version_name(f->version)),
        .cipher = slice_str(f->cipher),
        .bits = (unsigned)f->cipher_bits,
        .client_subject = slice_str(f->subject),
        .client_issuer = slice_str(f->issuer),
        .client_is_verified = f->verdict == CERT_TRUSTED,
    };
}

static void write_received(struct intake *s, struct transaction *t)
{
    char id[MESSAGE_ID_TEXT];
    struct received_tls tls = tls_of(intake_tls(s));
    struct received r = {
        .helo = slice_str(s->helo == NULL ? "" : s->helo),
        .client_ip = slice_str(s->peer_text),
        .by = s->worker->config->hostname,
        .id = slice_str(message_id_text(t->message->stored.id, id)),
        .rcpt = t->rcpts_len == 1 ? t->rcpts[0].rcpt.address : slice_of(NULL, 0),
        .tls = s->tls == NULL ? NULL : &tls,
        .is_esmtp = s->is_esmtp,
        .is_authenticated = s->user != NULL,
        .is_utf8 = t->message->stored.mail.is_utf8,
        .at_s = clock_wall_s(),
    };

    (void)!received_write(&r, &t->message->content);
}

void intake_on_body_begin(struct intake *s)
{
    struct transaction *t = s->transaction;

    t->message->stored.id = message_id_new();
    t->message->stored.received_s = clock_wall_s();
    t->scan = mail_scan_new();
    write_received(s, t);
    answer(s, 354, NULL, "go ahead");
}

static void put_message(struct transaction *t);

/* -- content ------------------------------------------------------------------------------------------------------ */

static void on_chunk_stored(struct store_request *r)
{
    struct chunk_write *w = CONTAINER_OF(r, struct chunk_write, request);
    struct transaction *t = w->transaction;
    enum status st = r->status;

    buf_release(&w->bytes);
    arena_release(&r->arena);
    free(w);
    if (st != OK)
        t->chunk_status = st;
    if (came_home(t))
        return;
    if (t->is_complete && t->at_store == 0) {
        put_message(t);
    } else if (t->session != NULL) {
        t->session->is_paused = false;
        intake_drive(t->session);
    }
}

/* Moves the content gathered so far to the store. */
static void send_chunk(struct transaction *t)
{
    struct chunk_write *w = NEW(struct chunk_write);

    w->transaction = t;
    w->bytes = t->message->content;
    buf_init(&t->message->content, t->message->content.max);
    w->request.verb = STORE_CHUNK;
    w->request.id = t->message->stored.id;
    w->request.chunk_no = t->chunks++;
    w->request.bytes = buf_slice(&w->bytes);
    t->bytes += w->bytes.len;
    t->at_store++;
    worker_store(t->worker, &w->request, on_chunk_stored);
}

static bool has_high_bit(struct slice s)
{
    uint64_t seen = 0, word;

    for (; s.len >= sizeof word; s = slice_from(s, sizeof word)) {
        memcpy(&word, s.ptr, sizeof word);
        seen |= word;
    }
    for (size_t i = 0; i < s.len; i++)
        seen |= (unsigned char)s.ptr[i];
    return (seen & 0x8080808080808080U) != 0;
}

void intake_on_body(struct intake *s, struct slice content)
{
    struct transaction *t = s->transaction;

    mail_scan_feed(t->scan, content);
    t->has_8bit = t->has_8bit || has_high_bit(content);
    while (content.len > 0) {
        struct slice part = slice_first(content, STORE_CHUNK_MAX - t->message->content.len);

        (void)!buf_add(&t->message->content, part);
        content = slice_from(content, part.len);
        if (t->message->content.len == STORE_CHUNK_MAX) {
            send_chunk(t);
            s->is_paused = true;
        }
    }
}

/* -- end ------------------------------------------------------------------------------------------------------------ */

static void fill_rcpts(struct transaction *t)
{
    struct stored_message *m = &t->message->stored;
    struct stored_rcpt *rcpts = ARENA_ARRAY(&t->message->arena, struct stored_rcpt, t->rcpts_len);

    for (size_t i = 0; i < t->rcpts_len; i++) {
        rcpts[i].index = (uint32_t)i;
        rcpts[i].rcpt = t->rcpts[i].rcpt;
        rcpts[i].domain = t->rcpts[i].address.domain;
        rcpts[i].due_s = m->received_s;
    }
    m->rcpts = rcpts;
    m->rcpts_len = t->rcpts_len;
}

static const enum message_origin origins[] = {
    [ROLE_MX] = ORIGIN_MX,
    [ROLE_SUBMISSION] = ORIGIN_SUBMISSION,
    [ROLE_RELAY] = ORIGIN_RELAY,
};

static void fill_message(struct intake *s, struct transaction *t)
{
    struct stored_message *m = &t->message->stored;
    struct arena *arena = &t->message->arena;

    m->origin = origins[s->listener->config->role];
    m->user = arena_copy(arena, slice_str(s->user == NULL ? "" : s->user));
    m->client = arena_copy(arena, slice_str(s->peer_text));
    m->tls_required_no = mail_scan_tls_required_no(t->scan);
    /* What it is, whatever MAIL said: the next server is asked for no more than is needed. */
    m->mail.body = t->has_8bit ? SMTP_BODY_8BITMIME : SMTP_BODY_7BIT;
    fill_rcpts(t);
    if (t->chunks > 0 || t->message->content.len > STORE_INLINE_MAX) {
        if (t->message->content.len > 0)
            send_chunk(t);
        m->chunks = t->chunks;
    } else {
        t->bytes = t->message->content.len;
        t->message->has_content = true;
        m->body = buf_slice(&t->message->content);
    }
    m->mail.size = t->bytes;
}

static json_t *rcpts_json(const struct transaction *t)
{
    json_t *list = json_array();

    for (size_t i = 0; i < t->rcpts_len; i++)
        (void)json_array_append_new(list, trace_string(t->rcpts[i].rcpt.address));
    return list;
}

static void add_trace(struct intake *s, struct transaction *t)
{
    const struct stored_message *m = &t->message->stored;
    struct trace trace;
    json_t *facts = json_object();

    trace_init(&trace, &t->put.arena);
    (void)json_object_set_new(facts, "listener", json_string(s->listener->config->name));
    (void)json_object_set_new(facts, "client", json_string(s->peer_text));
    if (s->helo != NULL)
        (void)json_object_set_new(facts, "helo", trace_string(slice_str(s->helo)));
    if (s->user != NULL)
        (void)json_object_set_new(facts, "user", trace_string(slice_str(s->user)));
    (void)json_object_set_new(facts, "sender", trace_string(m->mail.address));
    (void)json_object_set_new(facts, "recipients", rcpts_json(t));
    (void)json_object_set_new(facts, "size", json_integer((json_int_t)m->mail.size));
    (void)json_object_set_new(facts, "tls", trace_tls(intake_tls(s)));
    trace_add(&trace, "received",
              arena_printf(&t->put.arena, "received from %s %s, %zu recipient%s, %llu bytes", s->peer_text,
                           s->tls == NULL ? "in clear" : tls_version_name(s->tls->version), t->rcpts_len,
                           t->rcpts_len == 1 ? "" : "s", (unsigned long long)m->mail.size),
              facts);
    t->put.traces_in = trace.events;
    t->put.traces_in_len = trace.len;
}

static void log_accepted(struct intake *s, const struct stored_message *m)
{
    char id[MESSAGE_ID_TEXT];

    log_info(&s->log, "message accepted", LOG_CSTR("id", message_id_text(m->id, id)),
             LOG_STR("from", m->mail.address), LOG_STR("to", m->rcpts[0].rcpt.address),
             LOG_INT("recipients", m->rcpts_len), LOG_INT("size", m->mail.size),
             LOG_CSTR("tls", s->tls == NULL ? "none" : tls_version_name(s->tls->version)));
}

/* The message is on disk, and ours from here on. */
static void accept_message(struct transaction *t)
{
    const struct stored_message *m = &t->message->stored;
    struct intake *s = t->session;

    metric_add(METRIC_MESSAGES_IN, 1);
    metric_add(METRIC_BYTES_IN, (int64_t)m->mail.size);
    if (t->put.is_claimed)
        dispatcher_add(t->worker->dispatcher, t->message);
    if (s != NULL) {
        char id[MESSAGE_ID_TEXT];
        struct smtp_reply r;

        log_accepted(s, m);
        s->messages++;
        smtp_reply_set(&r, 250, "2.0.0", "Ok: queued as %s", message_id_text(m->id, id));
        s->transaction = NULL;
        intake_answer(s, &r);
    }
    transaction_free(t);
}

static void refuse_message(struct transaction *t, enum status st, const char *why)
{
    struct intake *s = t->session;

    metric_add(st == ERR_FULL ? METRIC_STORE_FULL : METRIC_MESSAGES_REFUSED, 1);
    if (s == NULL) {
        drop(t);
        return;
    }
    log_warning(&s->log, "message could not be kept", LOG_CSTR("why", why));
    intake_reset(s);
    if (st == ERR_FULL)
        answer(s, 452, "4.3.1", "not enough space to keep the message, please try again later");
    else
        answer(s, 451, "4.3.0", "the message could not be kept, please try again later");
}

static void on_put(struct store_request *r)
{
    struct transaction *t = CONTAINER_OF(r, struct transaction, put);

    if (came_home(t))
        return;
    if (r->status == OK)
        accept_message(t);
    else
        refuse_message(t, r->status, r->why.text);
}

/* Every chunk is in the store by now, or failed. */
static void put_message(struct transaction *t)
{
    if (t->chunk_status != OK) {
        refuse_message(t, t->chunk_status, "a part of it could not be written");
        return;
    }
    t->put.verb = STORE_PUT;
    t->put.message = &t->message->stored;
    t->put.is_claimed = dispatcher_has_room(t->worker->dispatcher, t->rcpts_len);
    t->at_store++;
    worker_store(t->worker, &t->put, on_put);
}

static void refuse_loop(struct intake *s)
{
    metric_add(METRIC_LOOPS, 1);
    log_warning(&s->log, "mail loop", LOG_INT("received_fields", mail_scan_received(s->transaction->scan)));
    intake_reset(s);
    answer(s, 554, "5.4.6", "too many hops: this message is going in circles");
}

static void refuse_header(struct intake *s)
{
    metric_add(METRIC_MESSAGES_REFUSED, 1);
    intake_reset(s);
    answer(s, 554, "5.6.0", "the header section is too long");
}

void intake_on_body_end(struct intake *s)
{
    struct transaction *t = s->transaction;

    mail_scan_end(t->scan);
    if (mail_scan_is_too_long(t->scan)) {
        refuse_header(s);
        return;
    }
    if (mail_scan_received(t->scan) > s->worker->config->limits.received_headers) {
        refuse_loop(s);
        return;
    }
    fill_message(s, t);
    add_trace(s, t);
    t->is_complete = true;
    if (t->at_store == 0)
        put_message(t);
}
