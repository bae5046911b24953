/* relay/connection_auth.c: signing in (RFC 4954), inside TLS that was judged good. */
#include "relay/connection_private.h"
#include "relay/sasl_client.h"

void connection_start_auth(struct connection *c)
{
    struct slice initial;

    if (!(smtp_client_extensions(c->smtp) & SMTP_EXT_AUTH)) {
        (void)fault_set(&c->failure.why, ERR_PERMANENT, "'%.*s' offers no AUTH, but a user name is set for it",
                        SLICE_FMT(c->plan.server));
        connection_fail(c, FAILURE_AUTH);
        return;
    }
    if (sasl_client_new(smtp_client_auth_mechanisms(c->smtp), c->plan.username, c->plan.password, &c->sasl,
                        &c->failure.why) != OK ||
        sasl_client_step(c->sasl, slice_of(NULL, 0), &initial, &c->failure.why) != OK) {
        connection_fail(c, FAILURE_AUTH);
        return;
    }
    smtp_client_auth(c->smtp, sasl_client_mechanism(c->sasl), initial);
}

void connection_on_auth_challenge(struct connection *c, const struct smtp_client_event *ev)
{
    struct slice answer;

    if (sasl_client_step(c->sasl, ev->data, &answer, &c->failure.why) != OK)
        connection_fail(c, FAILURE_AUTH);
    else
        smtp_client_auth_response(c->smtp, answer);
}

void connection_on_auth_done(struct connection *c, const struct smtp_client_event *ev)
{
    bool is_proven = sasl_client_is_proven(c->sasl);

    sasl_client_free(c->sasl);
    c->sasl = NULL;
    if (smtp_reply_is_ok(&ev->reply) && is_proven) {
        connection_become_ready(c);
        return;
    }
    if (smtp_reply_is_ok(&ev->reply)) {
        (void)fault_set(&c->failure.why, ERR_PERMANENT, "'%.*s' welcomed us without proof that it knows the password",
                        SLICE_FMT(c->plan.server));
        connection_fail(c, FAILURE_AUTH);
        return;
    }
    c->failure.reply = ev->reply;
    (void)fault_set(&c->failure.why, ERR_PERMANENT, "'%.*s' refused our credentials: %d %s", SLICE_FMT(c->plan.server),
                    ev->reply.code, ev->reply.text);
    connection_fail(c, FAILURE_AUTH);
}
