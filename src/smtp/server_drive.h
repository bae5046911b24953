/* smtp/server_drive.h: a driver for tests and fuzz targets, with a script in place of a client.
 *
 * A script is bytes in flights, FLIGHT between two of them: what a client sends before it reads. A flight is fed in
 * pieces of a given size, each in memory of its own, events are answered at once, and output is consumed when the
 * flight is over; then the handshake happens if STARTTLS asks for it. All replies gather in `out`, one letter for
 * each event in `trail`, content of accepted messages in `mail`. */
#ifndef STERNPOST_SMTP_SERVER_DRIVE_H
#define STERNPOST_SMTP_SERVER_DRIVE_H

#include "base/buf.h"
#include "base/memory.h"
#include "smtp/server.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define FLIGHT "\x1d"
/* Common beginnings. */
#define EHLO "EHLO client.example\r\n" FLIGHT
#define IN_TLS EHLO "STARTTLS\r\n" FLIGHT EHLO
#define MAIL "MAIL FROM:<a@client.example>\r\n"
#define RCPT "RCPT TO:<b@ours.example>\r\n"
#define DATA MAIL RCPT "DATA\r\n" FLIGHT

enum { DRIVE_MAX_BYTES = 4 * 1024 * 1024 };

struct drive {
    struct smtp_server *s;
    struct buf out, trail, mail, body;
    int begin_code, end_code; /* how BODY_BEGIN and BODY_END are answered */
    bool wants_tls, is_closed;
};

static const struct smtp_server_config drive_config = {
    .hostname = { "mx.ours.example", 15 },
    .max_message_bytes = 1000,
    .max_line_bytes = 2048,
    .max_recipients = 100,
    .max_errors = 20,
    .max_junk = 100,
    .auth_mechanisms = "PLAIN LOGIN",
    .offers_starttls = true,
    .offers_requiretls = true,
};

static inline void drive_keep(struct buf *b, struct slice s)
{
    if (buf_add(b, s) != OK)
        abort();
}

static inline void drive_init(struct drive *d, const struct smtp_server_config *config)
{
    *d = (struct drive){ .s = smtp_server_new(config), .begin_code = 354, .end_code = 250 };
    buf_init(&d->out, DRIVE_MAX_BYTES);
    buf_init(&d->trail, DRIVE_MAX_BYTES);
    buf_init(&d->mail, DRIVE_MAX_BYTES);
    buf_init(&d->body, DRIVE_MAX_BYTES);
}

static inline void drive_release(struct drive *d)
{
    smtp_server_free(d->s);
    buf_release(&d->out);
    buf_release(&d->trail);
    buf_release(&d->mail);
    buf_release(&d->body);
}

static inline void drive_consume(struct drive *d)
{
    struct slice out = smtp_server_output(d->s);

    drive_keep(&d->out, out);
    smtp_server_output_consume(d->s, out.len);
}

/* Three digits at the front, where "550@..." is answered with 550; or `otherwise`. */
static inline int drive_code(struct slice text, int otherwise)
{
    uint64_t code;

    if (text.len < 3 || !slice_to_u64(slice_first(text, 3), &code) || code < 400 || code > 599)
        return otherwise;
    return (int)code;
}

static inline void drive_answer(struct drive *d, int code)
{
    struct smtp_reply r;
    char enhanced[] = "2.0.0";

    enhanced[0] = (char)('0' + code / 100);
    smtp_reply_set(&r, code, code == 354 ? NULL : enhanced, "as scripted");
    smtp_server_answer(d->s, &r);
}

/* ENVID=B452 and ENVID=E550 of MAIL choose the later answers. */
static inline void drive_mail(struct drive *d, const struct smtp_mail *mail)
{
    struct slice code = slice_from(mail->envid, 1);
    char which = mail->envid.len > 0 ? mail->envid.ptr[0] : ' ';

    d->begin_code = which == 'B' ? drive_code(code, 354) : 354;
    d->end_code = which == 'E' ? drive_code(code, 250) : 250;
    drive_answer(d, drive_code(mail->address, 250));
}

/* "AHUAcA==" is the one good response; none gets a challenge. */
static inline void drive_auth(struct drive *d, const struct smtp_server_event *ev)
{
    struct smtp_reply r;

    if (!ev->has_data) {
        smtp_server_auth_challenge(d->s, SLICE_LIT("VXNlcm5hbWU6"));
        return;
    }
    if (slice_eq(ev->data, SLICE_LIT("AHUAcA==")))
        smtp_reply_set(&r, 235, "2.7.0", "welcome");
    else
        smtp_reply_set(&r, 535, "5.7.8", "not so");
    smtp_server_auth_done(d->s, &r);
}

static inline void drive_end(struct drive *d)
{
    if (d->end_code == 250) {
        drive_keep(&d->mail, buf_slice(&d->body));
        drive_keep(&d->mail, SLICE_LIT("$"));
    }
    buf_reset(&d->body);
    drive_answer(d, d->end_code);
}

static inline void drive_event(struct drive *d, const struct smtp_server_event *ev)
{
    static const char letters[] = {
        [SMTP_SV_HELO] = 'H',        [SMTP_SV_STARTTLS] = 0,   [SMTP_SV_AUTH] = 'A',  [SMTP_SV_AUTH_RESPONSE] = 'a',
        [SMTP_SV_AUTH_CANCEL] = 'c', [SMTP_SV_MAIL] = 'M',     [SMTP_SV_RCPT] = 'R',  [SMTP_SV_BODY_BEGIN] = 'B',
        [SMTP_SV_BODY] = 0,          [SMTP_SV_BODY_END] = 'E', [SMTP_SV_RESET] = 'X', [SMTP_SV_CLOSE] = 'Q',
    };

    assert(!d->is_closed);
    if (letters[ev->kind] != 0)
        drive_keep(&d->trail, slice_of(&letters[ev->kind], 1));
    switch (ev->kind) {
    case SMTP_SV_STARTTLS: d->wants_tls = true; break;
    case SMTP_SV_AUTH:
    case SMTP_SV_AUTH_RESPONSE: drive_auth(d, ev); break;
    case SMTP_SV_MAIL: drive_mail(d, &ev->mail); break;
    case SMTP_SV_RCPT: drive_answer(d, drive_code(ev->rcpt.address, 250)); break;
    case SMTP_SV_BODY_BEGIN: drive_answer(d, d->begin_code); break;
    case SMTP_SV_BODY: drive_keep(&d->body, ev->data); break;
    case SMTP_SV_BODY_END: drive_end(d); break;
    case SMTP_SV_RESET: buf_reset(&d->body); break;
    case SMTP_SV_CLOSE: d->is_closed = true; break;
    case SMTP_SV_HELO:
    case SMTP_SV_AUTH_CANCEL: break;
    }
}

static inline void drive_piece(struct drive *d, struct slice piece)
{
    char *copy = mem_new(piece.len, 1);
    struct smtp_server_event ev;
    size_t taken = 0;

    memcpy(copy, piece.ptr, piece.len);
    while (taken < piece.len) {
        size_t n = smtp_server_feed(d->s, slice_of(copy + taken, piece.len - taken));
        bool had_event = false;

        while (smtp_server_next(d->s, &ev)) {
            had_event = true;
            drive_event(d, &ev);
        }
        taken += n;
        assert(n > 0 || had_event);
    }
    free(copy);
}

static inline void drive_flight(struct drive *d, struct slice flight, size_t step)
{
    while (flight.len > 0) {
        drive_piece(d, slice_first(flight, step));
        flight = slice_from(flight, step);
    }
    drive_consume(d);
    if (d->wants_tls && !d->is_closed) {
        drive_keep(&d->trail, SLICE_LIT("S"));
        smtp_server_tls_started(d->s);
    }
    d->wants_tls = false;
}

static inline void drive_script(struct drive *d, struct slice script, size_t step)
{
    smtp_server_greet(d->s, NULL);
    drive_consume(d);
    while (script.len > 0)
        drive_flight(d, slice_cut(script, FLIGHT[0], &script), step);
}

/* The codes of all replies but the greeting, each with its enhanced code when it has one: "250 354 250/2.1.0". */
static inline struct slice drive_codes(const struct drive *d, char *out, size_t size)
{
    struct slice rest = buf_slice(&d->out), line;
    size_t at = 0;

    (void)slice_cut(rest, '\n', &rest);
    while (rest.len > 0) {
        struct slice text, code;

        line = slice_cut(rest, '\n', &rest);
        assert(line.len > 4 && line.ptr[line.len - 1] == '\r');
        if (line.ptr[3] != ' ')
            continue;
        code = slice_cut(slice_from(line, 4), ' ', &text);
        if (code.len >= 5 && code.ptr[1] == '.')
            at += (size_t)snprintf(out + at, size - at, "%s%.3s/%.*s", at > 0 ? " " : "", line.ptr, SLICE_FMT(code));
        else
            at += (size_t)snprintf(out + at, size - at, "%s%.3s", at > 0 ? " " : "", line.ptr);
        assert(at < size);
    }
    return slice_of(out, at);
}

#endif
