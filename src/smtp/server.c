#include "smtp/server_private.h"

#include "base/log.h"
#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>

static const char *const state_names[] = {
    [STATE_START] = "start",     [STATE_CONNECTED] = "connected", [STATE_GREETED] = "greeted", [STATE_MAIL] = "mail",
    [STATE_RCPT] = "rcpt",       [STATE_CHUNKS] = "chunks",       [STATE_DATA] = "data",       [STATE_CHUNK] = "chunk",
    [STATE_DISCARD] = "discard", [STATE_AUTH] = "auth",           [STATE_TLS] = "tls",         [STATE_ENDED] = "ended",
};

void enter_state(struct smtp_server *s, enum state state)
{
    if (s->state == STATE_ENDED || s->state == state)
        return;
    log_debug(s->config.log, "smtp state", LOG_CSTR("from", state_names[s->state]),
              LOG_CSTR("to", state_names[state]));
    s->state = state;
}

void tell(struct smtp_server *s, enum smtp_server_event_kind kind)
{
    if (s->state == STATE_ENDED) /* by a reply for which there was no room */
        return;
    assert(s->queue_len < COUNT_OF(s->queue));
    s->queue[s->queue_len++] = kind;
}

void ask(struct smtp_server *s, enum smtp_server_event_kind kind)
{
    assert(!s->is_waiting);
    tell(s, kind);
    s->is_waiting = s->state != STATE_ENDED;
    s->asked = kind;
}

void drop_message(struct smtp_server *s)
{
    if (!s->tx.has_mail || s->tx.is_dropped)
        return;
    s->tx.is_dropped = true;
    tell(s, SMTP_SV_RESET);
}

void reset_transaction(struct smtp_server *s)
{
    drop_message(s);
    s->tx = (struct transaction){ 0 };
    if (IN(s->state) & (TRANSACTION | IN(STATE_DATA) | IN(STATE_CHUNK)))
        enter_state(s, STATE_GREETED);
}

/* What was made and not pulled is void when the session ends, but for what frees something. */
static void void_events(struct smtp_server *s)
{
    size_t kept = 0;

    for (size_t i = 0; i < s->queue_len; i++)
        if (s->queue[i] == SMTP_SV_RESET || s->queue[i] == SMTP_SV_AUTH_CANCEL)
            s->queue[kept++] = s->queue[i];
    s->queue_len = kept;
    s->is_waiting = false;
}

void end_session(struct smtp_server *s, const char *why)
{
    if (s->state == STATE_ENDED)
        return;
    void_events(s);
    reset_transaction(s);
    s->event = (struct smtp_server_event){ .text = slice_str(why) };
    tell(s, SMTP_SV_CLOSE);
    enter_state(s, STATE_ENDED);
}

void refuse_early(struct smtp_server *s)
{
    /* A 220 to STARTTLS that was not written yet is taken back. */
    if (s->state == STATE_TLS && buf_slice(&s->out).len >= s->starttls_reply_len)
        buf_shorten(&s->out, s->starttls_reply_len);
    reply(s, 554, "5.5.0", "Sent before our reply could be read, closing connection");
    end_session(s, "sent more before our reply could be read");
}

static char *copy_string(char **at, struct slice s)
{
    char *copy = *at;

    if (s.len > 0)
        memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    *at += s.len + 1;
    return copy;
}

struct smtp_server *smtp_server_new(const struct smtp_server_config *config)
{
    struct slice mechanisms = slice_str(config->auth_mechanisms);
    struct smtp_server *s = mem_new(1, sizeof *s + config->hostname.len + mechanisms.len + 2);
    char *at = s->strings;

    assert(config->max_line_bytes >= 512 && config->max_recipients >= 100);
    s->config = *config;
    s->config.hostname = slice_of(copy_string(&at, config->hostname), config->hostname.len);
    if (mechanisms.len > 0)
        s->config.auth_mechanisms = copy_string(&at, mechanisms);
    else
        s->config.auth_mechanisms = NULL;
    s->is_tls = config->starts_in_tls;
    buf_init(&s->line, config->max_line_bytes > SMTP_AUTH_LINE_MAX ? config->max_line_bytes : SMTP_AUTH_LINE_MAX);
    buf_init(&s->out, SMTP_OUTPUT_MAX);
    return s;
}

void smtp_server_free(struct smtp_server *s)
{
    if (s == NULL)
        return;
    buf_release(&s->line);
    buf_release(&s->out);
    free(s);
}

void smtp_server_greet(struct smtp_server *s, const struct smtp_reply *instead)
{
    assert(s->state == STATE_START);
    if (instead != NULL) {
        reply_with(s, instead);
        end_session(s, "turned away at the greeting");
    } else if (s->spoke_first) {
        refuse_early(s);
    } else {
        say_greeting(s);
        s->is_at_sync = true;
        enter_state(s, STATE_CONNECTED);
    }
}

static size_t take_before_greeting(struct smtp_server *s, struct slice in)
{
    s->spoke_first = true;
    return in.len;
}

static size_t take_injected(struct smtp_server *s, struct slice in)
{
    refuse_early(s);
    return in.len;
}

static size_t take_nothing_more(struct smtp_server *s __attribute__((unused)), struct slice in)
{
    return in.len;
}

/* What arriving bytes are, by state. Each takes some or makes an event. */
static size_t (*const takers[])(struct smtp_server *s, struct slice in) = {
    [STATE_START] = take_before_greeting,
    [STATE_CONNECTED] = take_line,
    [STATE_GREETED] = take_line,
    [STATE_MAIL] = take_line,
    [STATE_RCPT] = take_line,
    [STATE_CHUNKS] = take_line,
    [STATE_DATA] = take_content,
    [STATE_CHUNK] = take_chunk,
    [STATE_DISCARD] = discard_chunk,
    [STATE_AUTH] = take_line,
    [STATE_TLS] = take_injected,
    [STATE_ENDED] = take_nothing_more,
};

/* STARTTLS and the end need no pulled event to know what more bytes mean. */
static bool may_take(const struct smtp_server *s)
{
    return (s->queue_len == 0 && !s->is_waiting) || s->state == STATE_TLS || s->state == STATE_ENDED;
}

size_t smtp_server_feed(struct smtp_server *s, struct slice in)
{
    size_t taken = 0;

    while (taken < in.len && may_take(s)) {
        if (s->is_at_sync && s->state != STATE_ENDED)
            refuse_early(s);
        taken += takers[s->state](s, slice_from(in, taken));
    }
    return taken;
}

bool smtp_server_next(struct smtp_server *s, struct smtp_server_event *ev)
{
    static const bool is_bare[] = {
        [SMTP_SV_STARTTLS] = true, [SMTP_SV_AUTH_CANCEL] = true, [SMTP_SV_BODY_BEGIN] = true,
        [SMTP_SV_BODY_END] = true, [SMTP_SV_RESET] = true,       [SMTP_SV_CLOSE] = false
    };
    enum smtp_server_event_kind kind;

    if (s->queue_len == 0)
        return false;
    kind = s->queue[0];
    s->queue_len--;
    memmove(s->queue, s->queue + 1, s->queue_len * sizeof s->queue[0]);
    if (is_bare[kind])
        *ev = (struct smtp_server_event){ 0 };
    else
        *ev = s->event;
    ev->kind = kind;
    return true;
}

bool smtp_server_is_waiting(const struct smtp_server *s)
{
    return s->is_waiting;
}

static answer_fn *const answers[] = {
    [SMTP_SV_AUTH] = answer_auth, [SMTP_SV_AUTH_RESPONSE] = answer_auth,    [SMTP_SV_MAIL] = answer_mail,
    [SMTP_SV_RCPT] = answer_rcpt, [SMTP_SV_BODY_BEGIN] = answer_body_begin, [SMTP_SV_BODY_END] = answer_body_end,
};

void smtp_server_answer(struct smtp_server *s, const struct smtp_reply *r)
{
    assert(s->is_waiting && s->queue_len == 0);
    s->is_waiting = false;
    drop_line(s);
    answers[s->asked](s, r);
    /* 421 says that the channel closes (RFC 5321 section 3.8). */
    if (r->closes || r->code == 421)
        end_session(s, "closed by a reply");
    check_limits(s);
}

void smtp_server_tls_started(struct smtp_server *s)
{
    assert(s->state == STATE_TLS && s->queue_len == 0 && buf_slice(&s->out).len == 0);
    reset_transaction(s);
    s->is_tls = true;
    s->is_esmtp = s->is_authenticated = s->is_at_sync = false;
    enter_state(s, STATE_CONNECTED);
}

void smtp_server_end(struct smtp_server *s, const struct smtp_reply *r)
{
    if (s->state == STATE_ENDED)
        return;
    reply_with(s, r);
    end_session(s, "ended by us");
}

bool smtp_server_is_tls(const struct smtp_server *s)
{
    return s->is_tls;
}

bool smtp_server_is_authenticated(const struct smtp_server *s)
{
    return s->is_authenticated;
}

bool smtp_server_in_body(const struct smtp_server *s)
{
    return (s->state == STATE_DATA || s->state == STATE_CHUNK || s->state == STATE_DISCARD) && !s->is_waiting;
}

struct slice smtp_server_output(const struct smtp_server *s)
{
    return buf_slice(&s->out);
}

void smtp_server_output_consume(struct smtp_server *s, size_t len)
{
    buf_consume(&s->out, len);
    if (buf_slice(&s->out).len > 0)
        return;
    buf_release(&s->out);
    if (!s->is_waiting)
        s->is_at_sync = false;
}
