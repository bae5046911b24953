#include "bridge/collector.h"

#include "base/log.h"
#include "base/memory.h"
#include "net/handoff.h"
#include "reports/record.h"
#include "tlsrpt/datagram.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    BATCH = 64,
    RECEIVE_BUFFER = 8 * 1024 * 1024,
    SAMPLES_A_MINUTE = 5, /* of bad datagrams, in the log */
    SAMPLE_BYTES = 200,
    MINUTE_MS = 60 * 1000,
    TURN_NS = 100 * 1000,
};

/* Datagrams of one batch, one behind the other. */
struct parcel {
    struct handoff_item item; /* first */
    size_t count, bytes;
    size_t lengths[BATCH];
    bool is_last;
    char data[];
};

/* Sparse: only what a datagram fills is ever touched. */
struct room {
    struct mmsghdr headers[BATCH];
    struct iovec parts[BATCH];
    char bytes[BATCH][TLSRPT_DATAGRAM_MAX];
};

struct collector {
    int fd, stop_fd;
    struct bridge_counters *counters;
    struct own_reports *own;
    struct handoff *parcels;
    _Atomic size_t backlog; /* bytes in parcels */
    pthread_t drainer, reader;
    bool is_draining, is_reading;

    /* Of the reader alone. */
    struct loop *loop;
    struct loop_io io;
    struct recorder *recorder;
    struct arena arena;
    int64_t minute_ms;
    unsigned samples;
};

/* -- taking them off the socket ------------------------------------------------------------------------------ */

static struct room *new_room(void)
{
    struct room *r = NEW(struct room);

    for (size_t i = 0; i < BATCH; i++) {
        r->parts[i] = (struct iovec){ .iov_base = r->bytes[i], .iov_len = sizeof r->bytes[i] };
        r->headers[i].msg_hdr = (struct msghdr){ .msg_iov = &r->parts[i], .msg_iovlen = 1 };
    }
    return r;
}

static size_t usable_bytes(const struct mmsghdr *m)
{
    return m->msg_hdr.msg_flags & MSG_TRUNC ? 0 : m->msg_len;
}

static void pass_on(struct collector *c, const struct room *r, size_t count)
{
    size_t bytes = 0, cut = 0;
    struct parcel *p;
    char *at;

    for (size_t i = 0; i < count; i++) {
        bytes += usable_bytes(&r->headers[i]);
        cut += (r->headers[i].msg_hdr.msg_flags & MSG_TRUNC) != 0;
    }
    count_add(c->counters, COUNT_DATAGRAMS, (int64_t)count);
    count_add(c->counters, COUNT_DATAGRAMS_CUT, (int64_t)cut);
    if (atomic_load(&c->backlog) + bytes > COLLECTOR_BACKLOG_BYTES) {
        count_add(c->counters, COUNT_DATAGRAMS_DROPPED, (int64_t)(count - cut));
        return;
    }
    (void)atomic_fetch_add(&c->backlog, bytes);
    p = mem_new(1, sizeof *p + bytes);
    at = p->data;
    for (size_t i = 0; i < count; i++) {
        size_t len = usable_bytes(&r->headers[i]);

        if (r->headers[i].msg_hdr.msg_flags & MSG_TRUNC)
            continue;
        memcpy(at, r->bytes[i], len);
        at += len;
        p->lengths[p->count++] = len;
    }
    p->bytes = bytes;
    handoff_put(c->parcels, &p->item);
}

/* False: nothing waits any more. */
static bool take_batch(struct collector *c, struct room *r)
{
    int n;

    for (size_t i = 0; i < BATCH; i++)
        r->headers[i].msg_hdr.msg_flags = 0;
    n = recvmmsg(c->fd, r->headers, BATCH, MSG_DONTWAIT, NULL);
    if (n > 0)
        pass_on(c, r, (size_t)n);
    return n > 0 || (n < 0 && errno == EINTR);
}

struct sched_request { /* sched_setattr(2); libc has no name for it */
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns, deadline_ns, period_ns;
};

/* Asks for short turns, which come sooner: on a busy machine the queue of the socket is full within a few
 * milliseconds. Anybody may ask; where the kernel knows no such thing (before 6.12) nothing is lost. */
static void ask_for_short_turns(void)
{
    const struct sched_request wish = { .size = sizeof wish, .policy = SCHED_OTHER, .runtime_ns = TURN_NS };

    (void)syscall(SYS_sched_setattr, 0, &wish, 0);
}

static void *drain(void *arg)
{
    struct collector *c = arg;
    struct room *r = new_room();
    struct pollfd fds[2] = { { .fd = c->fd, .events = POLLIN }, { .fd = c->stop_fd, .events = POLLIN } };
    struct parcel *last = mem_new(1, sizeof *last);

    ask_for_short_turns();
    while (fds[1].revents == 0) {
        (void)poll(fds, COUNT_OF(fds), -1);
        while (take_batch(c, r))
            ;
    }
    free(r);
    last->is_last = true;
    handoff_put(c->parcels, &last->item);
    return NULL;
}

/* -- reading and counting --------------------------------------------------------------------------------------- */

static bool may_sample(struct collector *c)
{
    int64_t now_ms = loop_now_ms(c->loop);

    if (c->minute_ms == 0 || now_ms - c->minute_ms >= MINUTE_MS) {
        c->minute_ms = now_ms;
        c->samples = 0;
    }
    return c->samples++ < SAMPLES_A_MINUTE;
}

static void count_session(struct collector *c, const struct tlsrpt_session *session)
{
    if (own_reports_take(c->own, session->domain, loop_now_ms(c->loop)))
        count_add(c->counters, COUNT_DATAGRAMS_OURS, 1);
    else
        recorder_add(c->recorder, session);
}

static void read_datagram(struct collector *c, struct slice bytes)
{
    struct tlsrpt_session session;
    bool has_warning = false;
    struct fault why = { "" };

    if (tlsrpt_datagram_parse(bytes, &c->arena, &session, &has_warning, &why) != OK) {
        count_add(c->counters, COUNT_DATAGRAMS_BAD, 1);
        if (may_sample(c))
            log_warning(NULL, "a TLSRPT datagram cannot be read", LOG_CSTR("why", why.text),
                        LOG_INT("bytes", bytes.len), LOG_STR("begins", slice_first(bytes, SAMPLE_BYTES)));
    } else {
        if (has_warning && may_sample(c))
            log_warning(NULL, "a TLSRPT datagram is odd", LOG_CSTR("why", why.text),
                        LOG_STR("domain", session.domain));
        count_session(c, &session);
    }
    arena_reset(&c->arena);
}

static void read_parcel(struct collector *c, struct parcel *p)
{
    const char *at = p->data;

    for (size_t i = 0; i < p->count; i++) {
        read_datagram(c, slice_of(at, p->lengths[i]));
        at += p->lengths[i];
    }
    (void)atomic_fetch_sub(&c->backlog, p->bytes);
    if (p->is_last)
        loop_stop(c->loop);
    free(p);
}

static void on_parcels(struct loop_io *io, unsigned events)
{
    struct collector *c = CONTAINER_OF(io, struct collector, io);
    struct handoff_item *item = handoff_take(c->parcels);

    (void)events;
    while (item != NULL) {
        struct parcel *p = CONTAINER_OF(item, struct parcel, item);

        item = item->next;
        read_parcel(c, p);
    }
}

static void *read_and_count(void *arg)
{
    struct collector *c = arg;

    loop_run(c->loop);
    recorder_flush(c->recorder);
    return NULL;
}

/* -- beginning and end -------------------------------------------------------------------------------------------- */

/* Only root may go beyond net.core.rmem_max, which is about 200 KiB. */
static void enlarge_buffer(int fd)
{
    const int size = RECEIVE_BUFFER;

    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

struct collector *collector_new(int fd, struct store *store, struct own_reports *own, struct bridge_counters *counters)
{
    struct collector *c = NEW(struct collector);

    c->fd = fd;
    c->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    c->counters = counters;
    c->own = own;
    c->parcels = handoff_new();
    c->loop = loop_new();
    c->recorder = recorder_new(c->loop, store);
    c->io.ready = on_parcels;
    loop_watch(c->loop, &c->io, handoff_fd(c->parcels), LOOP_READ);
    enlarge_buffer(fd);
    return c;
}

enum status collector_start(struct collector *c, struct fault *why)
{
    if (c->stop_fd < 0)
        return fault_set(why, ERR_TEMPORARY, "cannot start the collector of TLSRPT datagrams: out of descriptors");
    if (pthread_create(&c->reader, NULL, read_and_count, c) != 0)
        return fault_errno(why, "cannot start the thread that counts TLSRPT datagrams");
    c->is_reading = true;
    if (pthread_create(&c->drainer, NULL, drain, c) != 0)
        return fault_errno(why, "cannot start the thread that takes TLSRPT datagrams");
    c->is_draining = true;
    return OK;
}

void collector_stop(struct collector *c)
{
    const uint64_t one = 1;

    if (c->is_draining) {
        (void)!write(c->stop_fd, &one, sizeof one);
        pthread_join(c->drainer, NULL);
    } else if (c->is_reading) {
        struct parcel *last = mem_new(1, sizeof *last);

        last->is_last = true;
        handoff_put(c->parcels, &last->item);
    }
    if (c->is_reading)
        pthread_join(c->reader, NULL);
    c->is_draining = c->is_reading = false;
}

void collector_free(struct collector *c)
{
    if (c == NULL)
        return;
    recorder_free(c->recorder);
    loop_unwatch(c->loop, &c->io);
    loop_free(c->loop);
    handoff_free(c->parcels);
    arena_release(&c->arena);
    if (c->stop_fd >= 0)
        close(c->stop_fd);
    free(c);
}
