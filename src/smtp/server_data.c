#include "smtp/server_private.h"

void on_data(struct smtp_server *s, struct slice arg __attribute__((unused)))
{
    if (s->tx.rcpts == 0)
        reply(s, 554, "5.5.1", "No valid recipients");
    else
        ask(s, SMTP_SV_BODY_BEGIN);
}

static void refuse_body(struct smtp_server *s, const struct smtp_reply *r)
{
    bool has_chunk = s->tx.is_chunked;

    reply_with(s, r);
    reset_transaction(s);
    if (has_chunk)
        discard_chunk_then(s, STATE_GREETED);
}

void answer_body_begin(struct smtp_server *s, const struct smtp_reply *r)
{
    if (!smtp_reply_is_ok(r) && r->code != 354) {
        refuse_body(s, r);
        return;
    }
    smtp_body_start(&s->tx.body, !s->tx.is_chunked, s->config.normalizes_newlines);
    if (s->tx.is_chunked) {
        begin_chunk(s);
    } else {
        say(s, 354, "", "End data with <CR><LF>.<CR><LF>");
        enter_state(s, STATE_DATA);
    }
}

static bool exceeds_limit(const struct smtp_server *s)
{
    return s->config.max_message_bytes > 0 && s->tx.content_bytes > s->config.max_message_bytes;
}

/* Hands content on, unless the message is lost. Then it is still read to its end. */
void deliver(struct smtp_server *s, struct slice content)
{
    struct transaction *tx = &s->tx;

    tx->content_bytes += content.len;
    tx->is_too_big = tx->is_too_big || exceeds_limit(s);
    if (tx->body.is_poisoned || tx->is_too_big) {
        drop_message(s);
    } else if (content.len > 0) {
        s->event = (struct smtp_server_event){ .data = content };
        tell(s, SMTP_SV_BODY);
    }
}

void finish_message(struct smtp_server *s)
{
    if (s->tx.body.is_poisoned) {
        /* Another server might have seen more than one message in it: nothing behind it is trusted. */
        reply(s, 550, "5.6.11", "Message has a bare CR, a bare LF or a NUL, closing connection");
        end_session(s, "bare CR, bare LF or NUL in a message");
    } else if (s->tx.is_too_big) {
        reply(s, 552, "5.3.4", "Message size exceeds the limit");
        reset_transaction(s);
    } else if (s->tx.is_chunked && !s->tx.is_last_chunk) {
        say(s, 250, "2.0.0", "Chunk received");
        enter_state(s, STATE_CHUNKS);
    } else {
        ask(s, SMTP_SV_BODY_END);
    }
}

size_t take_content(struct smtp_server *s, struct slice in)
{
    struct slice content;
    bool is_end;
    size_t taken = smtp_body_read(&s->tx.body, in, &content, &is_end);

    deliver(s, content);
    if (is_end)
        finish_message(s);
    check_limits(s);
    return taken;
}

void answer_body_end(struct smtp_server *s, const struct smtp_reply *r)
{
    reply_with(s, r);
    if (smtp_reply_is_ok(r)) {
        s->tx.is_dropped = true; /* it is the driver's now: no SMTP_SV_RESET */
        s->errors = s->junk = 0;
    }
    reset_transaction(s);
}
