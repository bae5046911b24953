/* relay/delivery_send.c: one transaction: may this server have the message, and then envelope, content and answers. */
#include "base/memory.h"
#include "base/utf8.h"
#include "relay/delivery_private.h"
#include "relay/metrics.h"

#include <assert.h>

/* -- may this server have it? ------------------------------------------------------------------------------------- */

static bool has_utf8_address(const struct delivery *d)
{
    if (!utf8_is_ascii(d->job->message->stored.mail.address))
        return true;
    for (size_t i = 0; i < d->job->rcpts_len; i++)
        if (!utf8_is_ascii(d->job->rcpts[i].rcpt.address))
            return true;
    return false;
}

struct refusal {
    const char *status, *text;
};

static const struct refusal *unfit(const struct delivery *d)
{
    static const struct refusal too_big = { "5.3.4", "the message is larger than the server accepts" };
    static const struct refusal eight_bit = { "5.6.3", "the message has 8-bit content, and the server lacks 8BITMIME" };
    static const struct refusal utf8_address = { "5.6.7", "an address is internationalized, and the server lacks SMTPUTF8" };
    static const struct refusal utf8_header = { "5.6.9", "its header is internationalized, and the server lacks SMTPUTF8" };
    const struct smtp_mail *mail = &d->job->message->stored.mail;
    unsigned ext = connection_extensions(d->connection);
    uint64_t limit = connection_size_limit(d->connection);

    if (limit > 0 && mail->size > limit)
        return &too_big;
    if (mail->is_utf8 && !(ext & SMTP_EXT_SMTPUTF8))
        return has_utf8_address(d) ? &utf8_address : &utf8_header;
    if (mail->body == SMTP_BODY_8BITMIME && !(ext & SMTP_EXT_8BITMIME))
        return &eight_bit;
    return NULL;
}

/* -- envelope --------------------------------------------------------------------------------------------------------- */

void delivery_send(struct delivery *d)
{
    const struct refusal *refusal = unfit(d);
    struct smtp_transaction *t = ARENA_NEW(&d->arena, struct smtp_transaction);

    if (refusal != NULL) {
        delivery_record(d, "unfit", slice_str(refusal->text), d->connection, NULL);
        d->failures.last = (struct connection_failure){ 0 }; /* nobody's words, but ours */
        delivery_fail_all(d, RCPT_PERMANENT, refusal->status, slice_str(refusal->text));
        return;
    }
    d->rcpts = ARENA_ARRAY(&d->arena, struct smtp_rcpt, d->job->rcpts_len);
    for (size_t i = 0; i < d->job->rcpts_len; i++) {
        d->rcpts[i] = d->job->rcpts[i].rcpt;
        d->outcomes[i] = (struct rcpt_outcome){ 0 };
    }
    d->chunk = 0;
    t->mail = d->job->message->stored.mail;
    t->rcpts = d->rcpts;
    t->rcpts_len = d->job->rcpts_len;
    connection_send(d->connection, t);
}

/* -- content ------------------------------------------------------------------------------------------------------------ */

static void on_loaded(struct store_request *r);

static void load_next(struct delivery *d)
{
    arena_release(&d->load.arena);
    d->load = (struct store_request){ .verb = STORE_LOAD, .id = d->job->message->stored.id, .chunk_no = d->chunk };
    d->is_loading = true;
    worker_store(d->worker, &d->load, on_loaded);
}

/* Content that cannot be read is not sent by halves: the connection goes, and damaged content is held for a person. */
static void content_lost(struct delivery *d, enum status st, const char *why)
{
    struct connection *c = d->connection;

    d->connection = NULL;
    connection_drop(c);
    d->is_damaged = st == ERR_PERMANENT;
    log_error(NULL, "content of a message cannot be read", LOG_CSTR("why", why), LOG_CSTR("status", status_name(st)));
    delivery_fail_all(d, RCPT_TEMPORARY, "4.3.0", arena_printf(&d->arena, "the content could not be read: %s", why));
}

/* The connection may want the next chunk before this returns, so the request must be free for it. */
static void send_chunk(struct delivery *d)
{
    struct slice bytes = d->load.bytes;
    struct arena holder = d->load.arena;

    d->load.arena = (struct arena){ 0 };
    d->chunk++;
    connection_body(d->connection, bytes, d->chunk >= d->job->message->stored.chunks);
    arena_release(&holder);
}

static void on_loaded(struct store_request *r)
{
    struct delivery *d = CONTAINER_OF(r, struct delivery, load);

    d->is_loading = false;
    if (d->worker->is_over) {
        delivery_cut_off(d);
    } else if (d->is_settling) {
        delivery_settle(d);
    } else if (d->lost_while_loading) {
        d->lost_while_loading = false;
        delivery_after_failure(d);
    } else if (r->status != OK) {
        content_lost(d, r->status, r->why.text);
    } else {
        send_chunk(d);
    }
}

static void send_content(struct delivery *d)
{
    const struct message *m = d->job->message;

    if (m->stored.origin == ORIGIN_REPORT && d->host != NULL)
        node_expect_report_event(d->worker->node, d->job->rcpts[0].domain);
    if (m->has_content)
        connection_body(d->connection, buf_slice(&m->content), true);
    else
        load_next(d);
}

/* -- answers -------------------------------------------------------------------------------------------------------------- */

static enum rcpt_state state_of(const struct smtp_reply *reply)
{
    if (smtp_reply_is_ok(reply))
        return RCPT_DELIVERED;
    return smtp_reply_is_permanent(reply) ? RCPT_PERMANENT : RCPT_TEMPORARY;
}

static void set_outcome(struct delivery *d, struct rcpt_outcome *o, enum rcpt_state state, const struct smtp_reply *reply,
                        enum smtp_stage stage)
{
    static const char *const generic[] = {
        [RCPT_PENDING] = "",          [RCPT_ACCEPTED] = "",       [RCPT_DELIVERED] = "2.0.0",
        [RCPT_TEMPORARY] = "4.0.0",   [RCPT_PERMANENT] = "5.0.0",
    };
    struct slice server = connection_server(d->connection);

    o->state = state;
    o->reply = *reply;
    o->server = arena_copy(&d->arena, server);
    (void)slice_to_cstr(slice_str(reply->enhanced[0] != '\0' ? reply->enhanced : generic[state]), o->status,
                        sizeof o->status);
    o->why = arena_printf(&d->arena, "'%.*s' said in reply to %s: %d %s%s%s", SLICE_FMT(server), smtp_stage_name(stage),
                          reply->code, reply->enhanced, reply->enhanced[0] != '\0' ? " " : "", reply->text);
    o->is_relayed = !(connection_extensions(d->connection) & SMTP_EXT_DSN);
}

static void on_rcpt(struct delivery *d, const struct smtp_client_event *ev)
{
    struct rcpt_outcome *o;

    assert(ev->index < d->job->rcpts_len);
    o = &d->outcomes[ev->index];
    if (smtp_reply_is_ok(&ev->reply))
        o->state = RCPT_ACCEPTED;
    else
        set_outcome(d, o, state_of(&ev->reply), &ev->reply, SMTP_AT_RCPT);
}

static void trace_done(struct delivery *d, const struct smtp_client_event *ev)
{
    struct connection_failure f = { .cause = FAILURE_REPLY, .reply = ev->reply };
    struct slice server = connection_server(d->connection);
    const struct tls_facts *tls = connection_tls(d->connection);
    bool is_ok = smtp_reply_is_ok(&ev->reply) && ev->stage == SMTP_AT_END;

    delivery_record(d, is_ok ? "delivered" : "refused",
                    arena_printf(&d->arena, "%s%s '%.*s' over %s: %d %s", d->on_alternate ? "alternate route: " : "",
                                 is_ok ? "given to" : "refused by", SLICE_FMT(server),
                                 tls->is_tls ? tls_version_name(tls->version) : "clear text", ev->reply.code,
                                 ev->reply.text),
                    d->connection, &f);
}

static void on_done(struct delivery *d, const struct smtp_client_event *ev)
{
    trace_done(d, ev);
    d->delivered_over = connection_tls(d->connection)->version;
    d->delivered_level = connection_decision(d->connection)->level;
    for (size_t i = 0; i < d->job->rcpts_len; i++) {
        struct rcpt_outcome *o = &d->outcomes[i];
        bool is_open = o->state == RCPT_ACCEPTED || o->state == RCPT_PENDING;
        /* A 2xx that is not the answer to end of data delivers nothing. */
        bool delivers = ev->stage == SMTP_AT_END || !smtp_reply_is_ok(&ev->reply);

        if (is_open)
            set_outcome(d, o, delivers ? state_of(&ev->reply) : RCPT_TEMPORARY, &ev->reply, ev->stage);
    }
    delivery_finish(d, JOB_SERVED);
}

void delivery_on_transaction(struct delivery *d, enum connection_event kind, const struct smtp_client_event *ev)
{
    switch (kind) {
    case CONNECTION_RCPT:
        on_rcpt(d, ev);
        return;
    case CONNECTION_BODY:
        send_content(d);
        return;
    case CONNECTION_DRAINED:
        load_next(d);
        return;
    case CONNECTION_DONE:
        on_done(d, ev);
        return;
    case CONNECTION_READY:
    case CONNECTION_FAILED:
        return;
    }
}
