#include "net/dialer.h"

#include "base/memory.h"

#include <stdio.h>

static void note(struct dialer *d, size_t address, const char *what)
{
    char ip[NET_ADDRESS_TEXT];
    size_t used = strlen(d->text);

    (void)snprintf(d->text + used, sizeof d->text - used, "%s%s: %s", used > 0 ? "; " : "",
                   net_address_text(&d->addresses[address], ip), what);
}

static void close_try(struct dialer *d, struct dial_try *t)
{
    if (!t->is_open)
        return;
    loop_unwatch(d->loop, &t->io);
    stream_close(&t->stream);
    t->is_open = false;
}

static void stop(struct dialer *d)
{
    loop_timer_clear(d->loop, &d->stagger);
    loop_timer_clear(d->loop, &d->deadline);
    for (size_t i = 0; i < DIAL_MOST; i++)
        if (i != d->winner)
            close_try(d, &d->tries[i]);
}

static void finish(struct dialer *d, size_t winner)
{
    d->winner = winner;
    stop(d);
    if (d->text[0] == '\0')
        (void)snprintf(d->text, sizeof d->text, "there was no address to connect to");
    d->done(d);
}

static bool has_open_try(const struct dialer *d)
{
    for (size_t i = 0; i < DIAL_MOST; i++)
        if (d->tries[i].is_open)
            return true;
    return false;
}

static void on_ready(struct loop_io *io, unsigned events);

/* False: it failed at once, and was noted. */
static bool try_address(struct dialer *d, size_t i)
{
    struct dial_try *t = &d->tries[i];
    const struct net_address *to = &d->addresses[i];
    const struct net_address *from = to->sa.any.sa_family == AF_INET6 ? d->from6 : d->from4;
    struct fault why;

    t->dialer = d;
    t->address = i;
    t->io.ready = on_ready;
    if (stream_connect(&t->stream, to, from, &why) != OK) {
        note(d, i, why.text);
        return false;
    }
    t->is_open = true;
    loop_watch(d->loop, &t->io, t->stream.fd, LOOP_WRITE);
    return true;
}

/* Starts the next address that does not fail at once; ends the dialing when none is left. */
static void advance(struct dialer *d)
{
    while (d->next < d->addresses_len) {
        if (!try_address(d, d->next++))
            continue;
        loop_timer_set(d->loop, &d->stagger, DIAL_STAGGER_MS);
        return;
    }
    loop_timer_clear(d->loop, &d->stagger);
    if (!has_open_try(d))
        finish(d, d->addresses_len);
}

static void on_ready(struct loop_io *io, unsigned events)
{
    struct dial_try *t = CONTAINER_OF(io, struct dial_try, io);
    struct dialer *d = t->dialer;

    (void)events;
    switch (stream_connected(&t->stream)) {
    case STREAM_OK:
        finish(d, t->address);
        return;
    case STREAM_AGAIN:
        return;
    case STREAM_END:
    case STREAM_BROKEN:
        note(d, t->address, stream_error(&t->stream));
        close_try(d, t);
        advance(d);
    }
}

static void on_stagger(struct loop_timer *timer)
{
    advance(CONTAINER_OF(timer, struct dialer, stagger));
}

static void on_deadline(struct loop_timer *timer)
{
    struct dialer *d = CONTAINER_OF(timer, struct dialer, deadline);

    for (size_t i = 0; i < DIAL_MOST; i++)
        if (d->tries[i].is_open)
            note(d, i, "no answer in time");
    finish(d, d->addresses_len);
}

void dialer_start(struct dialer *d, struct loop *loop, const struct net_address *addresses, size_t addresses_len,
                  const struct net_address *from4, const struct net_address *from6, int64_t timeout_ms)
{
    d->loop = loop;
    d->addresses = addresses;
    d->addresses_len = addresses_len < DIAL_MOST ? addresses_len : DIAL_MOST;
    d->from4 = from4;
    d->from6 = from6;
    d->winner = DIAL_MOST;
    d->stagger.fire = on_stagger;
    d->deadline.fire = on_deadline;
    loop_timer_set(loop, &d->deadline, timeout_ms);
    /* From the timer, so that done never runs inside this call. */
    loop_timer_set(loop, &d->stagger, 0);
}

void dialer_take(struct dialer *d, struct stream *out)
{
    struct dial_try *t = &d->tries[d->winner];

    loop_unwatch(d->loop, &t->io);
    *out = t->stream;
    t->is_open = false;
}

void dialer_release(struct dialer *d)
{
    if (d->loop == NULL)
        return;
    stop(d);
    if (d->winner < DIAL_MOST)
        close_try(d, &d->tries[d->winner]);
    d->loop = NULL;
}
