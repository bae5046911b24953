#include "cli/trimmer.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"

enum { AT_ONCE = 1000, IDLE_S = 60, BUSY_MS = 100 };

struct trimmer {
    struct store *store;
    int64_t keep_s;
    struct handoff *replies;
    struct event *on_reply, *on_time;
    struct store_request request;
    bool is_sent;
};

static void trim(evutil_socket_t fd, short what, void *ctx)
{
    struct trimmer *t = ctx;

    (void)fd;
    (void)what;
    t->request = (struct store_request){
        .verb = STORE_TRIM,
        .reply_to = t->replies,
        .before_s = clock_wall_s() - t->keep_s,
        .limit = AT_ONCE,
    };
    t->is_sent = true;
    store_send(t->store, &t->request);
}

/* When there was as much as one request takes there may be more: soon again, but mail goes first. */
static void on_reply(evutil_socket_t fd, short what, void *ctx)
{
    struct trimmer *t = ctx;
    struct timeval tv = { .tv_sec = IDLE_S };

    (void)fd;
    (void)what;
    if (handoff_take(t->replies) == NULL)
        return;
    if (t->request.status == OK && t->request.count >= AT_ONCE)
        tv = (struct timeval){ .tv_usec = BUSY_MS * 1000 };
    if (t->request.status != OK)
        log_warning(NULL, "cannot forget old traces", LOG_CSTR("why", t->request.why.text));
    arena_release(&t->request.arena);
    t->is_sent = false;
    (void)event_add(t->on_time, &tv);
}

struct trimmer *trimmer_new(struct event_base *base, struct store *store, int64_t keep_s)
{
    struct trimmer *t = NEW(struct trimmer);
    struct timeval soon = { .tv_sec = 1 };

    t->store = store;
    t->keep_s = keep_s;
    t->replies = handoff_new();
    t->on_reply = event_new(base, handoff_fd(t->replies), EV_READ | EV_PERSIST, on_reply, t);
    t->on_time = event_new(base, -1, 0, trim, t);
    (void)event_add(t->on_reply, NULL);
    (void)event_add(t->on_time, &soon);
    return t;
}

void trimmer_free(struct trimmer *t)
{
    if (t == NULL)
        return;
    while (t->is_sent && handoff_wait(t->replies, -1))
        on_reply(-1, 0, t);
    event_free(t->on_reply);
    event_free(t->on_time);
    handoff_free(t->replies);
    free(t);
}
