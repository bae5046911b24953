#include "cli/demo_peer.h"

#include "base/memory.h"
#include "net/handoff.h"
#include "net/listener.h"
#include "net/loop.h"
#include "net/stream.h"
#include "net/tls_server.h"
#include "smtp/server.h"

#include <pthread.h>
#include <stdlib.h>

struct peer {
    struct loop_io io;
    struct demo_peers *all;
    struct demo_peer_config config;
    struct tls_server *tls;
    struct listener listener;
    bool is_open;
};

struct demo_peers {
    struct loop *loop;
    struct handoff *orders;
    struct loop_io orders_io;
    struct handoff_item wake, stop;
    struct peer *peers;
    size_t len;
    struct visit *visits; /* open sessions */
    pthread_t thread;
};

/* One session with a peer. */
struct visit {
    struct loop_io io;
    struct visit *next, *prev;
    struct peer *peer;
    struct stream stream;
    struct smtp_server *smtp;
    bool is_shaking, has_begun, is_ending;
};

static void end_visit(struct visit *v)
{
    loop_unwatch(v->peer->all->loop, &v->io);
    stream_close(&v->stream);
    smtp_server_free(v->smtp);
    if (v->prev != NULL)
        v->prev->next = v->next;
    else
        v->peer->all->visits = v->next;
    if (v->next != NULL)
        v->next->prev = v->prev;
    free(v);
}

/* Everything is welcome here. */
static void handle(struct visit *v, const struct smtp_server_event *ev)
{
    struct smtp_reply ok;

    smtp_reply_set(&ok, 250, "2.0.0", "ok");
    switch (ev->kind) {
    case SMTP_SV_MAIL:
    case SMTP_SV_RCPT:
    case SMTP_SV_BODY_BEGIN:
    case SMTP_SV_BODY_END: smtp_server_answer(v->smtp, &ok); return;
    case SMTP_SV_STARTTLS: v->is_shaking = true; return;
    case SMTP_SV_CLOSE: v->is_ending = true; return;
    case SMTP_SV_HELO:
    case SMTP_SV_AUTH:
    case SMTP_SV_AUTH_RESPONSE:
    case SMTP_SV_AUTH_CANCEL:
    case SMTP_SV_BODY:
    case SMTP_SV_RESET: return;
    }
}

static void feed(struct visit *v, struct slice in)
{
    struct smtp_server_event ev;

    do {
        in = slice_from(in, smtp_server_feed(v->smtp, in));
        while (smtp_server_next(v->smtp, &ev))
            handle(v, &ev);
    } while (in.len > 0 && !v->is_ending && !v->is_shaking);
}

/* False: the session is over. */
static bool flush(struct visit *v)
{
    struct slice out;
    size_t put;

    while ((out = smtp_server_output(v->smtp)).len > 0) {
        enum stream_result r = stream_write(&v->stream, out, &put);

        if (r == STREAM_AGAIN)
            return true;
        if (r != STREAM_OK)
            return false;
        smtp_server_output_consume(v->smtp, put);
    }
    return !v->is_ending;
}

static bool shake(struct visit *v)
{
    enum stream_result r;

    if (!v->has_begun)
        stream_start_server(&v->stream, v->peer->tls);
    v->has_begun = true;
    r = stream_handshake(&v->stream);
    if (r == STREAM_OK) {
        v->is_shaking = false;
        smtp_server_tls_started(v->smtp);
    }
    return r == STREAM_OK || r == STREAM_AGAIN;
}

static bool talk(struct visit *v)
{
    char in[16 * 1024];
    size_t got;

    while (!v->is_shaking) {
        enum stream_result r = stream_read(&v->stream, in, sizeof in, &got);

        if (r == STREAM_AGAIN)
            return true;
        if (r != STREAM_OK)
            return false;
        feed(v, slice_of(in, got));
        if (!flush(v))
            return false;
    }
    return true;
}

static void on_visit(struct loop_io *io, unsigned events)
{
    struct visit *v = CONTAINER_OF(io, struct visit, io);
    bool goes_on = v->is_shaking || talk(v);
    unsigned wanted;

    (void)events;
    if (goes_on && v->is_shaking)
        goes_on = shake(v);
    /* What came with the end of the handshake lies in TLS already: nothing else will wake us for it. */
    if (goes_on && v->has_begun && !v->is_shaking)
        goes_on = talk(v);
    if (!goes_on) {
        end_visit(v);
        return;
    }
    wanted = v->is_shaking ? stream_wants(&v->stream) : LOOP_READ;
    loop_watch(v->peer->all->loop, &v->io, v->stream.fd, wanted);
}

static struct smtp_server *new_session(const struct peer *p)
{
    struct smtp_server_config config = {
        .hostname = slice_str(p->config.name),
        .max_message_bytes = 10U * 1024 * 1024,
        .max_line_bytes = 2048,
        .max_recipients = 100,
        .offers_starttls = p->tls != NULL,
        .offers_requiretls = p->config.offers_requiretls,
    };

    return smtp_server_new(&config);
}

static void on_connection(struct loop_io *io, unsigned events)
{
    struct peer *p = CONTAINER_OF(io, struct peer, io);
    struct net_address from;
    int fd;

    (void)events;
    while (listener_accept(&p->listener, &fd, &from) == LISTENER_ACCEPTED) {
        struct visit *v = NEW(struct visit);

        v->peer = p;
        v->io.ready = on_visit;
        v->smtp = new_session(p);
        stream_init_accepted(&v->stream, fd);
        v->next = p->all->visits;
        if (v->next != NULL)
            v->next->prev = v;
        p->all->visits = v;
        smtp_server_greet(v->smtp, NULL);
        loop_watch(p->all->loop, &v->io, fd, LOOP_READ);
        if (!flush(v))
            end_visit(v);
    }
}

static enum status open_peer(struct peer *p, struct fault *why)
{
    struct net_address at;
    enum status st = net_address_parse(slice_str(p->config.ip), p->config.port, &at);

    if (st == OK)
        st = listener_open(&p->listener, &at, true, why);
    if (st != OK)
        return st;
    p->is_open = true;
    p->io.ready = on_connection;
    loop_watch(p->all->loop, &p->io, p->listener.fd, LOOP_READ);
    return OK;
}

static void wake_late(struct demo_peers *all)
{
    struct fault why;

    for (size_t i = 0; i < all->len; i++)
        if (!all->peers[i].is_open)
            (void)!open_peer(&all->peers[i], &why);
}

static void on_orders(struct loop_io *io, unsigned events)
{
    struct demo_peers *all = CONTAINER_OF(io, struct demo_peers, orders_io);
    struct handoff_item *next;

    (void)events;
    for (struct handoff_item *item = handoff_take(all->orders); item != NULL; item = next) {
        next = item->next;
        if (item == &all->stop)
            loop_stop(all->loop);
        else
            wake_late(all);
    }
}

static void *run(void *arg)
{
    struct demo_peers *all = arg;

    loop_run(all->loop);
    return NULL;
}

static void free_peers(struct demo_peers *all)
{
    while (all->visits != NULL)
        end_visit(all->visits);
    for (size_t i = 0; i < all->len; i++) {
        if (all->peers[i].is_open) {
            loop_unwatch(all->loop, &all->peers[i].io);
            listener_close(&all->peers[i].listener);
        }
        tls_server_free(all->peers[i].tls);
    }
    free(all->peers);
    loop_unwatch(all->loop, &all->orders_io);
    handoff_free(all->orders);
    loop_free(all->loop);
    free(all);
}

static enum status set_up(struct peer *p, struct fault *why)
{
    struct tls_server_certificate certificate = { p->config.chain_file, p->config.key_file };
    struct tls_server_config config = { .profile = TLS_PROFILE_INTERMEDIATE,
                                        .certificates = &certificate,
                                        .certificates_len = 1 };
    enum status st = OK;

    if (p->config.chain_file != NULL)
        st = tls_server_new(&config, &p->tls, why);
    if (st == OK && !p->config.is_late)
        st = open_peer(p, why);
    return st;
}

enum status demo_peers_start(const struct demo_peer_config *peers, size_t len, struct demo_peers **out,
                             struct fault *why)
{
    struct demo_peers *all = NEW(struct demo_peers);
    enum status st = OK;

    all->loop = loop_new();
    all->orders = handoff_new();
    all->orders_io.ready = on_orders;
    loop_watch(all->loop, &all->orders_io, handoff_fd(all->orders), LOOP_READ);
    all->peers = mem_new(len, sizeof *all->peers);
    for (; all->len < len && st == OK; all->len++) {
        all->peers[all->len].all = all;
        all->peers[all->len].config = peers[all->len];
        st = set_up(&all->peers[all->len], why);
    }
    if (st == OK && pthread_create(&all->thread, NULL, run, all) != 0)
        st = fault_errno(why, "cannot start a thread");
    if (st != OK) {
        free_peers(all);
        return st;
    }
    *out = all;
    return OK;
}

void demo_peers_wake(struct demo_peers *p)
{
    handoff_put(p->orders, &p->wake);
}

void demo_peers_stop(struct demo_peers *p)
{
    if (p == NULL)
        return;
    handoff_put(p->orders, &p->stop);
    pthread_join(p->thread, NULL);
    free_peers(p);
}
