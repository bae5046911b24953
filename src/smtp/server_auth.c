#include "smtp/server_private.h"

#include <assert.h>

bool offers_auth(const struct smtp_server *s)
{
    return s->config.auth_mechanisms != NULL && s->is_tls;
}

/* RFC 4648 section 4, whole and padded; what it decodes to is the mechanism's affair (AUT-04). */
static bool is_base64(struct slice s)
{
    size_t len = s.len;

    if (s.len % 4 != 0)
        return false;
    while (len > 0 && s.len - len < 2 && s.ptr[len - 1] == '=')
        len--;
    for (size_t i = 0; i < len; i++) {
        char c = s.ptr[i];

        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/'))
            return false;
    }
    return true;
}

/* As the config spells it; empty when it is not offered. */
static struct slice find_mechanism(const struct smtp_server *s, struct slice name)
{
    struct slice list = slice_str(s->config.auth_mechanisms);

    while (list.len > 0) {
        struct slice one = slice_cut(list, ' ', &list);

        if (one.len > 0 && slice_eq_case(one, name))
            return one;
    }
    return slice_of(NULL, 0);
}

static void begin_auth(struct smtp_server *s, struct slice arg)
{
    struct slice initial, name = slice_cut(arg, ' ', &initial), mechanism = find_mechanism(s, name);

    if (name.len == 0) {
        reply(s, 501, "5.5.4", "Syntax: AUTH mechanism [response]");
    } else if (mechanism.len == 0) {
        reply(s, 504, "5.5.4", "Mechanism is not offered");
    } else if (!slice_eq(initial, SLICE_LIT("=")) && !is_base64(initial)) {
        reply(s, 501, "5.5.2", "Response is not base64");
    } else {
        s->event = (struct smtp_server_event){ .text = mechanism, .data = initial, .has_data = initial.len > 0 };
        ask(s, SMTP_SV_AUTH);
    }
}

void on_auth(struct smtp_server *s, struct slice arg)
{
    if (s->config.auth_mechanisms == NULL)
        reply(s, 502, "5.5.1", "AUTH is not offered here");
    else if (!s->is_tls) /* RFC 4954 section 4 (TLS-09) */
        reply(s, 538, "5.7.11", "Encryption required for authentication");
    else if (s->is_authenticated)
        reply(s, 503, "5.5.1", "Authenticated already");
    else if (!s->is_esmtp)
        reply(s, 503, "5.5.1", "AUTH needs EHLO");
    else
        begin_auth(s, arg);
}

void cancel_auth(struct smtp_server *s)
{
    tell(s, SMTP_SV_AUTH_CANCEL);
    enter_state(s, STATE_GREETED);
}

void run_auth_line(struct smtp_server *s, struct slice line)
{
    s->is_at_sync = true;
    if (slice_eq(line, SLICE_LIT("*"))) {
        reply(s, 501, "5.7.0", "Authentication cancelled");
        cancel_auth(s);
    } else if (!is_base64(line)) {
        reply(s, 501, "5.5.2", "Response is not base64");
        cancel_auth(s);
    } else {
        s->event = (struct smtp_server_event){ .data = line, .has_data = true };
        ask(s, SMTP_SV_AUTH_RESPONSE);
    }
    check_limits(s);
}

void smtp_server_auth_challenge(struct smtp_server *s, struct slice base64)
{
    assert(s->is_waiting && s->queue_len == 0 && (s->asked == SMTP_SV_AUTH || s->asked == SMTP_SV_AUTH_RESPONSE));
    s->is_waiting = false;
    drop_line(s);
    say_challenge(s, base64);
    enter_state(s, STATE_AUTH);
}

void smtp_server_auth_done(struct smtp_server *s, const struct smtp_reply *r)
{
    assert(s->asked == SMTP_SV_AUTH || s->asked == SMTP_SV_AUTH_RESPONSE);
    smtp_server_answer(s, r);
}

void answer_auth(struct smtp_server *s, const struct smtp_reply *r)
{
    s->is_authenticated = smtp_reply_is_ok(r);
    reply_with(s, r);
    enter_state(s, STATE_GREETED);
}
