#include "smtp/client.h"

#include "base/buf.h"
#include "base/test.h"

/* A dialogue, line by line:
 *   "S:text" the server says text CR LF; lines in a row arrive together, or byte by byte
 *   "C:text" our output is text CR LF; all of it, in order
 *   "E:text" an event, as render() writes it; all that come, in order
 *   "A:verb ..." the driver acts, as in `actions`
 * The session starts with the greeting. */
struct dialogue {
    const char *name;
    const char *lines[40];
};

static const struct smtp_rcpt rcpts[] = {
    { .address = { "a@example.com", 13 }, .notify = SMTP_NOTIFY_NEVER },
    { .address = { "b@example.com", 13 },
      .notify = SMTP_NOTIFY_SUCCESS | SMTP_NOTIFY_DELAY,
      .orcpt = { "rfc822;b+2B@example.com", 23 } },
};

static struct smtp_mail full_mail(void)
{
    return (struct smtp_mail){ .address = SLICE_LIT("s@example.org"),
                               .size = 1234,
                               .body = SMTP_BODY_8BITMIME,
                               .ret = SMTP_RET_HDRS,
                               .envid = SLICE_LIT("id+2B1"),
                               .auth = SLICE_LIT("x"),
                               .is_utf8 = true,
                               .requires_tls = true };
}

static void act_send1(struct smtp_client *c, struct slice arg)
{
    (void)arg;
    smtp_client_send(c, &(struct smtp_transaction){ .rcpts = rcpts, .rcpts_len = 1 });
}

static void act_ask(struct smtp_client *c, struct slice arg)
{
    (void)arg;
    smtp_client_send(c, &(struct smtp_transaction){ .rcpts = rcpts, .rcpts_len = 1, .is_question = true });
}

static void act_send2(struct smtp_client *c, struct slice arg)
{
    (void)arg;
    smtp_client_send(c, &(struct smtp_transaction){ .mail = full_mail(), .rcpts = rcpts, .rcpts_len = 2 });
}

static void act_starttls(struct smtp_client *c, struct slice arg)
{
    (void)arg;
    smtp_client_starttls(c);
}

static void act_tls(struct smtp_client *c, struct slice arg)
{
    (void)arg;
    smtp_client_tls_started(c);
}

static void act_auth(struct smtp_client *c, struct slice arg)
{
    smtp_client_auth(c, "PLAIN", arg.len > 0 ? arg : slice_of(NULL, 0));
}

static void act_auth_empty(struct smtp_client *c, struct slice arg)
{
    (void)arg;
    smtp_client_auth(c, "EXTERNAL", SLICE_LIT(""));
}

static void act_body(struct smtp_client *c, struct slice arg)
{
    smtp_client_body(c, arg, false);
}

static void act_last(struct smtp_client *c, struct slice arg)
{
    smtp_client_body(c, arg, true);
}

static void act_quit(struct smtp_client *c, struct slice arg)
{
    (void)arg;
    smtp_client_quit(c);
}

/* An extra byte, while the driver is about to shake hands. */
static void act_stray(struct smtp_client *c, struct slice arg)
{
    CHECK_INT(smtp_client_feed(c, arg), 0);
}

static const struct {
    const char *verb;
    void (*run)(struct smtp_client *c, struct slice arg);
} actions[] = {
    { "send1", act_send1 }, { "send2", act_send2 },           { "starttls", act_starttls },
    { "tls", act_tls },     { "auth", act_auth },             { "auth-empty", act_auth_empty },
    { "body", act_body },   { "response", smtp_client_auth_response }, { "last", act_last },
    { "quit", act_quit },   { "stray", act_stray },           { "ask", act_ask },
};

static const char *const kinds[] = {
    [SMTP_CL_READY] = "READY",
    [SMTP_CL_TLS] = "TLS",
    [SMTP_CL_TLS_REFUSED] = "TLS_REFUSED",
    [SMTP_CL_AUTH_CHALLENGE] = "CHALLENGE",
    [SMTP_CL_AUTH_DONE] = "AUTH_DONE",
    [SMTP_CL_RCPT] = "RCPT",
    [SMTP_CL_BODY] = "BODY",
    [SMTP_CL_DONE] = "DONE",
    [SMTP_CL_FAILED] = "FAILED",
    [SMTP_CL_CLOSED] = "CLOSED",
};

/* "READY 3f SIZE 100 PLAIN LOGIN", "RCPT 1 550 5.1.1", "DONE end of data 250 2.0.0", "FAILED RCPT TO 421". */
static void render(struct smtp_client *c, const struct smtp_client_event *ev, struct buf *out)
{
    struct slice mechanisms = smtp_client_auth_mechanisms(c);
    enum status st = buf_addf(out, "%s", kinds[ev->kind]);

    if (ev->kind == SMTP_CL_READY)
        st = buf_addf(out, " %x", smtp_client_extensions(c));
    if (ev->kind == SMTP_CL_READY && smtp_client_size_limit(c) > 0)
        st = buf_addf(out, " SIZE %llu", (unsigned long long)smtp_client_size_limit(c));
    if (ev->kind == SMTP_CL_READY && mechanisms.len > 0)
        st = buf_addf(out, " %.*s", SLICE_FMT(mechanisms));
    if (ev->kind == SMTP_CL_RCPT)
        st = buf_addf(out, " %zu", ev->index);
    if (ev->kind == SMTP_CL_DONE || ev->kind == SMTP_CL_FAILED)
        st = buf_addf(out, " %s", smtp_stage_name(ev->stage));
    if (ev->kind == SMTP_CL_AUTH_CHALLENGE)
        st = buf_addf(out, " %.*s", SLICE_FMT(ev->data));
    else if (ev->kind != SMTP_CL_READY && ev->kind != SMTP_CL_TLS)
        st = buf_addf(out, " %d", ev->reply.code);
    if (ev->reply.enhanced[0] != '\0')
        st = buf_addf(out, " %s", ev->reply.enhanced);
    if (ev->kind == SMTP_CL_FAILED)
        CHECK(ev->text.len > 0);
    CHECK(st == OK && buf_add(out, SLICE_LIT("\n")) == OK);
}

/* One run of a dialogue. */
struct run {
    const char        *name;
    struct smtp_client *c;
    struct buf         events, fed;
    bool               byte_by_byte;
};

static void pull(struct run *r)
{
    struct smtp_client_event ev;

    while (smtp_client_next(r->c, &ev))
        render(r->c, &ev, &r->events);
}

/* Feeds what the server lines in a row have gathered. */
static void flush_server(struct run *r)
{
    struct slice in = buf_slice(&r->fed);

    if (in.len == 0)
        return;
    CHECK_CASE(r->name, buf_slice(&r->events).len == 0 && smtp_client_output(r->c).len == 0);
    while (in.len > 0) {
        size_t step = r->byte_by_byte ? 1 : in.len;

        CHECK_CASE(r->name, smtp_client_feed(r->c, slice_first(in, step)) == step);
        pull(r);
        in = slice_from(in, step);
    }
    buf_reset(&r->fed);
}

static void expect_event(struct run *r, struct slice want)
{
    struct slice rest, got = slice_cut(buf_slice(&r->events), '\n', &rest);

    if (!slice_eq(got, want))
        fail_msg("case '%s': event '%.*s', want '%.*s'", r->name, SLICE_FMT(got), SLICE_FMT(want));
    buf_consume(&r->events, got.len + 1);
}

static void expect_output(struct run *r, struct slice want)
{
    struct slice out = smtp_client_output(r->c), got = slice_first(out, want.len);

    if (!slice_eq(got, want) || !slice_starts(slice_from(out, want.len), SLICE_LIT("\r\n")))
        fail_msg("case '%s': output '%.*s', want '%.*s'", r->name, SLICE_FMT(out), SLICE_FMT(want));
    smtp_client_output_consume(r->c, want.len + 2);
}

static void act(struct run *r, struct slice line)
{
    struct slice arg, verb = slice_cut(line, ' ', &arg);

    for (size_t i = 0; i < COUNT_OF(actions); i++) {
        if (!slice_eq(verb, slice_str(actions[i].verb)))
            continue;
        actions[i].run(r->c, arg);
        pull(r);
        return;
    }
    fail_msg("case '%s': no action '%.*s'", r->name, SLICE_FMT(verb));
}

static void play_line(struct run *r, char who, struct slice text)
{
    if (who == 'S') {
        CHECK(buf_add(&r->fed, text) == OK && buf_add(&r->fed, SLICE_LIT("\r\n")) == OK);
        return;
    }
    flush_server(r);
    if (who == 'C')
        expect_output(r, text);
    else if (who == 'E')
        expect_event(r, text);
    else
        act(r, text);
}

static void play(const struct dialogue *d, bool byte_by_byte)
{
    struct run r = { .name = d->name, .c = smtp_client_new(SLICE_LIT("me.example.org"), d->name[0] == '*'),
                     .byte_by_byte = byte_by_byte };

    buf_init(&r.events, 1 << 16);
    buf_init(&r.fed, 1 << 16);
    for (size_t i = 0; i < COUNT_OF(d->lines) && d->lines[i] != NULL; i++)
        play_line(&r, d->lines[i][0], slice_str(d->lines[i] + 2));
    flush_server(&r);
    CHECK_CASE(d->name, buf_slice(&r.events).len == 0);
    CHECK_CASE(d->name, smtp_client_output(r.c).len == 0);
    buf_release(&r.events);
    buf_release(&r.fed);
    smtp_client_free(r.c);
}

static void play_all(const struct dialogue *dialogues, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        play(&dialogues[i], false);
        play(&dialogues[i], true);
    }
}

#define GREET "S:220 mx.example.com ESMTP", "C:EHLO me.example.org"
#define PLAIN_EHLO GREET, "S:250 mx.example.com", "E:READY 0"
#define PIPELINING_EHLO GREET, "S:250-mx.example.com", "S:250 PIPELINING", "E:READY 1"
/* A name that begins with "*" is a session that starts in TLS. */

static const struct dialogue greetings[] = {
    { "all extensions",
      { GREET, "S:250-mx.example.com hello PIPELINING", "S:250-size 1000", "S:250-8BITMIME", "S:250-SMTPUTF8",
        "S:250-STARTTLS", "S:250-DSN", "S:250-CHUNKING", "S:250-ENHANCEDSTATUSCODES", "S:250-XNEW odd",
        "S:250-REQUIRETLS", "S:250 auth plain  LOGIN b%d SCRAM-SHA-256-PLUS", "E:READY 1fe SIZE 1000 PLAIN LOGIN SCRAM-SHA-256-PLUS" } },
    { "* in TLS there is REQUIRETLS and no STARTTLS (TLS-11)",
      { GREET, "S:250-mx", "S:250-STARTTLS", "S:250-REQUIRETLS", "S:250 AUTH=LOGIN", "E:READY 200" } },
    { "first line is no extension", { GREET, "S:250 PIPELINING", "E:READY 0" } },
    { "SIZE without a limit, then nonsense", { GREET, "S:250-a", "S:250-SIZE", "S:250 SIZE 99x", "E:READY 2" } },
    { "TLS-08: HELO after 502",
      { GREET, "S:502-5.5.1 what", "S:502 PIPELINING", "C:HELO me.example.org", "S:250-a", "S:250 SIZE 5",
        "E:READY 0" } },
    { "HELO refused too", { GREET, "S:502 no", "C:HELO me.example.org", "S:550 5.7.1 no", "E:FAILED EHLO 550 5.7.1" } },
    { "EHLO refused for now", { GREET, "S:450 4.7.0 greylisted", "E:FAILED EHLO 450 4.7.0" } },
    { "greeting refused", { "S:554-5.7.1 no", "S:554 5.7.1 really", "E:FAILED greeting 554 5.7.1" } },
    { "greeting with 421", { "S:421 4.3.2 full", "E:FAILED greeting 421 4.3.2" } },
    { "SRV-19: greeting of a wrong class", { "S:354 go on", "E:FAILED greeting 0" } },
    { "SRV-19: greeting 250", { "S:250 hi", "E:FAILED greeting 0" } },
    { "SRV-19: greeting is no SMTP", { "S:SSH-2.0-OpenSSH_9.2", "E:FAILED greeting 0" } },
    { "SRV-19: a second greeting", { GREET, "S:220 mx.example.com ESMTP", "E:FAILED EHLO 0" } },
    { "SRV-19: codes differ", { GREET, "S:250-mx", "S:550 no", "E:FAILED EHLO 0" } },
    { "quit", { PLAIN_EHLO, "A:quit", "C:QUIT", "S:221 2.0.0 bye", "E:CLOSED 221 2.0.0", "S:250 dropped" } },
    { "quit met by 421", { PLAIN_EHLO, "A:quit", "C:QUIT", "S:421 bye", "E:CLOSED 421" } },
    { "421 while idle", { PLAIN_EHLO, "S:421 4.4.2 timeout", "E:FAILED idle 421 4.4.2" } },
    { "SRV-19: unasked reply", { PLAIN_EHLO, "S:250 and more", "E:FAILED idle 0" } },
    { "SRV-19: unasked reply in one packet", { GREET, "S:250 a", "S:250 b", "E:READY 0", "E:FAILED idle 0" } },
};

TEST(greetings)
{
    play_all(greetings, COUNT_OF(greetings));
}

#define TLS_EHLO GREET, "S:250-a", "S:250-PIPELINING", "S:250-SIZE 9", "S:250-AUTH PLAIN", "S:250 STARTTLS", \
    "E:READY 113 SIZE 9 PLAIN", "A:starttls", "C:STARTTLS"

static const struct dialogue tls[] = {
    { "TLS-04: what was offered in clear is forgotten",
      { TLS_EHLO, "S:220 2.0.0 go", "E:TLS 2.0.0", "A:tls", "C:EHLO me.example.org", "S:250-a", "S:250 DSN", "E:READY 20",
        "A:send1", "C:MAIL FROM:<>" } },
    { "TLS-04: HELO inside TLS",
      { TLS_EHLO, "S:220 go", "E:TLS", "A:tls", "C:EHLO me.example.org", "S:500 what", "C:HELO me.example.org",
        "S:250 a", "E:READY 0" } },
    { "TLS-06: refused for now",
      { TLS_EHLO, "S:454 4.7.0 no TLS today", "E:TLS_REFUSED 454 4.7.0", "A:quit", "C:QUIT" } },
    { "TLS-06: refused", { TLS_EHLO, "S:502 5.5.1 no", "E:TLS_REFUSED 502 5.5.1" } },
    { "TLS-06: wrong code", { TLS_EHLO, "S:250 sure", "E:FAILED STARTTLS 0" } },
    { "TLS-06: 421", { TLS_EHLO, "S:421 no", "E:FAILED STARTTLS 421" } },
    { "TLS-02: a byte before the handshake", { TLS_EHLO, "S:220 go", "E:TLS", "A:stray 2", "E:FAILED STARTTLS 0" } },
};

TEST(tls)
{
    play_all(tls, COUNT_OF(tls));
}

/* TLS-02, CVE-2021-38371: an EHLO reply injected behind the 220. */
TEST(tls_injection)
{
    struct smtp_client *c = smtp_client_new(SLICE_LIT("me"), false);
    struct smtp_client_event ev;

    smtp_client_feed(c, SLICE_LIT("220 a\r\n"));
    CHECK(!smtp_client_next(c, &ev));
    smtp_client_feed(c, SLICE_LIT("250-a\r\n250 STARTTLS\r\n"));
    CHECK(smtp_client_next(c, &ev) && ev.kind == SMTP_CL_READY);
    smtp_client_starttls(c);
    smtp_client_feed(c, SLICE_LIT("220 go\r\n250-a\r\n250 SIZE 1\r\n"));
    CHECK(smtp_client_next(c, &ev) && ev.kind == SMTP_CL_FAILED && ev.stage == SMTP_AT_STARTTLS);
    CHECK(!smtp_client_next(c, &ev));
    CHECK_INT(smtp_client_output(c).len, 0);
    smtp_client_free(c);
}

#define ASK PIPELINING_EHLO, "A:ask", "C:MAIL FROM:<>"

/* One command at a time, and never DATA. */
static const struct dialogue questions[] = {
    { "the mailbox is there",
      { ASK, "S:250 2.1.0 ok", "C:RCPT TO:<a@example.com>", "S:250 2.1.5 ok", "E:RCPT 0 250 2.1.5", "E:DONE RCPT TO 250 2.1.5",
        "A:quit", "C:QUIT", "S:221 bye", "E:CLOSED 221" } },
    { "there is no such mailbox",
      { ASK, "S:250 ok", "C:RCPT TO:<a@example.com>", "S:550 5.1.1 no", "E:RCPT 0 550 5.1.1", "E:DONE RCPT TO 550 5.1.1" } },
    { "the sender is refused", { ASK, "S:550 5.7.1 no", "E:DONE MAIL FROM 550 5.7.1" } },
    { "mail behind a question begins with RSET",
      { ASK, "S:250 ok", "C:RCPT TO:<a@example.com>", "S:250 ok", "E:RCPT 0 250", "E:DONE RCPT TO 250", "A:send1", "C:RSET",
        "C:MAIL FROM:<>", "C:RCPT TO:<a@example.com>", "C:DATA" } },
    { "421 in between", { ASK, "S:250 ok", "C:RCPT TO:<a@example.com>", "S:421 bye", "E:FAILED RCPT TO 421" } },
};

TEST(questions)
{
    play_all(questions, COUNT_OF(questions));
}

#define AUTH_EHLO GREET, "S:250-a", "S:250 AUTH PLAIN", "E:READY 100 PLAIN"

static const struct dialogue auth[] = {
    { "* with an initial response", { AUTH_EHLO, "A:auth AGEAYg==", "C:AUTH PLAIN AGEAYg==", "S:235 2.7.0 ok",
                                      "E:AUTH_DONE 235 2.7.0", "A:send1", "C:MAIL FROM:<>" } },
    { "* with an empty one", { AUTH_EHLO, "A:auth-empty", "C:AUTH EXTERNAL =", "S:235 ok", "E:AUTH_DONE 235" } },
    { "* with a challenge", { AUTH_EHLO, "A:auth", "C:AUTH PLAIN", "S:334 ", "E:CHALLENGE ", "A:response YQ==", "C:YQ==",
                              "S:334 Zm9v", "E:CHALLENGE Zm9v", "A:response *", "C:*", "S:501 cancelled",
                              "E:AUTH_DONE 501" } },
    { "* refused", { AUTH_EHLO, "A:auth x", "C:AUTH PLAIN x", "S:535 5.7.8 no", "E:AUTH_DONE 535 5.7.8" } },
    { "* SRV-19: accepted with a wrong code", { AUTH_EHLO, "A:auth x", "C:AUTH PLAIN x", "S:250 ok", "E:FAILED AUTH 0" } },
    { "* SRV-19: a challenge of two lines",
      { AUTH_EHLO, "A:auth x", "C:AUTH PLAIN x", "S:334-a", "S:334 b", "E:FAILED AUTH 0" } },
    { "* SRV-19: two challenges at once",
      { AUTH_EHLO, "A:auth x", "C:AUTH PLAIN x", "S:334 a", "S:334 b", "E:CHALLENGE a", "E:FAILED AUTH 0" } },
};

TEST(auth)
{
    play_all(auth, COUNT_OF(auth));
}

static const struct dialogue plain_sends[] = {
    { "one message",
      { PLAIN_EHLO, "A:send2", "C:MAIL FROM:<s@example.org>", "S:250 ok", "C:RCPT TO:<a@example.com>", "S:250 ok",
        "E:RCPT 0 250", "C:RCPT TO:<b@example.com>", "S:251 moved", "E:RCPT 1 251", "C:DATA", "S:354 go", "E:BODY 354",
        "A:body a", "A:last .", "C:a.", "C:.", "S:250 2.0.0 queued", "E:DONE end of data 250 2.0.0" } },
    { "a second one, without RSET",
      { PLAIN_EHLO, "A:send1", "C:MAIL FROM:<>", "S:250 ok", "C:RCPT TO:<a@example.com>", "S:250 ok", "E:RCPT 0 250",
        "C:DATA", "S:354 go", "E:BODY 354", "A:last .x", "C:..x", "C:.", "S:554 5.7.1 spam",
        "E:DONE end of data 554 5.7.1", "A:send1", "C:MAIL FROM:<>" } },
    { "MAIL refused: no RSET", { PLAIN_EHLO, "A:send1", "C:MAIL FROM:<>", "S:550 5.7.1 no", "E:DONE MAIL FROM 550 5.7.1",
                                 "A:send1", "C:MAIL FROM:<>" } },
    { "nobody accepted: RSET before the next",
      { PLAIN_EHLO, "A:send2", "C:MAIL FROM:<s@example.org>", "S:250 ok", "C:RCPT TO:<a@example.com>", "S:550 no",
        "E:RCPT 0 550", "C:RCPT TO:<b@example.com>", "S:450 later", "E:RCPT 1 450", "E:DONE RCPT TO 450", "A:send1",
        "C:RSET", "S:250 ok", "C:MAIL FROM:<>" } },
    { "RSET refused",
      { PLAIN_EHLO, "A:send1", "C:MAIL FROM:<>", "S:250 ok", "C:RCPT TO:<a@example.com>", "S:550 no", "E:RCPT 0 550",
        "E:DONE RCPT TO 550", "A:send1", "C:RSET", "S:500 what", "E:FAILED RSET 500" } },
    { "one of two accepted",
      { PLAIN_EHLO, "A:send2", "C:MAIL FROM:<s@example.org>", "S:250 ok", "C:RCPT TO:<a@example.com>", "S:250 ok",
        "E:RCPT 0 250", "C:RCPT TO:<b@example.com>", "S:550 no", "E:RCPT 1 550", "C:DATA", "S:451 disk",
        "E:DONE DATA 451", "A:send1", "C:RSET" } },
    { "SRV-19: MAIL answered 354", { PLAIN_EHLO, "A:send1", "C:MAIL FROM:<>", "S:354 go", "E:FAILED MAIL FROM 0" } },
    { "SRV-19: DATA answered 250",
      { PLAIN_EHLO, "A:send1", "C:MAIL FROM:<>", "S:250 ok", "C:RCPT TO:<a@example.com>", "S:250 ok", "E:RCPT 0 250",
        "C:DATA", "S:250 ok", "E:FAILED DATA 0" } },
    { "SRV-19: DATA answered 334",
      { PLAIN_EHLO, "A:send1", "C:MAIL FROM:<>", "S:250 ok", "C:RCPT TO:<a@example.com>", "S:250 ok", "E:RCPT 0 250",
        "C:DATA", "S:334 ok", "E:FAILED DATA 0" } },
    { "SRV-19: 5xx behind the 354",
      { PLAIN_EHLO, "A:send1", "C:MAIL FROM:<>", "S:250 ok", "C:RCPT TO:<a@example.com>", "S:250 ok", "E:RCPT 0 250",
        "C:DATA", "S:354 go", "S:554 5.7.1 no", "E:BODY 354", "E:FAILED content 554 5.7.1", "A:last never sent" } },
    { "SRV-19: 250 behind the 354 is no delivery",
      { PLAIN_EHLO, "A:send1", "C:MAIL FROM:<>", "S:250 ok", "C:RCPT TO:<a@example.com>", "S:250 ok", "E:RCPT 0 250",
        "C:DATA", "S:354 go", "S:250 queued", "E:BODY 354", "E:FAILED content 0" } },
    { "SRV-19: end of data answered 354",
      { PLAIN_EHLO, "A:send1", "C:MAIL FROM:<>", "S:250 ok", "C:RCPT TO:<a@example.com>", "S:250 ok", "E:RCPT 0 250",
        "C:DATA", "S:354 go", "E:BODY 354", "A:last a", "C:a", "C:.", "S:354 more", "E:FAILED end of data 0" } },
    { "421 to the end of data",
      { PLAIN_EHLO, "A:send1", "C:MAIL FROM:<>", "S:250 ok", "C:RCPT TO:<a@example.com>", "S:250 ok", "E:RCPT 0 250",
        "C:DATA", "S:354 go", "E:BODY 354", "A:last a", "C:a", "C:.", "S:421 4.3.2 down", "E:FAILED end of data 421 4.3.2" } },
    { "SRV-19: a reply behind the final one",
      { PLAIN_EHLO, "A:send1", "C:MAIL FROM:<>", "S:250 ok", "C:RCPT TO:<a@example.com>", "S:250 ok", "E:RCPT 0 250",
        "C:DATA", "S:354 go", "E:BODY 354", "A:last a", "C:a", "C:.", "S:250 ok", "S:250 ok", "E:DONE end of data 250",
        "E:FAILED idle 0" } },
};

TEST(plain_sends)
{
    play_all(plain_sends, COUNT_OF(plain_sends));
}

#define GROUP1 PIPELINING_EHLO, "A:send1", "C:MAIL FROM:<>", "C:RCPT TO:<a@example.com>", "C:DATA"
#define GROUP2 PIPELINING_EHLO, "A:send2", "C:MAIL FROM:<s@example.org>", "C:RCPT TO:<a@example.com>", \
    "C:RCPT TO:<b@example.com>", "C:DATA"

static const struct dialogue pipelined_sends[] = {
    { "one message",
      { GROUP2, "S:250 ok", "S:250 2.1.5 ok", "S:550 5.1.1 no", "S:354 go", "E:RCPT 0 250 2.1.5", "E:RCPT 1 550 5.1.1",
        "E:BODY 354", "A:last a", "C:a", "C:.", "S:250 ok", "E:DONE end of data 250", "A:send1", "C:MAIL FROM:<>",
        "C:RCPT TO:<a@example.com>", "C:DATA" } },
    { "RFC 2920: everybody refused, DATA too; RSET leads the next group",
      { GROUP2, "S:250 ok", "S:550 no", "S:450 later", "S:554 no valid recipients", "E:RCPT 0 550", "E:RCPT 1 450",
        "E:DONE RCPT TO 450", "A:send1", "C:RSET", "C:MAIL FROM:<>", "C:RCPT TO:<a@example.com>", "C:DATA", "S:250 ok",
        "S:250 ok", "S:250 ok", "S:354 go", "E:RCPT 0 250", "E:BODY 354" } },
    { "RFC 2920: everybody refused, DATA accepted: a lone dot, no delivery",
      { GROUP1, "S:250 ok", "S:550 5.1.1 no", "S:354 go", "E:RCPT 0 550 5.1.1", "C:.", "S:250 2.0.0 queued",
        "E:DONE RCPT TO 550 5.1.1", "A:send1", "C:MAIL FROM:<>", "C:RCPT TO:<a@example.com>", "C:DATA" } },
    { "RFC 2920: the lone dot refused",
      { GROUP1, "S:250 ok", "S:550 no", "S:354 go", "E:RCPT 0 550", "C:.", "S:554 nobody", "E:DONE RCPT TO 550" } },
    { "RFC 2920: 421 to the lone dot",
      { GROUP1, "S:250 ok", "S:550 no", "S:354 go", "E:RCPT 0 550", "C:.", "S:421 bye", "E:FAILED end of data 421" } },
    { "RFC 2920: MAIL refused, all else refused",
      { GROUP2, "S:530 5.7.0 TLS first", "S:503 no", "S:503 no", "S:503 no", "E:DONE MAIL FROM 530 5.7.0", "A:send1",
        "C:MAIL FROM:<>", "C:RCPT TO:<a@example.com>", "C:DATA" } },
    { "RFC 2920: MAIL refused, all else accepted: no delivery",
      { GROUP1, "S:451 later", "S:250 ok", "S:354 go", "C:.", "S:250 queued", "E:DONE MAIL FROM 451" } },
    { "DATA refused",
      { GROUP1, "S:250 ok", "S:250 ok", "S:451 disk", "E:RCPT 0 250", "E:DONE DATA 451", "A:send1", "C:RSET",
        "C:MAIL FROM:<>", "C:RCPT TO:<a@example.com>", "C:DATA" } },
    { "421 in the middle", { GROUP2, "S:250 ok", "S:250 ok", "S:421 4.3.2 down", "E:RCPT 0 250", "E:FAILED RCPT TO 421 4.3.2" } },
    { "SRV-19: RCPT answered 354", { GROUP1, "S:250 ok", "S:354 go", "E:FAILED RCPT TO 0" } },
    { "SRV-19: a reply too many", { GROUP1, "S:250 ok", "S:250 ok", "S:250 ok", "E:RCPT 0 250", "E:FAILED DATA 0" } },
};

TEST(pipelined_sends)
{
    play_all(pipelined_sends, COUNT_OF(pipelined_sends));
}

static const struct dialogue parameters[] = {
    { "* all that is offered",
      { GREET, "S:250-a", "S:250-PIPELINING", "S:250-SIZE", "S:250-8BITMIME", "S:250-SMTPUTF8", "S:250-REQUIRETLS",
        "S:250 DSN", "E:READY 22f", "A:send2",
        "C:MAIL FROM:<s@example.org> SIZE=1234 BODY=8BITMIME SMTPUTF8 REQUIRETLS RET=HDRS ENVID=id+2B1",
        "C:RCPT TO:<a@example.com> NOTIFY=NEVER",
        "C:RCPT TO:<b@example.com> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b+2B@example.com", "C:DATA" } },
    { "only what is offered",
      { GREET, "S:250-a", "S:250-PIPELINING", "S:250 8BITMIME", "E:READY 5", "A:send2",
        "C:MAIL FROM:<s@example.org> BODY=8BITMIME", "C:RCPT TO:<a@example.com>", "C:RCPT TO:<b@example.com>", "C:DATA" } },
    { "nothing to say", { GREET, "S:250-a", "S:250-SIZE 1", "S:250 DSN", "E:READY 22 SIZE 1", "A:send1", "C:MAIL FROM:<>",
                          "S:250 ok", "C:RCPT TO:<a@example.com> NOTIFY=NEVER" } },
};

TEST(parameters)
{
    play_all(parameters, COUNT_OF(parameters));
}

/* A driver that acts within its loop: what the server said ahead of the question is not the answer. */
TEST(answer_before_the_question)
{
    struct smtp_client *c = smtp_client_new(SLICE_LIT("me"), false);
    struct smtp_client_event ev;

    smtp_client_feed(c, SLICE_LIT("220 a\r\n250-a\r\n250 PIPELINING\r\n250 ok\r\n"));
    CHECK(smtp_client_next(c, &ev) && ev.kind == SMTP_CL_READY);
    smtp_client_output_consume(c, smtp_client_output(c).len);
    act_send1(c, slice_of(NULL, 0));
    CHECK_INT(smtp_client_output(c).len, 0);
    CHECK(smtp_client_next(c, &ev) && ev.kind == SMTP_CL_FAILED);
    smtp_client_quit(c);
    CHECK_INT(smtp_client_output(c).len, 0);
    smtp_client_free(c);
}

static const struct { const char *name, *reply; int code; } early_cases[] = {
    { "accepted", "250 queued\r\n", 0 },
    { "refused", "552 5.3.4 too big\r\n", 552 },
};

/* SRV-19: a reply while the content is still on its way is not the answer to its end. */
TEST(reply_before_the_end_is_sent)
{
    for (size_t i = 0; i < COUNT_OF(early_cases); i++) {
        struct smtp_client *c = smtp_client_new(SLICE_LIT("me"), false);
        struct smtp_client_event ev;

        smtp_client_feed(c, SLICE_LIT("220 a\r\n250-a\r\n250 PIPELINING\r\n"));
        CHECK(smtp_client_next(c, &ev));
        act_send1(c, slice_of(NULL, 0));
        smtp_client_feed(c, SLICE_LIT("250 ok\r\n250 ok\r\n354 go\r\n"));
        CHECK(smtp_client_next(c, &ev) && smtp_client_next(c, &ev) && ev.kind == SMTP_CL_BODY);
        smtp_client_output_consume(c, smtp_client_output(c).len);
        smtp_client_body(c, SLICE_LIT("hello\r\n"), true);
        smtp_client_output_consume(c, 5);
        smtp_client_feed(c, slice_str(early_cases[i].reply));
        CHECK_CASE(early_cases[i].name, smtp_client_next(c, &ev) && ev.kind == SMTP_CL_FAILED);
        CHECK_CASE(early_cases[i].name, ev.reply.code == early_cases[i].code);
        CHECK_INT(smtp_client_output(c).len, 0);
        smtp_client_free(c);
    }
}

/* SRV-19: replies without an end do not fill the memory. */
TEST(endless_replies)
{
    struct smtp_client *c = smtp_client_new(SLICE_LIT("me"), false);
    struct smtp_client_event ev;
    size_t fed = 0;

    do
        fed += smtp_client_feed(c, SLICE_LIT("220-more and more and more and more and more\r\n"));
    while (fed < 2 * SMTP_CLIENT_IN_MAX);
    CHECK(smtp_client_next(c, &ev) && ev.kind == SMTP_CL_FAILED && ev.stage == SMTP_AT_GREETING);
    smtp_client_free(c);
}

TEST(server_name_is_printable)
{
    struct smtp_client *c = smtp_client_new(SLICE_LIT("me"), false);
    struct smtp_client_event ev;

    CHECK_INT(smtp_client_server_name(c).len, 0);
    CHECK(smtp_client_stage(c) == SMTP_AT_GREETING);
    smtp_client_feed(c, SLICE_LIT("220 mx\x1b\xc3\xa9.example.com ESMTP\r\n"));
    CHECK(!smtp_client_next(c, &ev));
    CHECK_STR(smtp_client_server_name(c), "mx???.example.com");
    CHECK(smtp_client_stage(c) == SMTP_AT_EHLO);
    smtp_client_free(c);
}

RUN_TESTS(T(greetings), T(questions), T(tls), T(tls_injection), T(auth), T(plain_sends), T(pipelined_sends), T(parameters),
          T(answer_before_the_question), T(reply_before_the_end_is_sent), T(endless_replies), T(server_name_is_printable))
