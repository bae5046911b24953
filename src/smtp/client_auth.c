#include "smtp/client_private.h"

#include <assert.h>

bool smtp_client_on_challenge(struct smtp_client *c, const struct smtp_reply *reply, struct smtp_client_event *ev)
{
    if (reply->code != 334 || c->reader.lines > 1)
        return smtp_client_fail_wrong(c, reply);
    smtp_client_enter(c, ST_CHALLENGED);
    (void)smtp_client_show(ev, SMTP_CL_AUTH_CHALLENGE, SMTP_AT_AUTH, NULL);
    ev->data = slice_trim(c->text);
    return true;
}

bool smtp_client_on_auth_done(struct smtp_client *c, const struct smtp_reply *reply, struct smtp_client_event *ev)
{
    return reply->code == 235 ? smtp_client_on_auth_refused(c, reply, ev) : smtp_client_fail_wrong(c, reply);
}

bool smtp_client_on_auth_refused(struct smtp_client *c, const struct smtp_reply *reply, struct smtp_client_event *ev)
{
    smtp_client_enter(c, ST_IDLE);
    return smtp_client_show(ev, SMTP_CL_AUTH_DONE, SMTP_AT_AUTH, reply);
}

void smtp_client_auth(struct smtp_client *c, const char *mechanism, struct slice initial_base64)
{
    if (!smtp_client_may_send(c, ST_IDLE))
        return;
    assert(c->is_tls);
    smtp_client_put(c, SLICE_LIT("AUTH "));
    /* RFC 4954 section 4: "=" is an initial response that is empty. */
    if (initial_base64.ptr != NULL && initial_base64.len == 0)
        initial_base64 = SLICE_LIT("=");
    smtp_client_put_command(c, slice_str(mechanism), initial_base64);
    smtp_client_enter(c, ST_AUTH);
}

void smtp_client_auth_response(struct smtp_client *c, struct slice base64)
{
    if (!smtp_client_may_send(c, ST_CHALLENGED))
        return;
    smtp_client_put_command(c, base64, slice_of(NULL, 0));
    smtp_client_enter(c, ST_AUTH);
}
