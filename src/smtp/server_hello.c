#include "smtp/server_private.h"

bool offers_starttls(const struct smtp_server *s)
{
    return s->config.offers_starttls && !s->is_tls;
}

bool offers_requiretls(const struct smtp_server *s)
{
    return s->config.offers_requiretls && s->is_tls;
}

/* Clients send many a name that is no domain, and it proves nothing: only what could not be shown is refused. */
static bool is_client_name(struct slice name)
{
    if (name.len == 0 || name.len > SMTP_DOMAIN_MAX)
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] <= 0x20 || name.ptr[i] >= 0x7f)
            return false;
    return true;
}

static bool greet(struct smtp_server *s, struct slice name, bool is_esmtp)
{
    if (!is_client_name(name)) {
        reply(s, 501, "5.5.4", "Your host name must follow");
        return false;
    }
    if (s->state != STATE_CONNECTED)
        s->junk++;
    reset_transaction(s);
    s->is_esmtp = is_esmtp;
    s->event = (struct smtp_server_event){ .text = name, .is_esmtp = is_esmtp };
    tell(s, SMTP_SV_HELO);
    enter_state(s, STATE_GREETED);
    return true;
}

void on_helo(struct smtp_server *s, struct slice arg)
{
    if (greet(s, arg, false))
        say(s, 250, "", s->config.hostname.ptr);
}

void on_ehlo(struct smtp_server *s, struct slice arg)
{
    if (greet(s, arg, true))
        say_extensions(s);
}

void on_starttls(struct smtp_server *s, struct slice arg)
{
    size_t before = buf_slice(&s->out).len;

    if (s->is_tls) {
        reply(s, 503, "5.5.1", "TLS is active already");
    } else if (!s->config.offers_starttls) {
        reply(s, 502, "5.5.1", "STARTTLS is not offered here");
    } else if (arg.len > 0) {
        reply(s, 501, "5.5.4", "Nothing may follow this command");
    } else {
        say(s, 220, "2.0.0", "Ready to start TLS");
        s->starttls_reply_len = buf_slice(&s->out).len - before;
        tell(s, SMTP_SV_STARTTLS);
        enter_state(s, STATE_TLS);
    }
}
