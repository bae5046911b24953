#include "certs/approach.h"

#include "base/memory.h"
#include "base/utf8.h"

#include <stdio.h>

enum { READ_BYTES = 4096, MS = 1000 };

static const struct {
    const char *name;
    uint16_t port;
} ways[] = {
    [TLS_WAY_SMTP] = { "smtp", 25 },
    [TLS_WAY_SMTPS] = { "smtps", 465 },
    [TLS_WAY_HTTPS] = { "https", 443 },
    [TLS_WAY_RAW] = { "raw", 0 },
};

const char *tls_way_name(enum tls_way way)
{
    return ways[way].name;
}

uint16_t tls_way_port(enum tls_way way)
{
    return ways[way].port;
}

bool tls_way_parse(struct slice s, enum tls_way *out)
{
    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        if (slice_eq(s, slice_str(ways[i].name))) {
            *out = (enum tls_way)i;
            return true;
        }
    }
    return false;
}

static const struct {
    const char *name, *awaited;
} stages[] = {
    [PROBE_CONNECT] = { "connect", "no connection" },
    [PROBE_GREETING] = { "greeting", "connected, but no greeting" },
    [PROBE_EHLO] = { "ehlo", "no answer to EHLO" },
    [PROBE_STARTTLS] = { "starttls", "no answer to STARTTLS" },
    [PROBE_HANDSHAKE] = { "handshake", "no end of the TLS handshake" },
    [PROBE_INSIDE] = { "inside", "no further answer" },
    [PROBE_COMPLETE] = { "complete", "nothing" },
};

const char *probe_stage_name(enum probe_stage s)
{
    return stages[s].name;
}

static const struct {
    enum smtp_ext bit;
    const char *name;
} extension_names[] = {
    { SMTP_EXT_PIPELINING, "PIPELINING" },
    { SMTP_EXT_SIZE, "SIZE" },
    { SMTP_EXT_8BITMIME, "8BITMIME" },
    { SMTP_EXT_SMTPUTF8, "SMTPUTF8" },
    { SMTP_EXT_STARTTLS, "STARTTLS" },
    { SMTP_EXT_DSN, "DSN" },
    { SMTP_EXT_CHUNKING, "CHUNKING" },
    { SMTP_EXT_ENHANCEDSTATUSCODES, "ENHANCEDSTATUSCODES" },
    { SMTP_EXT_AUTH, "AUTH" },
    { SMTP_EXT_REQUIRETLS, "REQUIRETLS" },
};

const char *approach_extension(unsigned extensions, size_t at)
{
    for (size_t i = 0; i < COUNT_OF(extension_names); i++)
        if ((extensions & extension_names[i].bit) && at-- == 0)
            return extension_names[i].name;
    return NULL;
}

/* What a server says that has had enough of us, or never wants to see us. */
static bool is_unwanted_text(const char *text)
{
    static const char *const words[] = { "too many",  "rate limit", "too fast", "try again later", "blocked",
                                         "blacklist", "blocklist",  "greylist", "spamhaus",        "throttl" };

    for (size_t i = 0; i < COUNT_OF(words); i++)
        if (strcasestr(text, words[i]) != NULL)
            return true;
    return false;
}

static void put_printable(struct slice from, char *out, size_t size)
{
    out[utf8_printable(from, out, size - 1).len] = '\0';
}

static int64_t spent_ms(const struct approach *a)
{
    return loop_now_ms(a->loop) - a->since_ms;
}

static void on_over(struct loop_timer *t)
{
    struct approach *a = CONTAINER_OF(t, struct approach, soon);

    a->done(a);
}

/* The caller hears of it from the loop: it may free everything then. */
static void finish(struct approach *a, enum probe_stage failed_at)
{
    loop_timer_clear(a->loop, &a->deadline);
    loop_unwatch(a->loop, &a->io);
    a->is_over = true;
    a->failed_at = failed_at;
    a->soon.fire = on_over;
    loop_timer_set(a->loop, &a->soon, 0);
}

static void PRINTF_LIKE(3, 4) fail(struct approach *a, enum probe_stage at, const char *fmt, ...)
{
    char text[2 * APPROACH_TEXT];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    put_printable(slice_str(text), a->text, sizeof a->text);
    finish(a, at);
}

/* The server's own words belong into the sentence: they tell who blocks whom. */
static void fail_reply(struct approach *a, enum probe_stage at, const char *what, const struct smtp_reply *r)
{
    a->reply_code = r->code;
    a->is_unwanted = r->code == 421 || (r->code >= 400 && is_unwanted_text(r->text));
    if (r->code == 0)
        fail(a, at, "%s", what);
    else
        fail(a, at, "%s: %d %s%s%s", what, r->code, r->enhanced, r->enhanced[0] == '\0' ? "" : " ", r->text);
}

static void on_deadline(struct loop_timer *t)
{
    struct approach *a = CONTAINER_OF(t, struct approach, deadline);

    fail(a, a->stage, "%s in %d s", stages[a->stage].awaited, (int)(a->target.timeout_ms / MS));
}

static void note_greeting(struct approach *a, struct slice bytes)
{
    size_t end = slice_find(bytes, '\n');
    struct slice line = slice_first(bytes, end == SIZE_MAX ? bytes.len : end);

    if (a->is_inside && a->target.way == TLS_WAY_SMTP)
        return;
    if (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    a->greeting_len +=
        utf8_printable(line, a->greeting + a->greeting_len, sizeof a->greeting - 1 - a->greeting_len).len;
    if (end != SIZE_MAX && !a->saw_greeting) {
        a->saw_greeting = true;
        a->greeting_ms = spent_ms(a) - a->connect_ms;
    }
}

/* One write, so that a server which reads on finds the rest in its hands. */
static void say_starttls(struct approach *a)
{
    char breath[2 * APPROACH_BEHIND];
    struct slice out, behind = slice_first(a->target.behind_starttls, APPROACH_BEHIND);
    size_t put = 0;

    smtp_client_starttls(a->client);
    out = smtp_client_output(a->client);
    if (behind.len == 0 || out.len > APPROACH_BEHIND)
        return;
    memcpy(breath, out.ptr, out.len);
    memcpy(breath + out.len, behind.ptr, behind.len);
    if (stream_write(&a->stream, slice_of(breath, out.len + behind.len), &put) == STREAM_OK &&
        put == out.len + behind.len)
        smtp_client_output_consume(a->client, out.len);
    else
        fail(a, PROBE_EHLO, "%s", stream_error(&a->stream));
}

static void on_ready_client(struct approach *a)
{
    a->extensions = smtp_client_extensions(a->client);
    a->size_limit = smtp_client_size_limit(a->client);
    if (a->is_inside) {
        finish(a, PROBE_COMPLETE);
    } else if ((a->extensions & SMTP_EXT_STARTTLS) && !a->target.stays_in_clear) {
        a->stage = PROBE_STARTTLS;
        say_starttls(a);
    } else {
        a->is_orderly = true;
        fail(a, PROBE_STARTTLS, a->target.stays_in_clear ? "we stay in clear" : "the server does not offer STARTTLS");
    }
}

static void note_answer(struct approach *a, const struct smtp_reply *r)
{
    char text[sizeof *r + APPROACH_TEXT];

    (void)snprintf(text, sizeof text, "%d %s%s%s", r->code, r->enhanced, r->enhanced[0] == '\0' ? "" : " ", r->text);
    put_printable(slice_str(text), a->text, sizeof a->text);
    a->reply_code = r->code;
    a->is_unwanted = r->code >= 400 && is_unwanted_text(r->text);
    a->is_orderly = true;
    finish(a, PROBE_COMPLETE);
}

static void on_event(struct approach *a, const struct smtp_client_event *ev)
{
    char why[APPROACH_TEXT];

    switch (ev->kind) {
    case SMTP_CL_RCPT: return; /* SMTP_CL_DONE tells the same */
    case SMTP_CL_DONE: note_answer(a, &ev->reply); return;
    case SMTP_CL_READY: on_ready_client(a); return;
    case SMTP_CL_TLS: finish(a, PROBE_COMPLETE); return;
    case SMTP_CL_TLS_REFUSED:
        a->is_orderly = true;
        fail_reply(a, PROBE_STARTTLS, "the server refused STARTTLS", &ev->reply);
        return;
    default: put_printable(ev->text, why, sizeof why); fail_reply(a, a->stage, why, &ev->reply);
    }
}

/* Greeting and EHLO are the client's own business; this is where it stands. */
static void follow_stage(struct approach *a)
{
    if (!a->is_inside && a->stage < PROBE_STARTTLS)
        a->stage = smtp_client_stage(a->client) == SMTP_AT_GREETING ? PROBE_GREETING : PROBE_EHLO;
}

static void take(struct approach *a, struct slice bytes)
{
    struct smtp_client_event ev;

    if (!a->saw_greeting)
        note_greeting(a, bytes);
    (void)smtp_client_feed(a->client, bytes);
    while (!a->is_over && smtp_client_next(a->client, &ev))
        on_event(a, &ev);
    if (!a->is_over)
        follow_stage(a);
}

/* False: the connection broke, and the approach is over. */
static bool flush(struct approach *a)
{
    for (;;) {
        struct slice out = smtp_client_output(a->client);
        size_t put;

        if (out.len == 0)
            return true;
        switch (stream_write(&a->stream, out, &put)) {
        case STREAM_OK: smtp_client_output_consume(a->client, put); break;
        case STREAM_AGAIN: return true;
        default: fail(a, a->stage, "%s", stream_error(&a->stream)); return false;
        }
    }
}

static void watch(struct approach *a)
{
    bool has_output = smtp_client_output(a->client).len > 0;

    loop_watch(a->loop, &a->io, a->stream.fd, LOOP_READ | (has_output ? LOOP_WRITE : 0U));
}

static void on_end(struct approach *a, enum stream_result how)
{
    if (how == STREAM_BROKEN)
        fail(a, a->stage, "%s", stream_error(&a->stream));
    else
        fail(a, a->stage, "the server closed the connection%s",
             a->stage == PROBE_GREETING ? " before it greeted" : "");
}

static void talk(struct approach *a)
{
    char bytes[READ_BYTES];

    while (!a->is_over && flush(a)) {
        size_t got;
        enum stream_result r = stream_read(&a->stream, bytes, sizeof bytes, &got);

        if (r == STREAM_AGAIN) {
            watch(a);
            return;
        }
        if (r == STREAM_OK)
            take(a, slice_of(bytes, got));
        else
            on_end(a, r);
    }
}

static void on_connected(struct approach *a)
{
    enum stream_result r = stream_connected(&a->stream);

    if (r == STREAM_AGAIN)
        return;
    if (r != STREAM_OK) {
        fail(a, PROBE_CONNECT, "%s", stream_error(&a->stream));
        return;
    }
    a->connect_ms = spent_ms(a);
    if (a->target.way != TLS_WAY_SMTP) {
        finish(a, PROBE_COMPLETE);
        return;
    }
    a->stage = PROBE_GREETING;
    a->client = smtp_client_new(a->target.helo, false);
    watch(a);
}

static void on_io(struct loop_io *io, unsigned events)
{
    struct approach *a = CONTAINER_OF(io, struct approach, io);

    (void)events;
    if (a->stage == PROBE_CONNECT)
        on_connected(a);
    else
        talk(a);
}

static void on_soon(struct loop_timer *t)
{
    struct approach *a = CONTAINER_OF(t, struct approach, soon);
    struct fault why;

    if (a->is_inside || a->mailbox.len > 0) {
        talk(a);
        return;
    }
    a->since_ms = loop_now_ms(a->loop);
    if (stream_connect(&a->stream, &a->target.address, a->target.from, &why) == OK) {
        loop_watch(a->loop, &a->io, a->stream.fd, LOOP_WRITE);
        return;
    }
    a->has_no_route = a->stream.has_no_route;
    fail(a, PROBE_CONNECT, "%s", why.text);
}

void approach_start(struct approach *a, struct loop *loop, const struct approach_target *target)
{
    a->loop = loop;
    a->target = *target;
    if (a->target.timeout_ms <= 0)
        a->target.timeout_ms = APPROACH_TIMEOUT_MS;
    a->stream.fd = -1;
    a->io.ready = on_io;
    a->soon.fire = on_soon;
    a->deadline.fire = on_deadline;
    a->stage = PROBE_CONNECT;
    loop_timer_set(loop, &a->deadline, a->target.timeout_ms);
    loop_timer_set(loop, &a->soon, 0); /* from the loop, so that done never runs inside this call */
}

void approach_inside(struct approach *a)
{
    a->is_inside = true;
    a->is_over = false;
    a->stage = PROBE_INSIDE;
    if (a->target.way == TLS_WAY_SMTP)
        smtp_client_tls_started(a->client);
    else
        a->client = smtp_client_new(a->target.helo, true);
    a->soon.fire = on_soon;
    loop_timer_set(a->loop, &a->deadline, a->target.timeout_ms);
    loop_timer_set(a->loop, &a->soon, 0);
}

void approach_ask_mailbox(struct approach *a, struct slice address)
{
    const struct smtp_transaction question = { .rcpts = &a->rcpt, .rcpts_len = 1, .is_question = true };

    a->mailbox = address;
    a->rcpt.address = address;
    a->is_over = a->is_orderly = false;
    a->stage = PROBE_INSIDE;
    a->text[0] = '\0';
    a->reply_code = 0;
    smtp_client_send(a->client, &question);
    a->soon.fire = on_soon;
    loop_timer_set(a->loop, &a->deadline, a->target.timeout_ms);
    loop_timer_set(a->loop, &a->soon, 0);
}

/* A session in which both sides know where they are ends with QUIT (RFC 5321 section 4.1.1.10). */
static bool may_quit(const struct approach *a)
{
    if (a->client == NULL)
        return false;
    if (stream_is_tls(&a->stream))
        return a->target.way == TLS_WAY_SMTP || a->failed_at == PROBE_COMPLETE;
    return a->is_orderly;
}

bool approach_quit(struct approach *a)
{
    size_t put;

    if (a->stream.fd < 0 || a->has_quit || !may_quit(a))
        return false;
    a->has_quit = true;
    return stream_write(&a->stream, SLICE_LIT("QUIT\r\n"), &put) == STREAM_OK;
}

void approach_release(struct approach *a)
{
    if (a->loop == NULL)
        return;
    loop_timer_clear(a->loop, &a->deadline);
    loop_timer_clear(a->loop, &a->soon);
    loop_unwatch(a->loop, &a->io);
    (void)approach_quit(a);
    stream_close(&a->stream);
    smtp_client_free(a->client);
    a->client = NULL;
    a->loop = NULL;
}
