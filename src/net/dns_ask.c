#include "net/dns_ask.h"

#include "base/memory.h"
#include "net/loop.h"

#include <errno.h>
#include <unistd.h>

enum { HEADER = 12, MESSAGE_MAX = 65535, UDP_MAX = 4096, AGAIN_MS = 1200, LABEL_MAX = 63, NAME_MAX_WIRE = 255 };
enum { FLAG_ANSWER = 0x80, FLAG_CUT = 0x02, CLASS_IN = 1, TYPE_OPT = 41, UDP_TAKEN = 1232 };

/* -- the question ------------------------------------------------------------------------------------------- */

static bool add(struct buf *out, const void *bytes, size_t len)
{
    return buf_add(out, slice_of(bytes, len)) == OK;
}

static bool add_u16(struct buf *out, unsigned n)
{
    const unsigned char bytes[] = { (unsigned char)(n >> 8), (unsigned char)n };

    return add(out, bytes, sizeof bytes);
}

static bool add_name(struct buf *out, struct slice name)
{
    size_t wire = 1;

    while (name.len > 0) {
        struct slice label = slice_cut(name, '.', &name);
        unsigned char len = (unsigned char)label.len;

        wire += label.len + 1;
        if (label.len == 0 || label.len > LABEL_MAX || wire > NAME_MAX_WIRE || !add(out, &len, 1) ||
            buf_add(out, label) != OK)
            return false;
    }
    return add(out, "", 1);
}

bool dns_question_write(struct slice name, enum dns_type type, uint16_t id, struct buf *out)
{
    static const unsigned char counts[] = { 0, 0, 0, 1, 0, 0, 0, 0, 0, 1 };
    static const unsigned char opt_rest[] = { 0, 0, 0, 0, 0, 0 };

    return add_u16(out, id) && add(out, counts, sizeof counts) && add_name(out, name) && add_u16(out, type) &&
           add_u16(out, CLASS_IN) && add(out, "", 1) && add_u16(out, TYPE_OPT) && add_u16(out, UDP_TAKEN) &&
           add(out, opt_rest, sizeof opt_rest); /* RFC 6891 */
}

/* -- asking ------------------------------------------------------------------------------------------------- */

static void close_socket(struct dns_ask *a)
{
    if (!a->is_open)
        return;
    loop_unwatch(a->loop, &a->io);
    stream_close(&a->stream);
    a->is_open = false;
}

static void over(struct dns_ask *a, enum status st)
{
    a->status = st;
    close_socket(a);
    loop_timer_clear(a->loop, &a->deadline);
    loop_timer_clear(a->loop, &a->again);
    a->done(a);
}

static void fail(struct dns_ask *a, const char *text)
{
    char at[NET_ADDRESS_TEXT];

    over(a, fault_set(&a->why, ERR_TEMPORARY, "%s does not answer: %s", net_address_text(&a->server, at), text));
}

static bool is_answer(const struct dns_ask *a, struct slice m)
{
    return m.len >= HEADER && memcmp(m.ptr, a->message.ptr, 2) == 0 && ((unsigned char)m.ptr[2] & FLAG_ANSWER) != 0;
}

/* -- by TCP ------------------------------------------------------------------------------------------------- */

static enum stream_result write_out(struct dns_ask *a)
{
    enum stream_result r = STREAM_OK;

    while (r == STREAM_OK && buf_slice(&a->out).len > 0) {
        size_t put;

        r = stream_write(&a->stream, buf_slice(&a->out), &put);
        buf_consume(&a->out, put);
    }
    return r;
}

/* The length in front of the message (RFC 1035 section 4.2.2). */
static bool is_whole(const struct dns_ask *a)
{
    struct slice in = buf_slice(&a->in);

    return in.len >= 2 && in.len >= 2U + ((unsigned)(unsigned char)in.ptr[0] << 8 | (unsigned char)in.ptr[1]);
}

static enum stream_result read_in(struct dns_ask *a)
{
    enum stream_result r = STREAM_OK;

    while (r == STREAM_OK && !is_whole(a)) {
        size_t room, got;
        char *at = buf_room(&a->in, 4096, &room);

        r = stream_read(&a->stream, at, room, &got);
        buf_grew(&a->in, got);
    }
    return r;
}

static void on_tcp(struct dns_ask *a)
{
    enum stream_result r = a->is_connected ? STREAM_OK : stream_connected(&a->stream);

    a->is_connected |= r == STREAM_OK;
    if (r == STREAM_OK)
        r = write_out(a);
    if (r == STREAM_OK)
        r = read_in(a);
    if (r == STREAM_AGAIN) {
        loop_watch(a->loop, &a->io, a->stream.fd, stream_wants(&a->stream));
        return;
    }
    a->answer = slice_from(buf_slice(&a->in), 2);
    if (r != STREAM_OK)
        fail(a, r == STREAM_END ? "it hung up" : stream_error(&a->stream));
    else if (!is_answer(a, a->answer))
        fail(a, "what came is no answer to the question");
    else
        over(a, OK);
}

static void start_tcp(struct dns_ask *a)
{
    const unsigned char len[] = { (unsigned char)(a->message.len >> 8), (unsigned char)a->message.len };
    struct fault why;

    close_socket(a);
    a->is_tcp = true;
    loop_timer_clear(a->loop, &a->again);
    buf_reset(&a->in);
    if (!add(&a->out, len, sizeof len) || buf_add(&a->out, a->message) != OK ||
        stream_connect(&a->stream, &a->server, NULL, &why) != OK) {
        fail(a, "no connection can be made");
        return;
    }
    a->is_open = true;
    loop_watch(a->loop, &a->io, a->stream.fd, LOOP_WRITE);
}

/* -- by UDP ------------------------------------------------------------------------------------------------- */

static void say_by_udp(struct dns_ask *a)
{
    (void)!send(a->stream.fd, a->message.ptr, a->message.len, MSG_NOSIGNAL); /* said again when nothing comes */
    loop_timer_set(a->loop, &a->again, AGAIN_MS);
}

static void on_udp(struct dns_ask *a)
{
    size_t room;
    char *at = buf_room(&a->in, UDP_MAX, &room);
    ssize_t n = recv(a->stream.fd, at, room, 0);
    struct slice m = slice_of(at, n < 0 ? 0 : (size_t)n);

    if (n < 0 && errno == ECONNREFUSED) {
        fail(a, "nobody listens there");
    } else if (is_answer(a, m) && ((unsigned char)m.ptr[2] & FLAG_CUT) != 0) {
        start_tcp(a);
    } else if (is_answer(a, m)) {
        buf_grew(&a->in, m.len);
        a->answer = buf_slice(&a->in);
        over(a, OK);
    }
}

static void start_udp(struct dns_ask *a)
{
    int fd = socket(a->server.sa.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, &a->server.sa.any, a->server.len) != 0) {
        int why = errno;

        close(fd);
        errno = why;
        fd = -1;
    }
    if (fd < 0) {
        a->has_no_route = errno == ENETUNREACH || errno == EAFNOSUPPORT;
        fail(a, strerror(errno));
        return;
    }
    stream_init_accepted(&a->stream, fd);
    a->is_open = true;
    loop_watch(a->loop, &a->io, fd, LOOP_READ);
    say_by_udp(a);
}

/* -- the whole ---------------------------------------------------------------------------------------------- */

static void on_ready(struct loop_io *io, unsigned events)
{
    struct dns_ask *a = CONTAINER_OF(io, struct dns_ask, io);

    (void)events;
    (a->is_tcp ? on_tcp : on_udp)(a);
}

/* The first time: it begins. */
static void on_again(struct loop_timer *t)
{
    struct dns_ask *a = CONTAINER_OF(t, struct dns_ask, again);

    if (a->is_open)
        say_by_udp(a);
    else
        (a->by_tcp ? start_tcp : start_udp)(a);
}

static void on_deadline(struct loop_timer *t)
{
    fail(CONTAINER_OF(t, struct dns_ask, deadline), "it was silent too long");
}

void dns_ask_start(struct dns_ask *a, struct loop *loop)
{
    a->loop = loop;
    a->io.ready = on_ready;
    a->again.fire = on_again;
    a->deadline.fire = on_deadline;
    buf_init(&a->in, MESSAGE_MAX + 2);
    buf_init(&a->out, MESSAGE_MAX + 2);
    loop_timer_set(loop, &a->again, 0);
    loop_timer_set(loop, &a->deadline, DNS_ASK_TIMEOUT_MS);
}

void dns_ask_release(struct dns_ask *a)
{
    if (a->loop == NULL)
        return;
    close_socket(a);
    loop_timer_clear(a->loop, &a->deadline);
    loop_timer_clear(a->loop, &a->again);
    buf_release(&a->in);
    buf_release(&a->out);
    a->loop = NULL;
}
