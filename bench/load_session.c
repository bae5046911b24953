#include "load_session.h"

#include "base/utf8.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { CHUNK = 65536 };
#define REST_S 0.05 /* after a failure, so that a server that is down is not hammered */

static void go_to_rest(struct load_session *s)
{
    if (s->step != AT_REST && s->step < AT_HELD)
        s->load->opening--;
    if (s->step == AT_HELD)
        s->load->held--;
    wire_close(&s->wire);
    s->step = AT_REST;
    s->sent_here = 0;
}

static void wait_until(struct load_session *s, double due)
{
    s->due = due;
    s->load->waiting++;
}

/* The connection failed; what it carried may or may not have been accepted. */
static void broke(struct load_session *s)
{
    s->load->broken++;
    s->has_message = false;
    go_to_rest(s);
    wait_until(s, wire_now() + REST_S);
}

static void refused(struct load_session *s, struct slice text)
{
    struct load *l = s->load;

    if (l->first_refusal[0] == '\0')
        (void)utf8_printable(slice_first(text, sizeof l->first_refusal - 1), l->first_refusal,
                             sizeof l->first_refusal - 1);
    l->refused++;
    s->has_message = false;
    go_to_rest(s);
    wait_until(s, wire_now() + REST_S);
}

static void say(struct load_session *s, struct slice text, enum load_step step)
{
    s->step = step;
    if (!wire_say(&s->wire, text) || wire_flush(&s->wire) == WIRE_CLOSED)
        broke(s);
}

static void say_ehlo(struct load_session *s)
{
    say(s, SLICE_LIT("EHLO bench.example\r\n"), AT_EHLO);
}

static void say_mail(struct load_session *s)
{
    char text[256];
    int len = snprintf(text, sizeof text, "MAIL FROM:<load@bench.example>\r\n");

    if (s->pipelining)
        len += snprintf(text + len, sizeof text - (size_t)len, "RCPT TO:<%s>\r\nDATA\r\n", s->rcpt);
    say(s, slice_of(text, (size_t)len), AT_MAIL);
}

static void say_rcpt(struct load_session *s)
{
    char text[128];
    int len = snprintf(text, sizeof text, "RCPT TO:<%s>\r\n", s->rcpt);

    s->step = AT_RCPT;
    if (!s->pipelining)
        say(s, slice_of(text, (size_t)len), AT_RCPT);
}

static void say_data(struct load_session *s)
{
    s->step = AT_DATA;
    if (!s->pipelining)
        say(s, SLICE_LIT("DATA\r\n"), AT_DATA);
}

static bool is_last_here(const struct load_session *s)
{
    const struct load *l = s->load;

    return s->sent_here + 1 >= l->per_connection || l->begun >= l->messages;
}

static void send_body(struct load_session *s)
{
    static char chunk[CHUNK];
    enum wire_state st = WIRE_OK;
    size_t taken, len;

    s->step = AT_BODY;
    while (st == WIRE_OK && (len = letter_read(&s->letter, s->at, chunk, sizeof chunk)) > 0) {
        st = wire_send(&s->wire, slice_of(chunk, len), &taken);
        s->at += taken;
    }
    if (st == WIRE_CLOSED) {
        broke(s);
        return;
    }
    if (s->at < letter_len(&s->letter))
        return;
    (void)wire_flush(&s->wire); /* nothing is queued: epoll need not watch for room any more */
    s->sent_at = wire_now();
    s->step = AT_END;
}

/* QUIT goes in one write with the end of the last message of a connection, as Postfix does it. */
static void say_body(struct load_session *s)
{
    bool quits = s->pipelining && is_last_here(s);

    letter_write(&s->letter, s->load->run, s->number, s->rcpt, s->load->size,
                 quits ? SLICE_LIT("QUIT\r\n") : SLICE_LIT(""));
    s->has_quit = quits;
    s->at = 0;
    send_body(s);
}

static void count_accepted(struct load_session *s)
{
    struct load *l = s->load;

    l->ended = wire_now();
    l->latency_us[l->accepted++] = (uint32_t)((l->ended - s->sent_at) * 1e6);
    if (l->record != NULL)
        (void)fprintf(l->record, "%s\n", s->letter.id);
    s->has_message = false;
    s->sent_here++;
}

static void after_end(struct load_session *s)
{
    count_accepted(s);
    if (s->has_quit)
        s->step = AT_QUIT;
    else if (s->sent_here >= s->load->per_connection || s->load->begun >= s->load->messages)
        say(s, SLICE_LIT("QUIT\r\n"), AT_QUIT);
    else
        load_session_next(s);
}

static void after_quit(struct load_session *s)
{
    go_to_rest(s);
    load_session_next(s);
}

/* Greeted, in TLS where that is asked for. */
static void ready(struct load_session *s)
{
    s->load->opening--;
    s->load->connections++;
    if (!s->load->holds) {
        say_mail(s);
        return;
    }
    s->step = AT_HELD;
    s->load->held++;
}

static void after_ehlo(struct load_session *s)
{
    if (s->load->tls == NULL || s->wire.tls != NULL)
        ready(s);
    else if (s->offers_tls)
        say(s, SLICE_LIT("STARTTLS\r\n"), AT_STARTTLS);
    else
        refused(s, SLICE_LIT("STARTTLS is not offered"));
}

static void shake_hands(struct load_session *s)
{
    enum wire_state st = wire_handshake(&s->wire);

    if (st == WIRE_CLOSED) {
        broke(s);
    } else if (st == WIRE_OK) {
        s->load->handshakes++;
        say_ehlo(s);
    }
}

static void after_starttls(struct load_session *s)
{
    wire_start_tls(&s->wire, s->load->tls, false);
    s->step = AT_HANDSHAKE;
    shake_hands(s);
}

/* What each step waits for, and what follows it. */
static const struct {
    unsigned code;
    void (*then)(struct load_session *s);
} steps[LOAD_STEPS] = {
    [AT_GREETING] = { 220, say_ehlo }, [AT_EHLO] = { 250, after_ehlo }, [AT_STARTTLS] = { 220, after_starttls },
    [AT_MAIL] = { 250, say_rcpt },     [AT_RCPT] = { 250, say_data },   [AT_DATA] = { 354, say_body },
    [AT_END] = { 250, after_end },     [AT_QUIT] = { 221, after_quit },
};

static void take_line(struct load_session *s, struct slice line)
{
    struct slice text = slice_from(line, 4);
    uint64_t code;

    if (s->step == AT_EHLO) {
        s->pipelining |= slice_eq_case(text, SLICE_LIT("PIPELINING"));
        s->offers_tls |= slice_eq_case(text, SLICE_LIT("STARTTLS"));
    }
    if (line.len > 3 && line.ptr[3] == '-')
        return;
    if (slice_to_u64(slice_first(line, 3), &code) && code == steps[s->step].code)
        steps[s->step].then(s);
    else if (s->step == AT_QUIT)
        after_quit(s);
    else
        refused(s, line);
}

static void take_input(struct load_session *s)
{
    enum wire_state st;
    struct slice line;

    do {
        st = wire_fill(&s->wire);
        if (st == WIRE_CLOSED) {
            if (s->step == AT_QUIT)
                after_quit(s);
            else
                broke(s);
            return;
        }
        while (s->step != AT_REST && s->step != AT_HANDSHAKE && wire_line(&s->wire, &line))
            take_line(s, line);
    } while (st == WIRE_OK && s->step > AT_GREETING && s->step != AT_HANDSHAKE && wire_has_more(&s->wire));
}

void load_session_event(struct load_session *s)
{
    if (s->step == AT_REST)
        return;
    if (s->step == AT_HANDSHAKE) {
        shake_hands(s);
        return;
    }
    if (s->step == AT_BODY)
        send_body(s);
    else if (wire_flush(&s->wire) == WIRE_CLOSED)
        broke(s);
    if (s->step != AT_REST && s->step != AT_HANDSHAKE)
        take_input(s);
}

static void dial(struct load_session *s)
{
    struct load *l = s->load;
    struct sockaddr_in from = { .sin_family = AF_INET };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        perror("socket");
        exit(1);
    }
    s->pipelining = s->offers_tls = false;
    s->sent_here = 0;
    l->opening++;
    s->step = AT_GREETING;
    wire_open(&s->wire, fd, l->epoll_fd, s);
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + s->index % l->sources);
    if (l->sources > 1 && bind(fd, (struct sockaddr *)&from, sizeof from) != 0)
        perror("bind");
    if (connect(fd, (struct sockaddr *)&l->to, sizeof l->to) != 0 && errno != EINPROGRESS)
        broke(s);
}

/* False when the next message is not due yet: the session waits. */
static bool take_turn(struct load_session *s)
{
    struct load *l = s->load;
    double due = l->rate > 0 ? l->started + (double)l->begun / l->rate : 0;

    if (due > wire_now()) {
        wait_until(s, due);
        return false;
    }
    s->number = l->begun++;
    s->has_message = true;
    (void)snprintf(s->rcpt, sizeof s->rcpt, "r%u@d%u.example", s->index, (unsigned)(s->number % l->domains));
    return true;
}

void load_session_next(struct load_session *s)
{
    struct load *l = s->load;

    if (l->holds) {
        dial(s);
        return;
    }
    if (l->begun >= l->messages) {
        go_to_rest(s);
        l->running--;
        return;
    }
    if (!take_turn(s))
        return;
    if (s->step == AT_REST)
        dial(s);
    else
        say_mail(s);
}
