#include "relay/connection_private.h"

#include "base/memory.h"
#include "relay/metrics.h"
#include "relay/sasl_client.h"

#include <assert.h>
#include <stdlib.h>

/* -- life and death ---------------------------------------------------------------------------------------- */

static void connection_free(struct buried *b)
{
    struct connection *c = CONTAINER_OF(b, struct connection, buried);

    smtp_client_free(c->smtp);
    sasl_client_free(c->sasl);
    free(c->dialing);
    arena_release(&c->arena);
    free(c);
}

static void shut(struct connection *c)
{
    if (c->state == DEAD)
        return;
    loop_timer_clear(c->worker->loop, &c->timer);
    dialer_release(&c->dialing->dialer);
    if (c->state != DIALING) {
        loop_unwatch(c->worker->loop, &c->io);
        stream_close(&c->stream);
        metric_add(METRIC_CONNECTIONS_OUT_OPEN, -1);
    }
    c->state = DEAD;
}

static void emit(struct connection *c, enum connection_event kind, const struct smtp_client_event *ev)
{
    c->user->on_event(c->user, c, kind, ev);
}

/* The one way a connection ends by itself. */
void connection_fail(struct connection *c, enum failure_cause cause)
{
    if (c->state == DEAD)
        return;
    c->failure.cause = cause;
    c->failure.was_connected = c->state != DIALING;
    c->failure.was_reused = c->in_transaction && c->messages > 1 && c->failure.reply.code == 0;
    c->failure.stage = c->smtp == NULL ? SMTP_AT_GREETING : smtp_client_stage(c->smtp);
    c->failure.may_have_taken = c->in_transaction && c->failure.stage == SMTP_AT_END && c->failure.reply.code == 0 &&
                                smtp_client_output(c->smtp).len == 0;
    shut(c);
    emit(c, CONNECTION_FAILED, NULL);
}

/* -- timeouts ---------------------------------------------------------------------------------------------- */

static int64_t patience_ms(const struct connection *c)
{
    const struct config_outbound *o = &c->worker->config->outbound;

    if (c->state == SHAKING)
        return o->handshake_ms;
    if (c->is_ready && !c->in_transaction)
        return o->reuse_ms;
    return smtp_client_stage(c->smtp) == SMTP_AT_END ? o->end_ms : o->command_ms;
}

/* What does not go out at once is not worth waiting for. */
static void say_quit(struct connection *c)
{
    size_t put;

    smtp_client_quit(c->smtp);
    (void)stream_write(&c->stream, smtp_client_output(c->smtp), &put);
}

/* Whoever falls silent once TLS was asked for has failed of TLS (TLS-06), not of the network. */
static void fail_in_silence(struct connection *c)
{
    if (c->state == SHAKING || smtp_client_stage(c->smtp) == SMTP_AT_STARTTLS)
        connection_fail_tls(c, TLS_RESULT_VALIDATION_FAILURE, true);
    else
        connection_fail(c, FAILURE_NETWORK);
}

static void on_timeout(struct loop_timer *t)
{
    struct connection *c = CONTAINER_OF(t, struct connection, timer);

    if (connection_is_idle(c))
        say_quit(c);
    (void)fault_set(&c->failure.why, ERR_TEMPORARY, "'%.*s' did not answer in time (%s)", SLICE_FMT(c->plan.server),
                    c->state == SHAKING ? "TLS handshake" : smtp_stage_name(smtp_client_stage(c->smtp)));
    fail_in_silence(c);
}

/* -- driving ----------------------------------------------------------------------------------------------- */

static void pump(struct connection *c);

static void watch(struct connection *c)
{
    unsigned wanted = stream_wants(&c->stream);

    if (c->state == TALKING)
        wanted = LOOP_READ | (smtp_client_output(c->smtp).len > 0 ? LOOP_WRITE : 0) | (wanted & LOOP_WRITE);
    loop_watch(c->worker->loop, &c->io, c->stream.fd, wanted);
    /* Bytes that complete nothing buy no time: a handshake or a reply in drops has one deadline (TLS-23, SRV-10). */
    if (c->has_progress || !loop_timer_is_set(&c->timer))
        loop_timer_set(c->worker->loop, &c->timer, patience_ms(c));
    c->has_progress = false;
}

static void broken(struct connection *c)
{
    (void)fault_set(&c->failure.why, ERR_TEMPORARY, "the connection to '%.*s' broke at %s: %s",
                    SLICE_FMT(c->plan.server), smtp_stage_name(smtp_client_stage(c->smtp)), stream_error(&c->stream));
    fail_in_silence(c);
}

static void flush(struct connection *c)
{
    struct slice out;

    while ((out = smtp_client_output(c->smtp)).len > 0) {
        size_t put = 0;
        enum stream_result r = stream_write(&c->stream, out, &put);

        if (r == STREAM_AGAIN)
            return;
        if (r != STREAM_OK) {
            broken(c);
            return;
        }
        smtp_client_output_consume(c->smtp, put);
        c->has_progress = true;
    }
    if (c->wants_drain) {
        c->wants_drain = false;
        emit(c, CONNECTION_DRAINED, NULL);
        if (c->state == TALKING && smtp_client_output(c->smtp).len > 0)
            flush(c);
    }
}

static void forget_password(struct connection *c)
{
    if (c->plan.password.len > 0)
        explicit_bzero((char *)(uintptr_t)c->plan.password.ptr, c->plan.password.len);
    c->plan.username = c->plan.password = slice_of(NULL, 0);
}

/* Logged in, or nobody asked for it: the owner's turn. */
void connection_become_ready(struct connection *c)
{
    c->is_ready = true;
    forget_password(c);
    emit(c, CONNECTION_READY, NULL);
}

static void on_session_failed(struct connection *c, const struct smtp_client_event *ev)
{
    c->failure.reply = ev->reply;
    if (ev->reply.code != 0)
        (void)fault_set(&c->failure.why, ERR_TEMPORARY, "'%.*s' said at %s: %d %s", SLICE_FMT(c->plan.server),
                        smtp_stage_name(ev->stage), ev->reply.code, ev->reply.text);
    else
        (void)fault_set(&c->failure.why, ERR_TEMPORARY, "'%.*s' broke the protocol at %s: %.*s",
                        SLICE_FMT(c->plan.server), smtp_stage_name(ev->stage), SLICE_FMT(ev->text));
    if (ev->stage == SMTP_AT_STARTTLS)
        connection_fail_tls(c, TLS_RESULT_VALIDATION_FAILURE, false);
    else
        connection_fail(c, ev->reply.code != 0 ? FAILURE_REPLY : FAILURE_PROTOCOL);
}

static void on_transaction_done(struct connection *c, const struct smtp_client_event *ev)
{
    c->in_transaction = false;
    emit(c, CONNECTION_DONE, ev);
}

static void handle(struct connection *c, const struct smtp_client_event *ev)
{
    switch (ev->kind) {
    case SMTP_CL_READY:          connection_on_greeted(c); return;
    case SMTP_CL_TLS:            connection_start_handshake(c); return;
    case SMTP_CL_TLS_REFUSED:    connection_without_tls(c, "refused STARTTLS"); return;
    case SMTP_CL_AUTH_CHALLENGE: connection_on_auth_challenge(c, ev); return;
    case SMTP_CL_AUTH_DONE:      connection_on_auth_done(c, ev); return;
    case SMTP_CL_RCPT:           emit(c, CONNECTION_RCPT, ev); return;
    case SMTP_CL_BODY:           emit(c, CONNECTION_BODY, ev); return;
    case SMTP_CL_DONE:           on_transaction_done(c, ev); return;
    case SMTP_CL_FAILED:         on_session_failed(c, ev); return;
    case SMTP_CL_CLOSED:         shut(c); return;
    }
}

static void pull(struct connection *c)
{
    struct smtp_client_event ev;

    while (c->state == TALKING && smtp_client_next(c->smtp, &ev)) {
        c->has_progress = true;
        handle(c, &ev);
    }
}

/* One read's worth of bytes, through the session. False: nothing more to read now. */
static bool read_once(struct connection *c)
{
    char *at = c->worker->scratch;
    size_t got = 0;
    enum stream_result r = stream_read(&c->stream, at, sizeof c->worker->scratch, &got);

    if (r == STREAM_AGAIN)
        return false;
    if (r != STREAM_OK) {
        broken(c);
        return false;
    }
    for (struct slice in = slice_of(at, got); in.len > 0 && c->state == TALKING;) {
        size_t taken = smtp_client_feed(c->smtp, in);

        in = slice_from(in, taken);
        pull(c);
        if (taken == 0)
            break;
    }
    /* A full buffer may mean more; a short read never does, but for what TLS has decrypted already. */
    return c->state == TALKING && (got == sizeof c->worker->scratch || stream_has_pending(&c->stream));
}

static void read_all(struct connection *c)
{
    while (c->state == TALKING && read_once(c))
        ;
}

static void pump(struct connection *c)
{
    c->is_pumping = true;
    read_all(c);
    if (c->state == SHAKING) {
        connection_shake(c);
        /* What came with the end of the handshake lies in TLS already: nothing else will wake us for it. */
        read_all(c);
    }
    c->is_pumping = false;
    if (c->state == TALKING)
        flush(c);
    if (c->state == SHAKING || c->state == TALKING)
        watch(c);
}

static void on_ready(struct loop_io *io, unsigned events)
{
    (void)events;
    pump(CONTAINER_OF(io, struct connection, io));
}

/* -- dialing ----------------------------------------------------------------------------------------------- */

static void on_connected(struct connection *c)
{
    metric_add(METRIC_CONNECTIONS_OUT, 1);
    metric_add(METRIC_CONNECTIONS_OUT_OPEN, 1);
    c->smtp = smtp_client_new(c->worker->config->outbound.helo, c->plan.is_implicit_tls);
    c->state = TALKING;
    if (c->plan.is_implicit_tls)
        connection_start_handshake(c);
    pump(c);
}

static void on_dialed(struct dialer *d)
{
    struct connection *c = CONTAINER_OF(d, struct dialing, dialer)->connection;

    if (d->winner >= c->plan.addresses_len || d->winner >= DIAL_MOST) {
        (void)fault_set(&c->failure.why, ERR_TEMPORARY, "cannot connect to '%.*s': %s", SLICE_FMT(c->plan.server),
                        d->text);
        c->address = c->plan.addresses_len > 0 ? c->plan.addresses[0] : c->address;
        connection_fail(c, FAILURE_NETWORK);
        return;
    }
    c->address = c->plan.addresses[d->winner];
    dialer_take(d, &c->stream);
    c->local.len = sizeof c->local.sa;
    (void)getsockname(c->stream.fd, &c->local.sa.any, &c->local.len);
    on_connected(c);
}

static void start_dialing(struct connection *c)
{
    const struct config_outbound *o = &c->worker->config->outbound;

    c->dialing = NEW(struct dialing);
    c->dialing->connection = c;
    c->dialing->dialer.done = on_dialed;
    dialer_start(&c->dialing->dialer, c->worker->loop, c->plan.addresses, c->plan.addresses_len,
                 o->has_address4 ? &o->address4 : NULL, o->has_address6 ? &o->address6 : NULL, o->connect_ms);
}

/* -- for the owner ------------------------------------------------------------------------------------------ */

struct connection *connection_open(struct worker *w, const struct connection_plan *plan, struct connection_user *user)
{
    struct connection *c = NEW(struct connection);

    c->worker = w;
    c->user = user;
    c->buried.free = connection_free;
    c->io.ready = on_ready;
    c->timer.fire = on_timeout;
    connection_keep_plan(c, plan);
    start_dialing(c);
    return c;
}

void connection_set_user(struct connection *c, struct connection_user *user)
{
    c->user = user;
    c->has_progress = true;
    if (c->state == TALKING)
        watch(c);
}

void connection_drop(struct connection *c)
{
    if (connection_is_idle(c))
        say_quit(c);
    shut(c);
    worker_bury(c->worker, &c->buried);
}

static void push(struct connection *c)
{
    if (c->is_pumping || c->state != TALKING)
        return;
    flush(c);
    if (c->state == TALKING)
        watch(c);
}

void connection_send(struct connection *c, const struct smtp_transaction *t)
{
    assert(connection_is_idle(c));
    c->in_transaction = true;
    c->messages++;
    if (c->messages > 1)
        metric_add(METRIC_CONNECTIONS_OUT_REUSED, 1);
    c->failure = (struct connection_failure){ 0 };
    smtp_client_send(c->smtp, t);
    push(c);
}

void connection_body(struct connection *c, struct slice content, bool is_last)
{
    smtp_client_body(c->smtp, content, is_last);
    c->wants_drain = !is_last;
    push(c);
}

const struct connection_failure *connection_failure(const struct connection *c)
{
    return &c->failure;
}

const struct tls_facts *connection_tls(const struct connection *c)
{
    return &c->tls;
}

const struct net_address *connection_address(const struct connection *c)
{
    return &c->address;
}

const struct net_address *connection_local_address(const struct connection *c)
{
    return &c->local;
}

const struct decision *connection_decision(const struct connection *c)
{
    return c->plan.decision;
}

struct slice connection_server(const struct connection *c)
{
    return c->plan.server;
}

unsigned connection_extensions(const struct connection *c)
{
    return smtp_client_extensions(c->smtp);
}

uint64_t connection_size_limit(const struct connection *c)
{
    return smtp_client_size_limit(c->smtp);
}

bool connection_is_idle(const struct connection *c)
{
    return c->state == TALKING && c->is_ready && !c->in_transaction;
}

unsigned connection_messages(const struct connection *c)
{
    return c->messages;
}
