/* BDAT (RFC 3030 section 2). Whatever is wrong with one, its chunk is never taken for commands. */
#include "smtp/server_private.h"

void discard_chunk_then(struct smtp_server *s, enum state resume)
{
    s->resume = resume;
    enter_state(s, s->chunk_left > 0 ? STATE_DISCARD : resume);
}

size_t discard_chunk(struct smtp_server *s, struct slice in)
{
    size_t taken = in.len < s->chunk_left ? in.len : (size_t)s->chunk_left;

    s->chunk_left -= taken;
    if (s->chunk_left == 0)
        enter_state(s, s->resume);
    return taken;
}

static bool read_chunk_header(struct slice arg, uint64_t *size, bool *is_last)
{
    struct slice rest, digits = slice_cut(arg, ' ', &rest);

    *is_last = slice_eq_case(rest, SLICE_LIT("LAST"));
    return slice_to_u64(digits, size) && (*is_last || digits.len == arg.len);
}

static bool would_exceed_limit(const struct smtp_server *s)
{
    uint64_t max = s->config.max_message_bytes;

    return max > 0 && s->chunk_left > max - s->tx.content_bytes;
}

static void take_first_or_next(struct smtp_server *s, bool is_last)
{
    s->tx.is_last_chunk = is_last;
    if (s->state == STATE_RCPT) {
        s->tx.is_chunked = true;
        ask(s, SMTP_SV_BODY_BEGIN);
    } else {
        begin_chunk(s);
    }
}

void on_bdat(struct smtp_server *s, struct slice arg)
{
    bool is_last;

    if (!read_chunk_header(arg, &s->chunk_left, &is_last)) {
        /* Where commands begin again is unknown. */
        reply(s, 501, "5.5.4", "Syntax: BDAT size [LAST], closing connection");
        end_session(s, "bad chunk size");
    } else if (s->state == STATE_MAIL) {
        reply(s, 554, "5.5.1", "No valid recipients");
        discard_chunk_then(s, s->state);
    } else if (s->state != STATE_RCPT && s->state != STATE_CHUNKS) {
        reply(s, 503, "5.5.1", "Bad sequence of commands");
        discard_chunk_then(s, s->state);
    } else if (would_exceed_limit(s)) {
        reply(s, 552, "5.3.4", "Message size exceeds the limit");
        reset_transaction(s);
        discard_chunk_then(s, STATE_GREETED);
    } else {
        take_first_or_next(s, is_last);
    }
}

static void finish_chunk(struct smtp_server *s)
{
    if (s->tx.is_last_chunk)
        deliver(s, smtp_body_finish(&s->tx.body));
    finish_message(s);
}

void begin_chunk(struct smtp_server *s)
{
    enter_state(s, STATE_CHUNK);
    if (s->chunk_left > 0)
        return;
    if (!s->tx.is_last_chunk)
        s->junk++; /* empty ones could go on for ever (SRV-08) */
    finish_chunk(s);
}

size_t take_chunk(struct smtp_server *s, struct slice in)
{
    struct slice content, part = in.len < s->chunk_left ? in : slice_first(in, (size_t)s->chunk_left);
    bool is_end;
    size_t taken = smtp_body_read(&s->tx.body, part, &content, &is_end);

    s->chunk_left -= taken;
    deliver(s, content);
    if (s->chunk_left == 0)
        finish_chunk(s);
    check_limits(s);
    return taken;
}
