#include "sink_session.h"

#include "letter.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { RCPTS_BYTES = 262144 };

struct sink_session {
    struct sink *sink;
    struct sink_session *next, *prev, *next_delayed;
    double due;
    enum sink_stage stage; /* whose answer waits, while `waiting` is there */
    const char *waiting;   /* the answer that is delayed */
    bool in_header, in_data, shakes_hands, is_over, is_damaged;
    size_t body_lines, last_len; /* of a message: lines after the header, and how long the last one was */
    unsigned rcpts_len;
    struct buf rcpts; /* one a line; only when recording */
    char id[SINK_ID];
    struct wire wire;
};

static void forget_delayed(struct sink_session *s)
{
    struct sink_session **at = &s->sink->delayed;

    while (*at != NULL && *at != s)
        at = &(*at)->next_delayed;
    if (*at == s)
        *at = s->next_delayed;
}

static void session_free(struct sink_session *s)
{
    if (s->waiting != NULL)
        forget_delayed(s);
    s->sink->open--;
    if (s->next != NULL)
        s->next->prev = s->prev;
    *(s->prev == NULL ? &s->sink->sessions : &s->prev->next) = s->next;
    wire_close(&s->wire);
    buf_release(&s->rcpts);
    free(s);
}

/* One line for each recipient, on disk's way before the sender gets its 250. */
static void record(struct sink_session *s)
{
    struct slice rcpt, rest = buf_slice(&s->rcpts);
    struct buf lines;

    buf_init(&lines, RCPTS_BYTES + SINK_ID * 1024);
    while (rest.len > 0) {
        rcpt = slice_cut(rest, '\n', &rest);
        (void)!buf_addf(&lines, "%s %.*s\n", s->id, SLICE_FMT(rcpt));
    }
    if (write(s->sink->record_fd, buf_slice(&lines).ptr, lines.len) != (ssize_t)lines.len)
        perror("cannot write the record");
    buf_release(&lines);
}

static void count_message(struct sink_session *s)
{
    struct sink *k = s->sink;
    double now = wire_now();
    size_t second;

    if (k->messages == 0)
        k->first = now;
    k->last = now;
    k->messages++;
    k->recipients += s->rcpts_len;
    k->damaged += s->is_damaged;
    second = (size_t)(now - k->first);
    if (second < SINK_SECONDS)
        k->per_second[second]++;
    if (k->record_fd >= 0)
        record(s);
}

static void start_tls(struct sink_session *s)
{
    /* What came behind STARTTLS in clear is not believed (RFC 3207 section 4.2). */
    if (wire_has_input(&s->wire) || wire_flush(&s->wire) != WIRE_OK) {
        s->is_over = true;
        return;
    }
    wire_start_tls(&s->wire, s->sink->tls, true);
    s->shakes_hands = true;
}

/* What a positive answer means. */
static void accepted(struct sink_session *s, enum sink_stage stage)
{
    if (stage == AT_RCPT) {
        s->rcpts_len++;
    } else if (stage == AT_DATA) {
        s->in_data = s->in_header = true;
        s->id[0] = '\0';
        s->is_damaged = false;
        s->body_lines = 0;
    } else if (stage == AT_END) {
        count_message(s);
    } else if (stage == AT_STARTTLS) {
        start_tls(s);
    }
}

static void give(struct sink_session *s, enum sink_stage stage, const char *text)
{
    bool is_good = text[0] == '2' || text[0] == '3';

    if (strcmp(text, "drop") == 0 || !wire_say(&s->wire, slice_str(text)) || !wire_say(&s->wire, SLICE_LIT("\r\n"))) {
        s->is_over = true;
        return;
    }
    if (!is_good)
        s->sink->refused++;
    else
        accepted(s, stage);
    if (stage == AT_QUIT || strncmp(text, "421", 3) == 0) {
        (void)wire_flush(&s->wire);
        s->is_over = true;
    }
}

/* Gives the usual answer of the stage or what it was changed to, now or later. */
static void answer(struct sink_session *s, enum sink_stage stage, const char *usual)
{
    struct sink_answer *a = &s->sink->answers[stage];
    bool is_changed = a->every <= 1 || ++a->reached % a->every == 0;

    if (is_changed && a->text != NULL)
        usual = a->text;
    if (!is_changed || a->delay_s == 0) {
        give(s, stage, usual);
        return;
    }
    (void)wire_flush(&s->wire);
    wire_pause(&s->wire, true);
    s->waiting = usual;
    s->stage = stage;
    s->due = wire_now() + a->delay_s;
    s->next_delayed = s->sink->delayed;
    s->sink->delayed = s;
}

static void reset(struct sink_session *s)
{
    s->rcpts_len = 0;
    buf_reset(&s->rcpts);
}

static void on_ehlo(struct sink_session *s, struct slice line)
{
    static const char with_tls[] = "250-sink.example\r\n250-PIPELINING\r\n250-STARTTLS\r\n250 8BITMIME";
    static const char in_clear[] = "250-sink.example\r\n250-PIPELINING\r\n250 8BITMIME";
    static const char slow_with_tls[] = "250-sink.example\r\n250-STARTTLS\r\n250 8BITMIME";
    static const char slow[] = "250-sink.example\r\n250 8BITMIME";
    bool offers_tls = s->sink->tls != NULL && s->wire.tls == NULL;

    (void)line;
    reset(s);
    if (s->sink->hides_pipelining)
        answer(s, AT_EHLO, offers_tls ? slow_with_tls : slow);
    else
        answer(s, AT_EHLO, offers_tls ? with_tls : in_clear);
}

static void on_helo(struct sink_session *s, struct slice line)
{
    (void)line;
    reset(s);
    answer(s, AT_EHLO, "250 sink.example");
}

static void on_starttls(struct sink_session *s, struct slice line)
{
    (void)line;
    if (s->sink->tls == NULL || s->wire.tls != NULL)
        answer(s, AT_OTHER, "503 no TLS here");
    else
        answer(s, AT_STARTTLS, "220 go ahead");
}

static void on_mail(struct sink_session *s, struct slice line)
{
    (void)line;
    reset(s);
    answer(s, AT_MAIL, "250 ok");
}

static void on_rcpt(struct sink_session *s, struct slice line)
{
    struct slice address, rest;

    if (s->sink->record_fd >= 0) {
        (void)slice_cut(line, '<', &rest);
        address = slice_cut(rest, '>', &rest);
        if (buf_add(&s->rcpts, address) != OK || buf_add(&s->rcpts, SLICE_LIT("\n")) != OK) {
            answer(s, AT_OTHER, "452 too many recipients");
            return;
        }
    }
    answer(s, AT_RCPT, "250 ok");
}

static void on_data(struct sink_session *s, struct slice line)
{
    (void)line;
    if (s->rcpts_len == 0)
        answer(s, AT_OTHER, "503 no recipients");
    else
        answer(s, AT_DATA, "354 go on");
}

static void on_rset(struct sink_session *s, struct slice line)
{
    (void)line;
    reset(s);
    answer(s, AT_OTHER, "250 ok");
}

static void on_noop(struct sink_session *s, struct slice line)
{
    (void)line;
    answer(s, AT_OTHER, "250 ok");
}

static void on_quit(struct sink_session *s, struct slice line)
{
    (void)line;
    answer(s, AT_QUIT, "221 bye");
}

static const struct {
    const char *name;
    void (*run)(struct sink_session *s, struct slice line);
} verbs[] = {
    { "MAIL", on_mail }, { "RCPT", on_rcpt }, { "DATA", on_data }, { "EHLO", on_ehlo }, { "STARTTLS", on_starttls },
    { "QUIT", on_quit }, { "RSET", on_rset }, { "NOOP", on_noop }, { "HELO", on_helo },
};

static void on_command(struct sink_session *s, struct slice line)
{
    for (size_t i = 0; i < COUNT_OF(verbs); i++) {
        if (slice_starts_case(line, slice_str(verbs[i].name))) {
            verbs[i].run(s, line);
            return;
        }
    }
    answer(s, AT_OTHER, "500 what?");
}

static void take_header(struct sink_session *s, struct slice line)
{
    if (line.len == 0)
        s->in_header = false;
    else if (slice_starts_case(line, s->sink->id_header))
        (void)slice_to_cstr(slice_trim(slice_from(line, s->sink->id_header.len)), s->id, sizeof s->id);
}

/* A letter's body is known, so what a server did to it shows: only the last line may be shorter than it was made. */
static void check_body(struct sink_session *s, struct slice line)
{
    struct slice want = letter_line(s->body_lines);

    if (s->body_lines > 0 && s->last_len != letter_line(s->body_lines - 1).len)
        s->is_damaged = true;
    if (!slice_starts(want, line))
        s->is_damaged = true;
    s->body_lines++;
    s->last_len = line.len;
}

static void on_content(struct sink_session *s, struct slice line)
{
    s->sink->bytes += line.len + 2;
    if (line.len == 1 && line.ptr[0] == '.') {
        s->in_data = false;
        answer(s, AT_END, "250 swallowed");
    } else if (s->in_header) {
        take_header(s, line);
    } else if (s->id[0] != '\0') {
        check_body(s, line);
    }
}

static void take_lines(struct sink_session *s)
{
    struct slice line;

    while (!s->is_over && !s->shakes_hands && s->waiting == NULL && wire_line(&s->wire, &line)) {
        if (s->in_data)
            on_content(s, line);
        else
            on_command(s, line);
    }
}

static bool shake_hands(struct sink_session *s)
{
    enum wire_state st = wire_handshake(&s->wire);

    if (st == WIRE_CLOSED) {
        s->is_over = true;
    } else if (st == WIRE_OK) {
        s->shakes_hands = false;
        s->sink->handshakes++;
    }
    return !s->shakes_hands;
}

static void take_input(struct sink_session *s)
{
    enum wire_state st;

    do {
        st = wire_fill(&s->wire);
        if (st == WIRE_CLOSED)
            s->is_over = true;
        take_lines(s);
    } while (st == WIRE_OK && !s->is_over && s->waiting == NULL && wire_has_more(&s->wire));
}

static void settle(struct sink_session *s)
{
    if (!s->is_over && !s->shakes_hands && wire_flush(&s->wire) == WIRE_CLOSED)
        s->is_over = true;
    if (s->is_over)
        session_free(s);
}

void sink_session_event(struct sink_session *s)
{
    if (!s->shakes_hands || shake_hands(s)) {
        if (s->waiting == NULL)
            take_input(s);
        else
            s->is_over = true; /* only a peer that hung up wakes a session that is paused */
    }
    settle(s);
}

void sink_session_new(struct sink *sink, int fd)
{
    struct sink_session *s = NEW(struct sink_session);

    s->sink = sink;
    buf_init(&s->rcpts, RCPTS_BYTES);
    s->next = sink->sessions;
    if (s->next != NULL)
        s->next->prev = s;
    sink->sessions = s;
    wire_open(&s->wire, fd, sink->epoll_fd, s);
    sink->connections++;
    if (++sink->open > sink->open_peak)
        sink->open_peak = sink->open;
    answer(s, AT_GREETING, "220 sink.example ESMTP");
    settle(s);
}

void sink_session_free_all(struct sink *sink)
{
    while (sink->sessions != NULL)
        session_free(sink->sessions);
}

static void give_delayed(struct sink_session *s)
{
    const char *text = s->waiting;

    forget_delayed(s);
    s->waiting = NULL;
    wire_pause(&s->wire, false);
    give(s, s->stage, text);
    take_lines(s);
    settle(s);
}

int sink_session_give_due(struct sink *sink, int most)
{
    double left, now = wire_now(), soonest = most / 1000.0;

    for (struct sink_session *next, *s = sink->delayed; s != NULL; s = next) {
        next = s->next_delayed;
        left = s->due - now;
        if (left <= 0)
            give_delayed(s);
        else if (left < soonest)
            soonest = left;
    }
    return (int)(soonest * 1000) + 1;
}
