/* What a server's bytes lead to depends on the bytes and on when we speak, never on how they were split.
 *
 * Input: a first byte (odd: the session starts in TLS), then what the server says, in turns that end with NUL.
 * Within a turn the bytes come at once or one by one; between turns the driver acts on the last event. */
#include "smtp/client.h"

#include "base/buf.h"
#include "base/fuzz.h"

enum { INPUT_MAX = 32 * 1024, TRANSCRIPT_MAX = 16 * 1024 * 1024, MESSAGES_MAX = 4 };

struct driver {
    struct smtp_client *c;
    struct buf transcript;
    enum smtp_client_event_kind last;
    bool has_event, is_tls, did_auth;
    int messages;
};

static const struct smtp_rcpt rcpts[] = { { .address = { "a@example.com", 13 } },
                                          { .address = { "b@example.com", 13 }, .notify = SMTP_NOTIFY_DELAY } };

static void note(struct driver *d, struct slice s)
{
    if (buf_add(&d->transcript, s) != OK)
        abort();
}

static void note_event(struct driver *d, const struct smtp_client_event *ev)
{
    if (buf_addf(&d->transcript, "[%d %zu %d %d %s %s|%.*s]\n", ev->kind, ev->index, ev->stage, ev->reply.code,
                 ev->reply.enhanced, ev->reply.text, SLICE_FMT(ev->data)) != OK)
        abort();
}

/* SMTP_CL_TLS counts when the turn is over: more bytes in the same turn make it a failure (TLS-02). */
static void pull(struct driver *d)
{
    struct smtp_client_event ev;

    while (smtp_client_next(d->c, &ev)) {
        d->last = ev.kind;
        d->has_event = true;
        if (ev.kind != SMTP_CL_TLS)
            note_event(d, &ev);
    }
}

static void go_on(struct driver *d)
{
    struct smtp_transaction t = { .rcpts = rcpts, .rcpts_len = 1 + (size_t)d->messages % 2 };
    unsigned offers = smtp_client_extensions(d->c);

    t.mail.is_utf8 = true;
    if (d->last == SMTP_CL_READY && !d->is_tls && (offers & SMTP_EXT_STARTTLS) != 0) {
        smtp_client_starttls(d->c);
    } else if (d->is_tls && !d->did_auth && (offers & SMTP_EXT_AUTH) != 0) {
        d->did_auth = true;
        smtp_client_auth(d->c, "PLAIN", slice_of(NULL, 0));
    } else if (d->messages++ < MESSAGES_MAX) {
        smtp_client_send(d->c, &t);
    } else {
        smtp_client_quit(d->c);
    }
}

static void handshake(struct driver *d)
{
    note(d, SLICE_LIT("[TLS]\n"));
    d->is_tls = true;
    smtp_client_tls_started(d->c);
}

static void respond(struct driver *d)
{
    smtp_client_auth_response(d->c, SLICE_LIT("YQ=="));
}

static void send_content(struct driver *d)
{
    smtp_client_body(d->c, SLICE_LIT("Subject: x\r\n\r"), false);
    smtp_client_body(d->c, SLICE_LIT("\n.dot"), true);
}

static void (*const acts[])(struct driver *d) = {
    [SMTP_CL_READY] = go_on,       [SMTP_CL_TLS_REFUSED] = go_on, [SMTP_CL_AUTH_DONE] = go_on,
    [SMTP_CL_DONE] = go_on,        [SMTP_CL_TLS] = handshake,     [SMTP_CL_AUTH_CHALLENGE] = respond,
    [SMTP_CL_BODY] = send_content, [SMTP_CL_RCPT] = NULL,         [SMTP_CL_FAILED] = NULL,
    [SMTP_CL_CLOSED] = NULL,
};

static void take_output(struct driver *d)
{
    note(d, smtp_client_output(d->c));
    smtp_client_output_consume(d->c, smtp_client_output(d->c).len);
}

/* What one turn leaves unsent must not count as sent: the output is taken before the next turn only. */
static void play_turn(struct driver *d, struct slice turn, size_t step)
{
    d->has_event = false;
    for (; turn.len > 0; turn = slice_from(turn, step)) {
        (void)smtp_client_feed(d->c, slice_first(turn, step));
        pull(d);
    }
    take_output(d);
    if (d->has_event && acts[d->last] != NULL)
        acts[d->last](d);
    take_output(d);
}

static struct driver play(struct slice in, bool is_tls, size_t step)
{
    struct driver d = { .c = smtp_client_new(SLICE_LIT("me"), is_tls), .is_tls = is_tls };

    buf_init(&d.transcript, TRANSCRIPT_MAX);
    while (in.len > 0)
        play_turn(&d, slice_cut(in, '\0', &in), step);
    smtp_client_free(d.c);
    return d;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice in = slice_of((const char *)data + 1, len - 1);
    struct driver whole, single;

    if (len == 0 || len > INPUT_MAX)
        return 0;
    whole = play(in, data[0] % 2 == 1, SIZE_MAX);
    single = play(in, data[0] % 2 == 1, 1);
    if (!slice_eq(buf_slice(&whole.transcript), buf_slice(&single.transcript)))
        abort();
    buf_release(&whole.transcript);
    buf_release(&single.transcript);
    return 0;
}
