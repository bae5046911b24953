#include "smtp/client.h"

#include "base/memory.h"
#include "smtp/client_private.h"

#include <assert.h>
#include <stdio.h>

static smtp_client_reply_fn on_refusal, on_quit;

/* What each wait is called and who handles 2yz, 3yz, 4yz and 5yz; NULL: the wrong class for this verb (SRV-19). */
static const struct {
    enum smtp_stage stage;
    smtp_client_reply_fn *on[4];
} states[ST_COUNT] = {
    [ST_GREETING] = { SMTP_AT_GREETING, { smtp_client_on_greeting, NULL, on_refusal, on_refusal } },
    [ST_EHLO] = { SMTP_AT_EHLO, { smtp_client_on_ehlo, NULL, on_refusal, smtp_client_on_ehlo_refused } },
    [ST_HELO] = { SMTP_AT_EHLO, { smtp_client_on_ehlo, NULL, on_refusal, on_refusal } },
    [ST_IDLE] = { SMTP_AT_IDLE, { NULL, NULL, NULL, NULL } },
    [ST_STARTTLS] = { SMTP_AT_STARTTLS,
                      { smtp_client_on_starttls, NULL, smtp_client_on_starttls_refused,
                        smtp_client_on_starttls_refused } },
    [ST_HANDSHAKE] = { SMTP_AT_STARTTLS, { NULL, NULL, NULL, NULL } },
    [ST_AUTH] = { SMTP_AT_AUTH,
                  { smtp_client_on_auth_done, smtp_client_on_challenge, smtp_client_on_auth_refused,
                    smtp_client_on_auth_refused } },
    [ST_CHALLENGED] = { SMTP_AT_AUTH, { NULL, NULL, NULL, NULL } },
    [ST_RSET] = { SMTP_AT_RSET, { smtp_client_on_rset, NULL, on_refusal, on_refusal } },
    [ST_MAIL] = { SMTP_AT_MAIL,
                  { smtp_client_on_mail, NULL, smtp_client_on_mail_refused, smtp_client_on_mail_refused } },
    [ST_RCPT] = { SMTP_AT_RCPT, { smtp_client_on_rcpt, NULL, smtp_client_on_rcpt, smtp_client_on_rcpt } },
    [ST_DATA] = { SMTP_AT_DATA,
                  { NULL, smtp_client_on_data, smtp_client_on_data_refused, smtp_client_on_data_refused } },
    [ST_BODY] = { SMTP_AT_BODY, { NULL, NULL, on_refusal, on_refusal } },
    [ST_END] = { SMTP_AT_END, { smtp_client_on_end, NULL, smtp_client_on_end, smtp_client_on_end } },
    [ST_EMPTY_END] = { SMTP_AT_END,
                       { smtp_client_on_empty_end, NULL, smtp_client_on_empty_end, smtp_client_on_empty_end } },
    [ST_QUIT] = { SMTP_AT_QUIT, { on_quit, on_quit, on_quit, on_quit } },
    [ST_OVER] = { SMTP_AT_IDLE, { NULL, NULL, NULL, NULL } },
};

static const char *const stage_names[] = {
    [SMTP_AT_GREETING] = "greeting", [SMTP_AT_EHLO] = "EHLO",      [SMTP_AT_STARTTLS] = "STARTTLS",
    [SMTP_AT_AUTH] = "AUTH",         [SMTP_AT_MAIL] = "MAIL FROM", [SMTP_AT_RCPT] = "RCPT TO",
    [SMTP_AT_DATA] = "DATA",         [SMTP_AT_BODY] = "content",   [SMTP_AT_END] = "end of data",
    [SMTP_AT_QUIT] = "QUIT",         [SMTP_AT_RSET] = "RSET",      [SMTP_AT_IDLE] = "idle",
};

const char *smtp_stage_name(enum smtp_stage stage)
{
    return stage_names[stage];
}

struct smtp_client *smtp_client_new(struct slice hostname, bool starts_in_tls)
{
    struct smtp_client *c = NEW(struct smtp_client);

    buf_init(&c->in, SMTP_CLIENT_IN_MAX);
    buf_init(&c->out, SIZE_MAX / 4);
    c->hostname = mem_str(hostname);
    c->is_tls = starts_in_tls;
    return c;
}

void smtp_client_free(struct smtp_client *c)
{
    if (c == NULL)
        return;
    smtp_client_forget_offers(c);
    buf_release(&c->in);
    buf_release(&c->out);
    free(c->hostname);
    free(c->server_name);
    free(c->sending);
    free(c->failure);
    free(c);
}

/* An idle session may be kept for long: it holds no buffers. */
static void release_if_idle(struct smtp_client *c)
{
    bool rests = c->state == ST_IDLE || c->state == ST_END || c->state == ST_OVER;

    if (rests && buf_slice(&c->out).len == 0)
        buf_release(&c->out);
    if (rests && buf_slice(&c->in).len == 0)
        buf_release(&c->in);
}

void smtp_client_enter(struct smtp_client *c, enum smtp_client_state state)
{
    c->state = state;
    release_if_idle(c);
}

void smtp_client_fail(struct smtp_client *c, const struct smtp_reply *reply, const char *fmt, ...)
{
    va_list ap;

    assert(c->failure == NULL);
    c->failure = NEW(struct smtp_client_failure);
    c->failure->stage = states[c->state].stage;
    if (reply != NULL)
        c->failure->reply = *reply;
    va_start(ap, fmt);
    (void)vsnprintf(c->failure->why.text, sizeof c->failure->why.text, fmt, ap);
    va_end(ap);
    free(c->sending);
    c->sending = NULL;
    buf_reset(&c->out);
    smtp_client_enter(c, ST_OVER);
}

bool smtp_client_has_unread(const struct smtp_client *c)
{
    return buf_slice(&c->in).len > c->in_used;
}

bool smtp_client_may_send(struct smtp_client *c, enum smtp_client_state expected)
{
    if (c->state == ST_OVER)
        return false;
    assert(c->state == expected);
    if (!smtp_client_has_unread(c))
        return true;
    smtp_client_fail(c, NULL, "the server sent a reply that nobody asked for");
    return false;
}

static bool is_one_line(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] == '\r' || s.ptr[i] == '\n' || s.ptr[i] == '\0')
            return false;
    return true;
}

void smtp_client_put(struct smtp_client *c, struct slice s)
{
    enum status st;

    assert(is_one_line(s));
    st = buf_add(&c->out, s);
    assert(st == OK);
    (void)st;
}

void smtp_client_end_line(struct smtp_client *c)
{
    enum status st = buf_add(&c->out, SLICE_LIT("\r\n"));

    assert(st == OK);
    (void)st;
}

void smtp_client_put_command(struct smtp_client *c, struct slice verb, struct slice argument)
{
    smtp_client_put(c, verb);
    if (argument.len > 0) {
        smtp_client_put(c, SLICE_LIT(" "));
        smtp_client_put(c, argument);
    }
    smtp_client_end_line(c);
}

bool smtp_client_show(struct smtp_client_event *ev, enum smtp_client_event_kind kind, enum smtp_stage stage,
                      const struct smtp_reply *reply)
{
    *ev = (struct smtp_client_event){ .kind = kind, .stage = stage };
    if (reply != NULL)
        ev->reply = *reply;
    return true;
}

bool smtp_client_fail_wrong(struct smtp_client *c, const struct smtp_reply *reply)
{
    if (c->state == ST_IDLE || c->state == ST_CHALLENGED || c->state == ST_BODY)
        smtp_client_fail(c, NULL, "the server sent a reply that nobody asked for: %d", reply->code);
    else
        smtp_client_fail(c, NULL, "the server answered %s with %d, which has no meaning there",
                         smtp_stage_name(states[c->state].stage), reply->code);
    return false;
}

static bool on_refusal(struct smtp_client *c, const struct smtp_reply *reply, struct smtp_client_event *ev)
{
    (void)ev;
    if (c->state == ST_BODY || c->state == ST_END)
        smtp_client_fail(c, reply, "the server refused the content while it was being sent");
    else
        smtp_client_fail(c, reply, "the server refused at %s", smtp_stage_name(states[c->state].stage));
    return false;
}

static bool on_quit(struct smtp_client *c, const struct smtp_reply *reply, struct smtp_client_event *ev)
{
    smtp_client_enter(c, ST_OVER);
    return smtp_client_show(ev, SMTP_CL_CLOSED, SMTP_AT_QUIT, reply);
}

/* The first line of the reply to EHLO names the server, each one behind it an extension. */
static bool is_offer(const struct smtp_client *c)
{
    return c->state == ST_EHLO && c->reader.lines > 1 && smtp_reply_is_ok(&c->reader.reply);
}

/* Reads on until a reply is whole; false when bytes are missing or the session has failed. */
static bool read_reply(struct smtp_client *c)
{
    enum smtp_reply_step step;
    const char *broken = NULL;
    size_t taken;

    do {
        step = smtp_reply_read(&c->reader, slice_from(buf_slice(&c->in), c->in_used), &taken, &c->text, &broken);
        c->in_used += taken;
        if ((step == SMTP_REPLY_LINE || step == SMTP_REPLY_LAST) && is_offer(c))
            smtp_client_note_offer(c, c->text);
    } while (step == SMTP_REPLY_LINE);
    if (step == SMTP_REPLY_BROKEN)
        smtp_client_fail(c, NULL, "the server sent %s", broken);
    return step == SMTP_REPLY_LAST;
}

static bool handle(struct smtp_client *c, struct smtp_client_event *ev)
{
    const struct smtp_reply *reply = &c->reader.reply;
    /* An answer to content that is not yet written is not the answer to its end. */
    enum smtp_client_state state = c->state == ST_END && buf_slice(&c->out).len > 0 ? ST_BODY : c->state;
    smtp_client_reply_fn *on = states[state].on[reply->code / 100 - 2];

    /* RFC 5321 section 3.8: a server may say this at any time, and then closes. */
    if (reply->code == 421 && state != ST_QUIT) {
        smtp_client_fail(c, reply, "the server ended the session");
        return false;
    }
    return on != NULL ? on(c, reply, ev) : smtp_client_fail_wrong(c, reply);
}

static bool show_failure(struct smtp_client *c, struct smtp_client_event *ev)
{
    if (c->failure == NULL || c->failure->is_shown)
        return false;
    c->failure->is_shown = true;
    (void)smtp_client_show(ev, SMTP_CL_FAILED, c->failure->stage, &c->failure->reply);
    ev->text = slice_str(c->failure->why.text);
    return true;
}

static bool drop_read(struct smtp_client *c)
{
    buf_consume(&c->in, c->in_used);
    c->in_used = 0;
    release_if_idle(c);
    return buf_slice(&c->in).len > 0;
}

bool smtp_client_next(struct smtp_client *c, struct smtp_client_event *ev)
{
    if (c->sending != NULL && c->sending->is_over) {
        smtp_client_show_done(c, ev);
        return true;
    }
    while (drop_read(c) && c->state != ST_OVER && read_reply(c)) {
        bool shown = handle(c, ev);

        c->reader = (struct smtp_reply_reader){ 0 };
        if (shown)
            return true;
    }
    return show_failure(c, ev);
}

size_t smtp_client_feed(struct smtp_client *c, struct slice in)
{
    if (c->state == ST_OVER || in.len == 0)
        return in.len;
    if (c->state == ST_HANDSHAKE) {
        smtp_client_fail(c, NULL, "the server sent bytes in clear behind its reply to STARTTLS");
        return 0;
    }
    if (buf_add(&c->in, in) != OK)
        smtp_client_fail(c, NULL, "the server sent more replies than fit into %d bytes", SMTP_CLIENT_IN_MAX);
    return in.len;
}

unsigned smtp_client_extensions(const struct smtp_client *c)
{
    return c->offers;
}

uint64_t smtp_client_size_limit(const struct smtp_client *c)
{
    return c->size_limit;
}

struct slice smtp_client_auth_mechanisms(const struct smtp_client *c)
{
    return slice_str(c->auth_mechanisms);
}

struct slice smtp_client_server_name(const struct smtp_client *c)
{
    return slice_str(c->server_name);
}

enum smtp_stage smtp_client_stage(const struct smtp_client *c)
{
    return states[c->state].stage;
}

void smtp_client_quit(struct smtp_client *c)
{
    if (!smtp_client_may_send(c, ST_IDLE))
        return;
    smtp_client_put_command(c, SLICE_LIT("QUIT"), slice_of(NULL, 0));
    smtp_client_enter(c, ST_QUIT);
}

/* While an early reply waits to be read nothing is written, so that it is not taken for the answer to the end. */
void smtp_client_body(struct smtp_client *c, struct slice content, bool is_last)
{
    if (c->state == ST_OVER)
        return;
    assert(c->state == ST_BODY);
    if (smtp_client_has_unread(c))
        return;
    smtp_body_write(&c->sending->body, content, &c->out);
    if (!is_last)
        return;
    smtp_body_end(&c->sending->body, &c->out);
    smtp_client_enter(c, ST_END);
}

struct slice smtp_client_output(const struct smtp_client *c)
{
    return buf_slice(&c->out);
}

void smtp_client_output_consume(struct smtp_client *c, size_t len)
{
    buf_consume(&c->out, len);
    release_if_idle(c);
}
