#include "certs/probe.h"

#include "base/memory.h"
#include "certs/probe_private.h"

#include <openssl/ssl.h>
#include <stdio.h>

enum {
    READ_BYTES = 2048,
    TICKET_WAIT_MS = 500,
    TICKET_WAIT_BYTES = 64 * 1024,
    GOODBYE_MS = 1000,
    UNASKED_MS = 3000,
    MS = 1000
};

static int64_t now_ms(const struct probe *p)
{
    return loop_now_ms(p->prober->loop);
}

static void quiet(struct probe *p)
{
    loop_timer_clear(p->prober->loop, &p->timer);
    loop_unwatch(p->prober->loop, &p->io);
}

/* The last thing that is done: the caller may free everything then. */
static void finish(struct probe *p)
{
    quiet(p);
    approach_release(&p->approach);
    p->result.total_ms = now_ms(p) - p->started_ms;
    p->done(p);
}

static void fail(struct probe *p, enum probe_stage at, const char *text)
{
    if (!p->is_second) { /* the second connection only asks whether the first is resumed */
        p->result.failed_at = at;
        p->result.text = arena_copy(&p->arena, slice_str(text)).ptr;
        p->result.reply_code = p->approach.reply_code;
        p->result.is_unwanted = p->approach.is_unwanted;
        p->result.has_no_route = p->approach.has_no_route;
    }
    finish(p);
}

static void connect_once(struct probe *p);

/* The session is over and nothing more is to be learned from it. */
static void on_parted(struct probe *p)
{
    if (!p->target.wants_resumption || p->is_second) {
        finish(p);
        return;
    }
    if (p->ticket == NULL) {
        p->result.session.is_resumed = PROBE_NO;
        finish(p);
        return;
    }
    quiet(p);
    approach_release(&p->approach);
    p->is_second = true;
    connect_once(p);
}

static void on_goodbye_io(struct loop_io *io, unsigned events)
{
    struct probe *p = CONTAINER_OF(io, struct probe, io);
    char bytes[READ_BYTES];
    size_t got;

    (void)events;
    if (stream_read(&p->approach.stream, bytes, sizeof bytes, &got) != STREAM_AGAIN)
        on_parted(p);
}

static void on_goodbye_late(struct loop_timer *t)
{
    on_parted(CONTAINER_OF(t, struct probe, timer));
}

/* With QUIT where that is due, and a moment for its answer. */
static void part(struct probe *p)
{
    if (!approach_quit(&p->approach)) {
        on_parted(p);
        return;
    }
    p->io.ready = on_goodbye_io;
    p->timer.fire = on_goodbye_late;
    loop_watch(p->prober->loop, &p->io, p->approach.stream.fd, LOOP_READ);
    loop_timer_set(p->prober->loop, &p->timer, GOODBYE_MS);
}

/* Tickets of TLS 1.3 come behind the handshake; who says nothing inside has to wait for them, but not to listen to
 * everything else that comes. */
static void read_on(struct probe *p)
{
    char bytes[READ_BYTES];
    enum stream_result r;
    size_t got;

    do {
        r = stream_read(&p->approach.stream, bytes, sizeof bytes, &got);
        p->heard += got;
    } while (r == STREAM_OK && p->ticket == NULL && p->heard < TICKET_WAIT_BYTES);
    if (r != STREAM_AGAIN || p->ticket != NULL)
        part(p);
}

static void on_ticket_io(struct loop_io *io, unsigned events)
{
    (void)events;
    read_on(CONTAINER_OF(io, struct probe, io));
}

static void on_no_ticket(struct loop_timer *t)
{
    part(CONTAINER_OF(t, struct probe, timer));
}

static void wait_for_ticket(struct probe *p)
{
    if (!p->target.wants_resumption || p->ticket != NULL || p->result.session.version < TLS_VERSION_1_3) {
        part(p);
        return;
    }
    p->heard = 0;
    p->io.ready = on_ticket_io;
    p->timer.fire = on_no_ticket;
    loop_watch(p->prober->loop, &p->io, p->approach.stream.fd, LOOP_READ);
    loop_timer_set(p->prober->loop, &p->timer, TICKET_WAIT_MS);
}

/* What it says by itself answers what was said in clear. */
static void on_unasked_io(struct loop_io *io, unsigned events)
{
    struct probe *p = CONTAINER_OF(io, struct probe, io);
    char bytes[READ_BYTES];
    size_t got = 0;
    enum stream_result r = stream_read(&p->approach.stream, bytes, sizeof bytes, &got);

    (void)events;
    if (r == STREAM_AGAIN)
        return;
    p->result.speaks_unasked = r == STREAM_OK && got > 0 ? PROBE_YES : PROBE_NO;
    finish(p);
}

static void on_unasked_late(struct loop_timer *t)
{
    struct probe *p = CONTAINER_OF(t, struct probe, timer);

    p->result.speaks_unasked = PROBE_NO;
    part(p);
}

static void listen_unasked(struct probe *p)
{
    p->io.ready = on_unasked_io;
    p->timer.fire = on_unasked_late;
    loop_watch(p->prober->loop, &p->io, p->approach.stream.fd, LOOP_READ);
    loop_timer_set(p->prober->loop, &p->timer, UNASKED_MS);
    on_unasked_io(&p->io, LOOP_READ); /* it may have come along with the handshake */
}

static void on_mailbox(struct approach *a)
{
    struct probe *p = CONTAINER_OF(a, struct probe, approach);

    if (a->failed_at == PROBE_COMPLETE)
        p->result.mailbox_code = a->reply_code;
    p->result.mailbox_text = arena_copy(&p->arena, slice_str(a->text)).ptr;
    p->result.is_mailbox_unclear = a->is_unwanted;
    finish(p);
}

static void ask_mailbox(struct probe *p)
{
    p->approach.done = on_mailbox;
    approach_ask_mailbox(&p->approach, p->target.mailbox);
}

static void on_inside(struct approach *a)
{
    struct probe *p = CONTAINER_OF(a, struct probe, approach);

    p->result.extensions_inside = a->extensions;
    p->result.greeting = arena_copy(&p->arena, slice_str(a->greeting)).ptr;
    p->result.size_limit = a->size_limit;
    if (a->failed_at != PROBE_COMPLETE)
        fail(p, PROBE_INSIDE, a->text);
    else if (p->target.mailbox.len > 0)
        ask_mailbox(p);
    else
        wait_for_ticket(p);
}

static void on_first_shaken(struct probe *p)
{
    p->result.handshake_ms = now_ms(p) - p->shaking_ms;
    probe_facts(p->approach.stream.ssl, &p->arena, &p->result);
    quiet(p);
    if (p->target.behind_starttls.len > 0) {
        listen_unasked(p);
        return;
    }
    if (p->target.wants_inside && tls_way_is_smtp(p->target.way)) {
        p->approach.done = on_inside;
        approach_inside(&p->approach);
        return;
    }
    wait_for_ticket(p);
}

static void on_second_shaken(struct probe *p)
{
    p->result.session.is_resumed = SSL_session_reused(p->approach.stream.ssl) == 1 ? PROBE_YES : PROBE_NO;
    quiet(p);
    part(p);
}

static void shake(struct probe *p)
{
    struct stream *s = &p->approach.stream;

    switch (stream_handshake(s)) {
    case STREAM_AGAIN: loop_watch(p->prober->loop, &p->io, s->fd, stream_wants(s)); return;
    case STREAM_OK: (p->is_second ? on_second_shaken : on_first_shaken)(p); return;
    default: fail(p, PROBE_HANDSHAKE, stream_error(s));
    }
}

static void on_shake_io(struct loop_io *io, unsigned events)
{
    (void)events;
    shake(CONTAINER_OF(io, struct probe, io));
}

static void on_deadline(struct loop_timer *t)
{
    struct probe *p = CONTAINER_OF(t, struct probe, timer);
    char text[80];

    (void)snprintf(text, sizeof text, "the TLS handshake did not end in %d s",
                   (int)(p->approach.target.timeout_ms / MS));
    fail(p, PROBE_HANDSHAKE, text);
}

static void note_approach(struct probe *p)
{
    const struct approach *a = &p->approach;

    if (p->is_second)
        return;
    p->result.greeting = arena_copy(&p->arena, slice_str(a->greeting)).ptr;
    p->result.extensions = a->extensions;
    p->result.size_limit = a->size_limit;
    p->result.connect_ms = a->connect_ms;
    p->result.greeting_ms = a->greeting_ms;
}

static void on_approached(struct approach *a)
{
    struct probe *p = CONTAINER_OF(a, struct probe, approach);

    note_approach(p);
    if (a->failed_at == PROBE_STARTTLS && a->is_orderly && p->target.mailbox.len > 0) {
        p->result.failed_at = PROBE_STARTTLS;
        p->result.text = arena_copy(&p->arena, slice_str(a->text)).ptr;
        ask_mailbox(p);
        return;
    }
    if (a->failed_at != PROBE_COMPLETE) {
        fail(p, a->failed_at, a->text);
        return;
    }
    p->shaking_ms = now_ms(p);
    p->io.ready = on_shake_io;
    p->timer.fire = on_deadline;
    loop_timer_set(p->prober->loop, &p->timer, a->target.timeout_ms);
    stream_start_session(&a->stream, prober_open(p->prober, p));
    shake(p);
}

static void connect_once(struct probe *p)
{
    const struct approach_target to = {
        .address = p->target.address,
        .from = p->target.from,
        .way = p->target.way,
        .helo = p->target.helo,
        .stays_in_clear = p->target.in_clear,
        .behind_starttls = p->target.behind_starttls,
        .timeout_ms = p->target.timeout_ms,
    };

    p->approach = (struct approach){ .done = on_approached };
    approach_start(&p->approach, p->prober->loop, &to);
}

void probe_start(struct probe *p, struct prober *prober, const struct probe_target *target)
{
    struct slice sni = target->sni;

    if (sni.len > 0 && sni.ptr[sni.len - 1] == '.')
        sni.len--;
    p->prober = prober;
    p->target = *target;
    p->target.sni = arena_copy(&p->arena, sni);
    p->target.helo = arena_copy(&p->arena, target->helo);
    p->target.mailbox = arena_copy(&p->arena, target->mailbox);
    p->target.behind_starttls = arena_copy(&p->arena, target->behind_starttls);
    p->result = (struct probe_result){ .failed_at = PROBE_COMPLETE, .text = "", .greeting = "", .mailbox_text = "" };
    p->is_second = false;
    p->started_ms = now_ms(p);
    connect_once(p);
}

void probe_release(struct probe *p)
{
    if (p->prober == NULL)
        return;
    quiet(p);
    approach_release(&p->approach);
    SSL_SESSION_free(p->ticket);
    arena_release(&p->arena);
    p->ticket = NULL;
    p->prober = NULL;
}
