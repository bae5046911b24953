#include "bridge/socketmap.h"

#include "base/log.h"
#include "base/map.h"
#include "base/memory.h"
#include "bridge/netstring.h"
#include "net/stream.h"

#include <stdlib.h>
#include <sys/socket.h>

enum {
    READ_ROOM = 64 * 1024,
    INPUT_MAX = READ_ROOM + SOCKETMAP_REQUEST_MAX + NETSTRING_OVERHEAD,
    OUTPUT_MAX = ANSWER_MAX + NETSTRING_OVERHEAD,
    ACCEPTS_PER_ROUND = 64,
    ACCEPT_AGAIN_MS = 1000,
    COMPLAIN_AGAIN_MS = 60 * 1000,
    PEERS_MOST = 4096,
    SHOWN = 80,
};

/* Who asks: an address, or a user of this machine. */
struct socketmap_peer {
    struct lookup_allowance allowance;
    int64_t complained_ms; /* 0: never */
};

struct connection {
    struct loop_io io; /* first */
    struct lookup_waiter waiter;
    struct stream stream;
    struct connection *newer, *older; /* by use */
    struct socketmap *owner;
    struct socketmap_peer *peer;
    struct buf in, out; /* what is left over; mostly empty */
};

struct socketmap {
    struct loop_io io; /* first: of the listener */
    struct loop_timer again;
    struct loop *loop;
    struct listener *listener;
    struct lookups *lookups;
    struct bridge_counters *counters;
    struct connection *newest, *oldest;
    size_t connections;
    struct map peers;
    struct buf unknown_map; /* the reply to a map that there is not */
    char room[READ_ROOM];   /* for one read; nobody keeps bytes in it over a return to the loop */
};

/* -- connections ---------------------------------------------------------------------------------------------- */

static void unlink_connection(struct connection *c)
{
    struct socketmap *s = c->owner;

    *(c->newer == NULL ? &s->newest : &c->newer->older) = c->older;
    *(c->older == NULL ? &s->oldest : &c->older->newer) = c->newer;
    c->newer = c->older = NULL;
}

static void link_newest(struct connection *c)
{
    struct socketmap *s = c->owner;

    c->older = s->newest;
    *(s->newest == NULL ? &s->oldest : &s->newest->newer) = c;
    s->newest = c;
}

static void drop(struct connection *c)
{
    struct socketmap *s = c->owner;

    lookups_leave(&c->waiter);
    loop_forget(s->loop, &c->io);
    stream_close(&c->stream);
    buf_release(&c->in);
    buf_release(&c->out);
    unlink_connection(c);
    s->connections--;
    count_add(s->counters, COUNT_CONNECTIONS_OPEN, -1);
    free(c);
}

static bool is_waiting(const struct connection *c)
{
    return c->waiter.entry != NULL;
}

/* -- replies --------------------------------------------------------------------------------------------------- */

static void count_reply(struct socketmap *s, struct slice framed)
{
    struct slice reply = slice_from(framed, slice_find(framed, ':') + 1);

    count_add(s->counters,
              reply.ptr[0] == 'O'   ? COUNT_POLICY
              : reply.ptr[0] == 'N' ? COUNT_NOTFOUND
              : reply.ptr[0] == 'T' ? COUNT_TEMP
                                    : COUNT_PERM,
              1);
}

/* What does not go at once waits in `out`; until it is gone no further request is looked at. False: the connection is
 * lost. */
static bool send_reply(struct connection *c, struct slice framed)
{
    size_t put = 0;

    count_reply(c->owner, framed);
    switch (stream_write(&c->stream, framed, &put)) {
    case STREAM_OK:
    case STREAM_AGAIN: return put == framed.len || buf_add(&c->out, slice_from(framed, put)) == OK;
    case STREAM_END:
    case STREAM_BROKEN: break;
    }
    return false;
}

static bool flush(struct connection *c)
{
    size_t put = 0;

    switch (stream_write(&c->stream, buf_slice(&c->out), &put)) {
    case STREAM_OK: buf_consume(&c->out, put); return true;
    case STREAM_AGAIN: return true;
    case STREAM_END:
    case STREAM_BROKEN: break;
    }
    return false;
}

/* -- requests --------------------------------------------------------------------------------------------------- */

/* Once a minute of the same peer; of it comes what it sent. */
static void complain(struct connection *c, const char *what, struct slice sent)
{
    struct socketmap *s = c->owner;
    struct socketmap_peer *p = c->peer;

    if (p->complained_ms != 0 && loop_now_ms(s->loop) - p->complained_ms < COMPLAIN_AGAIN_MS)
        return;
    p->complained_ms = loop_now_ms(s->loop);
    log_warning(NULL, "a client of the policy service does not speak as Postfix does", LOG_CSTR("what", what),
                LOG_STR("sent", slice_first(sent, SHOWN)));
}

static bool refuse(struct connection *c, const char *what, struct slice sent)
{
    count_add(c->owner->counters, COUNT_MALFORMED, 1);
    complain(c, what, sent);
    return false;
}

/* False: the connection is lost. */
static bool run_request(struct connection *c, struct slice request)
{
    struct socketmap *s = c->owner;
    struct slice key, name = slice_cut(request, ' ', &key), reply;
    enum answer_map map;

    count_add(s->counters, COUNT_ASKED, 1);
    if (!answer_map_find(name, &map)) {
        complain(c, "asks for a map that there is not", name);
        return send_reply(c, buf_slice(&s->unknown_map));
    }
    if (!lookups_ask(s->lookups, key, map, &c->peer->allowance, &c->waiter, &reply))
        return true;
    count_add(s->counters, COUNT_FROM_MEMORY, 1);
    return send_reply(c, reply);
}

/* Takes requests from the front of *in until one waits or its reply does. False: the connection is lost. */
static bool run_requests(struct connection *c, struct slice *in)
{
    while (in->len > 0 && !is_waiting(c) && c->out.len == 0) {
        struct slice request;
        size_t used;

        switch (netstring_read(*in, SOCKETMAP_REQUEST_MAX, &request, &used)) {
        case NETSTRING_WHOLE: break;
        case NETSTRING_PART: return true;
        case NETSTRING_MALFORMED: return refuse(c, "no netstring: closed", *in);
        case NETSTRING_TOO_LONG: return refuse(c, "a request over 10,000 bytes: closed", *in);
        }
        *in = slice_from(*in, used);
        if (!run_request(c, request))
            return false;
    }
    return true;
}

/* While a reply is on its way nothing more is read: the kernel's buffer fills, and the client waits. */
static void watch(struct connection *c)
{
    unsigned wanted = c->out.len > 0 ? LOOP_WRITE : is_waiting(c) ? 0 : LOOP_READ;

    loop_watch(c->owner->loop, &c->io, c->stream.fd, wanted);
}

/* What was left over from earlier reads, once nothing stands in its way any more. False: the connection is lost. */
static bool run_left_over(struct connection *c)
{
    struct slice in = buf_slice(&c->in);
    bool is_good = run_requests(c, &in);

    buf_consume(&c->in, c->in.len - in.len);
    return is_good;
}

static bool run_fresh(struct connection *c, struct slice fresh)
{
    if (c->in.len > 0)
        return buf_add(&c->in, fresh) == OK && run_left_over(c);
    return run_requests(c, &fresh) && buf_add(&c->in, fresh) == OK;
}

static bool read_more(struct connection *c)
{
    struct socketmap *s = c->owner;
    size_t got = 0;

    switch (stream_read(&c->stream, s->room, sizeof s->room, &got)) {
    case STREAM_OK: return run_fresh(c, slice_of(s->room, got));
    case STREAM_AGAIN: return true;
    case STREAM_END:
    case STREAM_BROKEN: break;
    }
    return false;
}

static void on_ready(struct loop_io *io, unsigned events)
{
    struct connection *c = CONTAINER_OF(io, struct connection, io);
    bool is_good = true;

    if (events & LOOP_HANGUP && is_waiting(c)) {
        drop(c);
        return;
    }
    if (events & LOOP_WRITE)
        is_good = flush(c) && run_left_over(c);
    if (is_good && events & LOOP_READ && c->out.len == 0 && !is_waiting(c))
        is_good = read_more(c);
    if (!is_good) {
        drop(c);
        return;
    }
    if (c->owner->newest != c) {
        unlink_connection(c);
        link_newest(c);
    }
    watch(c);
}

static void on_answer(struct lookup_waiter *w, struct slice reply)
{
    struct connection *c = CONTAINER_OF(w, struct connection, waiter);

    if (send_reply(c, reply) && run_left_over(c))
        watch(c);
    else
        drop(c);
}

/* -- accepting --------------------------------------------------------------------------------------------------- */

static struct slice peer_key(int fd, const struct net_address *address, char out[static NET_ADDRESS_TEXT])
{
    struct ucred who = { .uid = 0 };
    socklen_t len = sizeof who;

    if (address->sa.any.sa_family != AF_UNIX)
        return net_address_limit_key(address, out);
    (void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len);
    (void)snprintf(out, NET_ADDRESS_TEXT, "uid %u", who.uid);
    return slice_str(out);
}

/* Users and loopback addresses are few; beyond a bound all others share one. */
static struct socketmap_peer *find_peer(struct socketmap *s, int fd, const struct net_address *address)
{
    char text[NET_ADDRESS_TEXT];
    struct slice key = peer_key(fd, address, text);
    struct socketmap_peer *p;

    if (map_count(&s->peers) >= PEERS_MOST && map_get(&s->peers, key) == NULL)
        key = SLICE_LIT("others");
    p = map_get(&s->peers, key);
    if (p == NULL) {
        p = NEW(struct socketmap_peer);
        (void)map_put(&s->peers, key, p);
    }
    return p;
}

/* The one that was silent longest; among those that wait for a reply, if need be. */
static void make_room(struct socketmap *s)
{
    struct connection *c = s->oldest;

    while (c != NULL && is_waiting(c))
        c = c->newer;
    if (c == NULL)
        c = s->oldest;
    if (c != NULL && s->connections >= SOCKETMAP_CONNECTIONS_MOST)
        drop(c);
}

static void open_connection(struct socketmap *s, int fd, const struct net_address *address)
{
    struct connection *c;

    make_room(s);
    c = NEW(struct connection);
    c->owner = s;
    c->peer = find_peer(s, fd, address);
    c->io.ready = on_ready;
    c->waiter.done = on_answer;
    stream_init_accepted(&c->stream, fd);
    buf_init(&c->in, INPUT_MAX);
    buf_init(&c->out, OUTPUT_MAX);
    link_newest(c);
    s->connections++;
    count_add(s->counters, COUNT_CONNECTIONS, 1);
    count_add(s->counters, COUNT_CONNECTIONS_OPEN, 1);
    watch(c);
}

static void on_connection(struct loop_io *io, unsigned events)
{
    struct socketmap *s = CONTAINER_OF(io, struct socketmap, io);

    (void)events;
    for (int i = 0; i < ACCEPTS_PER_ROUND; i++) {
        struct net_address address;
        int fd = -1;

        switch (listener_accept(s->listener, &fd, &address)) {
        case LISTENER_ACCEPTED: open_connection(s, fd, &address); break;
        case LISTENER_NONE: return;
        case LISTENER_FULL:
            loop_watch(s->loop, &s->io, s->listener->fd, 0);
            loop_timer_set(s->loop, &s->again, ACCEPT_AGAIN_MS);
            return;
        }
    }
}

static void on_again(struct loop_timer *t)
{
    struct socketmap *s = CONTAINER_OF(t, struct socketmap, again);

    loop_watch(s->loop, &s->io, s->listener->fd, LOOP_READ);
}

struct socketmap *socketmap_new(struct loop *loop, struct listener *listener, struct lookups *lookups,
                                struct bridge_counters *counters)
{
    struct socketmap *s = NEW(struct socketmap);

    s->loop = loop;
    s->listener = listener;
    s->lookups = lookups;
    s->counters = counters;
    map_init(&s->peers);
    buf_init(&s->unknown_map, ANSWER_MAX);
    (void)!netstring_add(&s->unknown_map, ANSWER_UNKNOWN_MAP);
    s->io.ready = on_connection;
    s->again.fire = on_again;
    loop_watch(loop, &s->io, listener->fd, LOOP_READ);
    return s;
}

void socketmap_free(struct socketmap *s)
{
    struct map_entry *at = NULL;
    struct slice key;
    void *peer;

    if (s == NULL)
        return;
    while (s->oldest != NULL)
        drop(s->oldest);
    loop_unwatch(s->loop, &s->io);
    loop_timer_clear(s->loop, &s->again);
    while (map_next(&s->peers, &at, &key, &peer))
        free(peer);
    map_release(&s->peers);
    buf_release(&s->unknown_map);
    free(s);
}
