#include "net/https_server_private.h"

#include "base/log.h"
#include "base/memory.h"

#include <unistd.h>

enum { ACCEPT_AGAIN_MS = 1000, REFRESH_MS = 5000, ACCEPTS_A_ROUND = 16 };

const struct https_limits https_limits_usual = {
    .connections_max = 500,
    .connections_per_address = 20,
    .requests_max = 100,
    .handshake_ms = 10 * 1000,
    .head_ms = 10 * 1000,
    .body_ms = 60 * 1000,
    .answer_ms = 30 * 1000,
    .idle_ms = 10 * 1000,
};

static uintptr_t count_of(const struct https_server *s, const struct net_address *peer)
{
    char text[NET_ADDRESS_TEXT];

    return (uintptr_t)map_get(&s->by_address, net_address_limit_key(peer, text));
}

static void set_count(struct https_server *s, const struct net_address *peer, uintptr_t count)
{
    char text[NET_ADDRESS_TEXT];
    struct slice key = net_address_limit_key(peer, text);

    if (count == 0)
        (void)map_remove(&s->by_address, key);
    else
        (void)map_put(&s->by_address, key, (void *)count);
}

static void want_visitors(struct https_server *s, unsigned wanted)
{
    for (size_t i = 0; i < s->doors_len; i++)
        loop_watch(s->config.loop, &s->doors[i].io, s->doors[i].listener.fd, wanted);
}

void https_server_left(struct https_server *s, const struct net_address *peer)
{
    set_count(s, peer, count_of(s, peer) - 1);
    if (s->visits_len-- == s->config.limits.connections_max && !loop_timer_is_set(&s->again))
        want_visitors(s, LOOP_READ);
}

/* Beyond its share an address is told so (429), up to as many again; the rest of them is not worth a handshake. */
static void welcome(struct https_server *s, int fd, const struct net_address *peer)
{
    uintptr_t there = count_of(s, peer);
    unsigned most = s->config.limits.connections_per_address;

    if (there >= 2 * (uintptr_t)most) {
        close(fd);
        return;
    }
    set_count(s, peer, there + 1);
    if (++s->visits_len == s->config.limits.connections_max)
        want_visitors(s, 0); /* they wait in the backlog */
    https_visit_open(s, fd, peer, there >= most);
}

static void on_visitor(struct loop_io *io, unsigned events)
{
    struct https_door *d = CONTAINER_OF(io, struct https_door, io);
    struct https_server *s = d->server;
    struct net_address peer;
    int fd;

    (void)events;
    for (int i = 0; i < ACCEPTS_A_ROUND && s->visits_len < s->config.limits.connections_max; i++) {
        enum listener_result r = listener_accept(&d->listener, &fd, &peer);

        if (r == LISTENER_ACCEPTED) {
            welcome(s, fd, &peer);
            continue;
        }
        if (r == LISTENER_FULL) {
            want_visitors(s, 0);
            loop_timer_set(s->config.loop, &s->again, ACCEPT_AGAIN_MS);
        }
        return;
    }
}

static void on_again(struct loop_timer *t)
{
    struct https_server *s = CONTAINER_OF(t, struct https_server, again);

    if (s->visits_len < s->config.limits.connections_max)
        want_visitors(s, LOOP_READ);
}

static void on_refresh(struct loop_timer *t)
{
    struct https_server *s = CONTAINER_OF(t, struct https_server, refresh);

    tls_server_refresh(s->tls);
    loop_timer_set(s->config.loop, t, REFRESH_MS);
}

static enum status open_doors(struct https_server *s, struct fault *why)
{
    s->doors = mem_new(s->config.addresses_len, sizeof *s->doors);
    for (size_t i = 0; i < s->config.addresses_len; i++) {
        struct https_door *d = &s->doors[i];
        enum status st = listener_open(&d->listener, &s->config.addresses[i], true, why);

        if (st != OK)
            return st;
        d->server = s;
        d->io.ready = on_visitor;
        s->doors_len++;
    }
    want_visitors(s, LOOP_READ);
    return OK;
}

enum status https_server_new(const struct https_server_config *config, struct https_server **out, struct fault *why)
{
    struct https_server *s = NEW(struct https_server);
    struct tls_server_config tls = { 0 };
    enum status st = OK;

    s->config = *config;
    s->refresh.fire = on_refresh;
    s->again.fire = on_again;
    map_init(&s->by_address);
    if (config->tls != NULL) {
        tls = *config->tls;
        tls.serves_http = true;
        st = tls_server_new(&tls, &s->tls, why);
    }
    if (st == OK)
        st = open_doors(s, why);
    if (st != OK) {
        https_server_free(s);
        return st;
    }
    s->config.tls = NULL;
    s->config.addresses = NULL;
    if (s->tls != NULL)
        loop_timer_set(config->loop, &s->refresh, REFRESH_MS);
    *out = s;
    return OK;
}

void https_server_free(struct https_server *s)
{
    if (s == NULL)
        return;
    loop_timer_clear(s->config.loop, &s->refresh);
    while (s->visits != NULL)
        https_visit_free(s->visits);
    loop_timer_clear(s->config.loop, &s->again);
    for (size_t i = 0; i < s->doors_len; i++) {
        loop_unwatch(s->config.loop, &s->doors[i].io);
        listener_close(&s->doors[i].listener);
    }
    free(s->doors);
    map_release(&s->by_address);
    tls_server_free(s->tls);
    free(s);
}

struct tls_server *https_server_hand_over(struct https_server *s)
{
    loop_timer_clear(s->config.loop, &s->refresh);
    return s->tls;
}

void https_server_address(const struct https_server *s, size_t at, struct net_address *out)
{
    listener_address(&s->doors[at].listener, out);
}
