#include "smtp/client_private.h"

#include <assert.h>

/* What stands behind the 220 in clear would be taken for an answer given inside TLS (TLS-02). */
bool smtp_client_on_starttls(struct smtp_client *c, const struct smtp_reply *reply, struct smtp_client_event *ev)
{
    if (reply->code != 220)
        return smtp_client_fail_wrong(c, reply);
    if (smtp_client_has_unread(c)) {
        smtp_client_fail(c, NULL, "the server sent bytes in clear behind its reply to STARTTLS");
        return false;
    }
    smtp_client_enter(c, ST_HANDSHAKE);
    return smtp_client_show(ev, SMTP_CL_TLS, SMTP_AT_STARTTLS, reply);
}

bool smtp_client_on_starttls_refused(struct smtp_client *c, const struct smtp_reply *reply,
                                     struct smtp_client_event *ev)
{
    smtp_client_enter(c, ST_IDLE);
    return smtp_client_show(ev, SMTP_CL_TLS_REFUSED, SMTP_AT_STARTTLS, reply);
}

void smtp_client_starttls(struct smtp_client *c)
{
    if (!smtp_client_may_send(c, ST_IDLE))
        return;
    assert(!c->is_tls && (c->offers & SMTP_EXT_STARTTLS) != 0);
    smtp_client_put_command(c, SLICE_LIT("STARTTLS"), slice_of(NULL, 0));
    smtp_client_enter(c, ST_STARTTLS);
}

void smtp_client_tls_started(struct smtp_client *c)
{
    if (c->state == ST_OVER)
        return;
    assert(c->state == ST_HANDSHAKE && !smtp_client_has_unread(c) && buf_slice(&c->out).len == 0);
    c->is_tls = true;
    smtp_client_say_hello(c, SLICE_LIT("EHLO"), ST_EHLO);
}
