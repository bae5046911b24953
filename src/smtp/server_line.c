#include "smtp/server_private.h"

enum { TLS_HANDSHAKE = 0x16 }; /* RFC 8446 section 5.1: first byte of a ClientHello's record */

void drop_line(struct smtp_server *s)
{
    if (!s->line_is_done)
        return;
    buf_release(&s->line);
    s->line_is_done = false;
}

/* The line so far and `more` behind it begin with the verb AUTH, which may carry a long response. */
static bool is_auth_command(const struct smtp_server *s, struct slice more)
{
    char start[5];
    struct slice first = slice_first(buf_slice(&s->line), sizeof start);
    struct slice second = slice_first(more, sizeof start - first.len);

    memcpy(start, first.ptr, first.len);
    memcpy(start + first.len, second.ptr, second.len);
    return slice_eq_case(slice_of(start, first.len + second.len), SLICE_LIT("AUTH "));
}

static bool is_too_long(const struct smtp_server *s, struct slice more)
{
    size_t len = buf_slice(&s->line).len + more.len;

    if (len <= s->config.max_line_bytes)
        return false;
    if (s->state == STATE_AUTH || (offers_auth(s) && is_auth_command(s, more)))
        return len > SMTP_AUTH_LINE_MAX;
    return true;
}

/* Answers a line at the byte that spoils it; no part of it becomes a command (EOD-14). */
static void refuse_line(struct smtp_server *s, const char *enhanced, const char *text, bool is_over)
{
    buf_release(&s->line);
    s->line_is_done = false;
    s->skips_line = !is_over;
    reply(s, 500, enhanced, text);
    if (s->state == STATE_AUTH)
        cancel_auth(s);
    check_limits(s);
}

/* The whole line that ends with `part`, with its end. It lives until drop_line() or release of s->line. */
static struct slice join_line(struct smtp_server *s, struct slice part)
{
    if (buf_slice(&s->line).len == 0)
        return part;
    (void)!buf_add(&s->line, part); /* is_too_long() has seen to it that it fits */
    s->line_is_done = true;
    return buf_slice(&s->line);
}

static void refuse_bare_lf(struct smtp_server *s, struct slice part)
{
    struct slice line = join_line(s, part);

    if (s->state == STATE_AUTH || !close_at_foreign_protocol(s, slice_trim(slice_first(line, line.len - 1))))
        refuse_line(s, "5.5.2", "Lines end in CR LF, nothing else", false);
}

static void run_whole_line(struct smtp_server *s, struct slice part)
{
    struct slice line = join_line(s, part);

    line.len -= 2;
    if (s->state == STATE_AUTH)
        run_auth_line(s, line);
    else
        run_line(s, line);
    if (s->queue_len == 0)
        drop_line(s);
}

/* A part of a line that is neither skipped nor known to be whole. */
static void take_part(struct smtp_server *s, struct slice part, bool is_whole)
{
    bool has_auth_limit = s->state == STATE_AUTH || is_auth_command(s, part);

    if (is_too_long(s, part))
        refuse_line(s, has_auth_limit ? "5.5.6" : "5.5.2", "Line too long", is_whole);
    else if (is_whole)
        run_whole_line(s, part);
    else if (part.ptr[part.len - 1] == '\n')
        refuse_bare_lf(s, part);
    else
        (void)!buf_add(&s->line, part);
}

size_t take_line(struct smtp_server *s, struct slice in)
{
    size_t lf = slice_find(in, '\n');
    struct slice part = lf == SIZE_MAX ? in : slice_first(in, lf + 1);
    bool behind_cr = part.len > 1 ? part.ptr[part.len - 2] == '\r' : s->line_ends_in_cr;
    bool is_whole = lf != SIZE_MAX && behind_cr;

    drop_line(s);
    if (s->state != STATE_AUTH && buf_slice(&s->line).len == 0 && !s->skips_line && in.ptr[0] == TLS_HANDSHAKE) {
        reply(s, 554, "5.5.0", "TLS begins with STARTTLS here, closing connection");
        end_session(s, "began TLS without STARTTLS");
        return in.len;
    }
    s->line_ends_in_cr = !is_whole && part.ptr[part.len - 1] == '\r';
    if (!s->skips_line)
        take_part(s, part, is_whole);
    else if (is_whole)
        s->skips_line = false;
    return part.len;
}
