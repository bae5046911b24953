#include "relay/intake.h"

#include "base/memory.h"
#include "net/proxy_header.h"
#include "relay/census.h"
#include "relay/intake_private.h"
#include "relay/metrics.h"

#include <stdlib.h>


static const struct tls_facts no_tls;

const struct tls_facts *intake_tls(const struct intake *s)
{
    return s->tls == NULL ? &no_tls : s->tls;
}

/* -- life and death ------------------------------------------------------------------------------------------- */

static void intake_free(struct buried *b)
{
    struct intake *s = CONTAINER_OF(b, struct intake, buried);

    smtp_server_free(s->smtp);
    buf_release(&s->pending);
    free(s->tls);
    free(s->helo);
    free(s->user);
    free(s);
}

static void log_end(struct intake *s, const char *how)
{
    log_info(&s->log, "session ended", LOG_CSTR("how", how), LOG_INT("messages", s->messages),
             LOG_CSTR("tls", s->tls == NULL ? "none" : tls_version_name(s->tls->version)),
             LOG_CSTR("user", s->user == NULL ? "" : s->user));
}

static void close_session(struct intake *s, const char *how)
{
    struct worker *w = s->worker;

    if (s->state == INTAKE_CLOSED)
        return;
    s->state = INTAKE_CLOSED;
    log_end(s, how);
    intake_cancel_auth(s);
    intake_abandon(s);
    loop_unwatch(w->loop, &s->io);
    loop_timer_clear(w->loop, &s->idle);
    loop_timer_clear(w->loop, &s->lifetime);
    stream_close(&s->stream);
    census_leave(w->census, &s->counted);
    metric_add(METRIC_SESSIONS_IN_OPEN, -1);
    if (s->prev != NULL)
        s->prev->next = s->next;
    else
        w->sessions = s->next;
    if (s->next != NULL)
        s->next->prev = s->prev;
    worker_bury(w, &s->buried);
    worker_check_stopped(w);
}

/* -- events ------------------------------------------------------------------------------------------------------ */

static void on_helo(struct intake *s, const struct smtp_server_event *ev)
{
    free(s->helo);
    s->helo = mem_str(ev->text);
    s->is_esmtp = ev->is_esmtp;
}

static void on_starttls(struct intake *s)
{
    /* The 220 must be on its way in clear before the first byte of the handshake. */
    s->state = INTAKE_TURNING;
}

static void handle(struct intake *s, const struct smtp_server_event *ev)
{
    switch (ev->kind) {
    case SMTP_SV_HELO:          on_helo(s, ev); return;
    case SMTP_SV_STARTTLS:      on_starttls(s); return;
    case SMTP_SV_AUTH:          intake_on_auth(s, ev->text, ev->data, ev->has_data); return;
    case SMTP_SV_AUTH_RESPONSE: intake_on_auth_response(s, ev->data); return;
    case SMTP_SV_AUTH_CANCEL:   intake_cancel_auth(s); return;
    case SMTP_SV_MAIL:          intake_on_mail(s, &ev->mail); return;
    case SMTP_SV_RCPT:          intake_on_rcpt(s, &ev->rcpt); return;
    case SMTP_SV_BODY_BEGIN:    intake_on_body_begin(s); return;
    case SMTP_SV_BODY:          intake_on_body(s, ev->data); return;
    case SMTP_SV_BODY_END:      intake_on_body_end(s); return;
    case SMTP_SV_RESET:         intake_reset(s); return;
    case SMTP_SV_CLOSE:         s->is_ending = true; return;
    }
}

static bool takes_events(const struct intake *s)
{
    return s->state == INTAKE_TALKING && !s->is_paused && !s->is_ending;
}

/* True when there was one. */
static bool pull(struct intake *s)
{
    struct smtp_server_event ev;
    bool had_one = false;

    while (takes_events(s) && smtp_server_next(s->smtp, &ev)) {
        handle(s, &ev);
        had_one = true;
    }
    return had_one;
}

/* Feeds what can be fed now; returns what is left. */
static struct slice feed(struct intake *s, struct slice in)
{
    (void)pull(s);
    while (in.len > 0 && takes_events(s)) {
        size_t taken = smtp_server_feed(s->smtp, in);

        in = slice_from(in, taken);
        if (!pull(s) && taken == 0)
            break;
    }
    return in;
}

static void feed_pending(struct intake *s)
{
    struct slice in = buf_slice(&s->pending), left = feed(s, in);

    buf_consume(&s->pending, in.len - left.len);
    if (s->pending.len == 0)
        buf_release(&s->pending);
}

/* -- driving ------------------------------------------------------------------------------------------------------ */

/* False: stop reading for now. */
static bool read_once(struct intake *s)
{
    char *at = s->worker->scratch;
    size_t got = 0;
    struct slice left;

    switch (stream_read(&s->stream, at, sizeof s->worker->scratch, &got)) {
    case STREAM_OK:
        break;
    case STREAM_AGAIN:
        return false;
    case STREAM_END:
        close_session(s, "client closed");
        return false;
    case STREAM_BROKEN:
        close_session(s, stream_error(&s->stream));
        return false;
    }
    left = feed(s, slice_of(at, got));
    if (s->state == INTAKE_CLOSED)
        return false;
    if (buf_add(&s->pending, left) != OK) {
        close_session(s, "too much input while an answer was awaited");
        return false;
    }
    return s->pending.len == 0 && (got == sizeof s->worker->scratch || stream_has_pending(&s->stream));
}

static bool wants_input(const struct intake *s)
{
    return takes_events(s) && !smtp_server_is_waiting(s->smtp) && s->pending.len == 0;
}

/* True when all output went. */
static bool flush(struct intake *s)
{
    struct slice out;

    while ((out = smtp_server_output(s->smtp)).len > 0) {
        size_t put = 0;
        enum stream_result r = stream_write(&s->stream, out, &put);

        if (r == STREAM_AGAIN)
            return false;
        if (r != STREAM_OK) {
            close_session(s, "client went away");
            return false;
        }
        smtp_server_output_consume(s->smtp, put);
    }
    return true;
}

static void begin_tls(struct intake *s)
{
    if (s->pending.len > 0) { /* TLS-03: nothing read before TLS is taken for something said inside it */
        close_session(s, "input behind STARTTLS");
        return;
    }
    s->state = INTAKE_SHAKING;
    stream_start_server(&s->stream, s->listener->tls);
    loop_timer_set(s->worker->loop, &s->idle, s->worker->config->limits.handshake_ms);
}

static void finish_tls(struct intake *s)
{
    s->tls = NEW(struct tls_facts);
    stream_tls_facts(&s->stream, s->tls);
    metric_add(METRIC_SESSIONS_IN_TLS, 1);
    s->state = INTAKE_TALKING;
    if (s->listener->config->tls == LISTENER_IMPLICIT)
        smtp_server_greet(s->smtp, NULL);
    else
        smtp_server_tls_started(s->smtp);
    free(s->helo);
    s->helo = NULL;
}

static void shake(struct intake *s)
{
    switch (stream_handshake(&s->stream)) {
    case STREAM_AGAIN:
        return;
    case STREAM_OK:
        finish_tls(s);
        return;
    case STREAM_END:
    case STREAM_BROKEN:
        metric_add(METRIC_TLS_IN_FAILED, 1);
        log_info(&s->log, "TLS handshake failed", LOG_CSTR("why", stream_error(&s->stream)));
        close_session(s, "TLS handshake failed");
    }
}

static void watch(struct intake *s)
{
    unsigned wanted = 0;

    if (s->state == INTAKE_SHAKING) {
        wanted = stream_wants(&s->stream);
    } else {
        if (wants_input(s))
            wanted |= LOOP_READ;
        if (smtp_server_output(s->smtp).len > 0)
            wanted |= LOOP_WRITE;
    }
    loop_watch(s->worker->loop, &s->io, s->stream.fd, wanted);
    if (s->state == INTAKE_TALKING)
        loop_timer_set(s->worker->loop, &s->idle, s->worker->config->limits.idle_ms);
}

static void talk(struct intake *s)
{
    feed_pending(s);
    while (s->state == INTAKE_TALKING && wants_input(s) && read_once(s))
        ;
}

static void drive_once(struct intake *s)
{
    bool flushed;

    if (s->state == INTAKE_SHAKING)
        shake(s);
    if (s->state == INTAKE_TALKING)
        talk(s);
    if (s->state == INTAKE_SHAKING || s->state == INTAKE_CLOSED)
        return;
    flushed = flush(s);
    if (s->state == INTAKE_CLOSED)
        return;
    if (s->is_ending && flushed)
        close_session(s, "ended");
    else if (s->state == INTAKE_TURNING && flushed)
        begin_tls(s);
}

void intake_drive(struct intake *s)
{
    if (s->is_driving || s->state == INTAKE_CLOSED)
        return;
    s->is_driving = true;
    drive_once(s);
    s->is_driving = false;
    if (s->state != INTAKE_CLOSED)
        watch(s);
}

void intake_answer(struct intake *s, const struct smtp_reply *reply)
{
    smtp_server_answer(s->smtp, reply);
    intake_drive(s);
}

/* -- the PROXY protocol -------------------------------------------------------------------------------------------- */

static void greet(struct intake *s)
{
    s->state = INTAKE_TALKING;
    if (s->listener->config->tls == LISTENER_IMPLICIT)
        begin_tls(s);
    else
        smtp_server_greet(s->smtp, NULL);
    intake_drive(s);
}

static void set_peer(struct intake *s, const struct net_address *peer)
{
    s->peer = *peer;
    (void)net_address_ip(peer, s->peer_text);
    s->log.fields_len = 0;
    log_with(&s->log, LOG_CSTR("listener", s->listener->config->name));
    log_with(&s->log, LOG_INT("session", s->id));
    log_with(&s->log, LOG_CSTR("peer", s->peer_text));
}

/* Level-triggered readiness would announce the half that lies there again and again. */
static void wait_for_more_than(struct intake *s, int bytes)
{
    (void)setsockopt(s->stream.fd, SOL_SOCKET, SO_RCVLOWAT, &(int){ bytes + 1 }, sizeof(int));
}

/* The header is looked at before it is taken, so that not a byte of what follows (TLS, perhaps) is read with it. */
static void read_proxy_header(struct intake *s)
{
    char *at = s->worker->scratch;
    ssize_t got = recv(s->stream.fd, at, PROXY_HEADER_MAX, MSG_PEEK);
    struct proxy_header header;

    if (got < 0)
        return;
    switch (proxy_header_parse(slice_of(at, (size_t)got), &header, NULL)) {
    case PROXY_MORE:
        if (got == 0 || got == PROXY_HEADER_MAX)
            close_session(s, "no PROXY header");
        else
            wait_for_more_than(s, (int)got);
        return;
    case PROXY_ERROR:
        close_session(s, "bad PROXY header");
        return;
    case PROXY_OK:
        break;
    }
    if (recv(s->stream.fd, at, header.len, 0) != (ssize_t)header.len) {
        close_session(s, "the PROXY header went away");
        return;
    }
    wait_for_more_than(s, 0);
    if (!header.is_local)
        set_peer(s, &header.source);
    greet(s);
}

static bool is_proxy(const struct intake *s)
{
    const struct config_listener *l = s->listener->config;

    for (size_t i = 0; i < l->proxy_from_len; i++)
        if (net_network_holds(&l->proxy_from[i], &s->peer))
            return true;
    return false;
}

/* -- callbacks of the loop -------------------------------------------------------------------------------------------- */

static void on_ready(struct loop_io *io, unsigned events)
{
    struct intake *s = CONTAINER_OF(io, struct intake, io);

    if (s->state == INTAKE_PROXYING) {
        read_proxy_header(s);
        return;
    }
    if ((events & LOOP_HANGUP) && !(events & (LOOP_READ | LOOP_WRITE))) {
        close_session(s, "client went away");
        return;
    }
    intake_drive(s);
}

/* Says why and closes, whatever the client is doing. */
static void end_session(struct intake *s, const char *enhanced, const char *text)
{
    struct smtp_reply r;

    if (s->state != INTAKE_TALKING) {
        close_session(s, text);
        return;
    }
    smtp_reply_set(&r, 421, enhanced, "%s", text);
    s->is_paused = false;
    smtp_server_end(s->smtp, &r);
    intake_drive(s);
    if (s->state != INTAKE_CLOSED) {
        /* The client does not read: it gets no second deadline. */
        close_session(s, text);
    }
}

static void on_idle(struct loop_timer *t)
{
    end_session(CONTAINER_OF(t, struct intake, idle), "4.4.2", "idle for too long, closing the connection");
}

static void on_lifetime(struct loop_timer *t)
{
    end_session(CONTAINER_OF(t, struct intake, lifetime), "4.7.0", "the session took too long, closing the connection");
}

/* -- starting and stopping ---------------------------------------------------------------------------------------------- */

static const char *const mechanisms = "SCRAM-SHA-256 PLAIN LOGIN";

static struct smtp_server *new_smtp(const struct intake *s)
{
    const struct config *c = s->worker->config;
    const struct config_listener *l = s->listener->config;
    struct smtp_server_config config = {
        .hostname = c->hostname,
        .max_message_bytes = c->limits.message_bytes,
        .max_line_bytes = c->limits.line_bytes,
        .max_recipients = c->limits.recipients,
        .max_errors = c->limits.errors,
        .max_junk = c->limits.junk,
        .auth_mechanisms = l->role == ROLE_SUBMISSION ? mechanisms : NULL,
        .offers_requiretls = true, /* inside TLS alone */
        .offers_starttls = l->tls == LISTENER_STARTTLS,
        .mail_needs_tls = l->requires_tls,
        .mail_needs_auth = l->role == ROLE_SUBMISSION,
        .normalizes_newlines = l->normalizes_newlines,
        .starts_in_tls = l->tls == LISTENER_IMPLICIT,
        .log = &s->log,
    };

    return smtp_server_new(&config);
}

static void refuse(struct stream *stream, enum census_answer answer)
{
    struct slice text = answer == CENSUS_FULL
                            ? SLICE_LIT("421 4.7.0 too many connections, please try again later\r\n")
                            : SLICE_LIT("421 4.7.0 too many connections from your address, please try again later\r\n");
    size_t put;

    metric_add(METRIC_SESSIONS_REFUSED, 1);
    (void)stream_write(stream, text, &put);
    stream_close(stream);
}

static void join(struct worker *w, struct intake *s)
{
    s->next = w->sessions;
    if (s->next != NULL)
        s->next->prev = s;
    w->sessions = s;
    metric_add(METRIC_SESSIONS_IN, 1);
    metric_add(METRIC_SESSIONS_IN_OPEN, 1);
}

void intake_start(struct worker *w, const struct node_listener *listener, const struct stream *stream,
                  const struct net_address *peer)
{
    static _Atomic uint64_t last_id;
    enum census_answer answer = census_enter(w->census, peer);
    struct stream taken = *stream;
    struct intake *s;

    if (answer != CENSUS_WELCOME) {
        refuse(&taken, answer);
        return;
    }
    s = NEW(struct intake);
    s->worker = w;
    s->listener = listener;
    s->stream = taken;
    s->counted = *peer;
    s->id = ++last_id;
    s->buried.free = intake_free;
    s->io.ready = on_ready;
    s->idle.fire = on_idle;
    s->lifetime.fire = on_lifetime;
    s->smtp = new_smtp(s);
    buf_init(&s->pending, sizeof w->scratch);
    set_peer(s, peer);
    join(w, s);
    loop_timer_set(w->loop, &s->lifetime, w->config->limits.session_ms);
    if (is_proxy(s)) {
        s->state = INTAKE_PROXYING;
        loop_watch(w->loop, &s->io, s->stream.fd, LOOP_READ);
        loop_timer_set(w->loop, &s->idle, w->config->limits.handshake_ms);
    } else {
        greet(s);
    }
}

void intake_stop_all(struct worker *w)
{
    struct intake *next;

    for (struct intake *s = w->sessions; s != NULL; s = next) {
        next = s->next;
        if (s->transaction == NULL)
            end_session(s, "4.3.2", "shutting down, please try again later");
    }
}

void intake_end_all(struct worker *w)
{
    struct intake *next;

    for (struct intake *s = w->sessions; s != NULL; s = next) {
        next = s->next;
        end_session(s, "4.3.2", "shutting down, please try again later");
    }
}
