/* relay/connection_tls.c: STARTTLS and the handshake: begun, judged against the demand, or done without. */
#include "relay/connection_private.h"

#include "relay/metrics.h"

void connection_fail_tls(struct connection *c, enum tls_result result, bool in_handshake)
{
    if (c->state == DEAD)
        return;
    metric_add(METRIC_TLS_OUT_FAILED, 1);
    c->failure.by_dane = c->plan.decision->needs_tlsa_match;
    c->failure.result = result;
    c->failure.in_handshake = in_handshake;
    connection_fail(c, FAILURE_TLS);
}

/* The demand's own issuers, or the gateway's. NULL: the system's. */
static const char *trust_of(const struct connection *c)
{
    return c->plan.decision->ca_file.len > 0 ? c->plan.decision->ca_file.ptr : c->worker->config->outbound.ca_file;
}

void connection_start_handshake(struct connection *c)
{
    struct tls_target target = {
        .names = c->plan.names,
        .names_len = c->plan.names_len,
        .ca_file = trust_of(c),
        .profile = c->worker->config->outbound.tls_profile,
        .is_demanding = decision_requires_tls(c->plan.decision),
        .tlsa = c->plan.tlsa,
        .dane_names = c->plan.dane_names,
        .dane_names_len = c->plan.dane_names_len,
        .session_key =
            arena_printf(&c->arena, "%.*s:%u:%d:%.*s", SLICE_FMT(c->plan.server), net_address_port(&c->address),
                         decision_requires_tls(c->plan.decision), SLICE_FMT(c->plan.decision->ca_file)),
    };
    struct net_address literal;

    if (c->plan.tlsa != NULL)
        target.sni = c->plan.tlsa->base_domain;
    else if (net_address_parse(c->plan.server, 0, &literal) != OK)
        target.sni = c->plan.server;
    c->state = SHAKING;
    stream_start_client(&c->stream, c->worker->tls, &target);
}

/* In clear where TLS was not to be had, or inside TLS that was judged good. */
static void proceed(struct connection *c)
{
    if (c->plan.username.len == 0) {
        connection_become_ready(c);
    } else if (!c->tls.is_tls) {
        (void)fault_set(&c->failure.why, ERR_PERMANENT, "no TLS with '%.*s': credentials are not sent in clear",
                        SLICE_FMT(c->plan.server));
        connection_fail(c, FAILURE_AUTH);
    } else {
        connection_start_auth(c);
    }
}

void connection_without_tls(struct connection *c, const char *how)
{
    if (decision_requires_tls(c->plan.decision)) {
        (void)fault_set(&c->failure.why, ERR_TEMPORARY, "'%.*s' %s, but TLS is required", SLICE_FMT(c->plan.server),
                        how);
        connection_fail_tls(c, TLS_RESULT_STARTTLS_NOT_SUPPORTED, false);
        return;
    }
    proceed(c);
}

/* RFC 8689 section 4.2.1: every hop promises as much as we did. */
static void without_requiretls(struct connection *c)
{
    (void)fault_set(&c->failure.why, ERR_PERMANENT, "'%.*s' does not offer REQUIRETLS, with which the message came",
                    SLICE_FMT(c->plan.server));
    c->failure.lacks_requiretls = true;
    c->failure.code = "requiretls-not-offered";
    c->failure.result = TLS_RESULT_VALIDATION_FAILURE;
    connection_fail(c, FAILURE_TLS);
}

void connection_on_greeted(struct connection *c)
{
    if (c->tls.is_tls && c->plan.decision->needs_requiretls &&
        !(smtp_client_extensions(c->smtp) & SMTP_EXT_REQUIRETLS))
        without_requiretls(c);
    else if (c->tls.is_tls)
        proceed(c);
    else if (c->plan.tries_tls && (smtp_client_extensions(c->smtp) & SMTP_EXT_STARTTLS))
        smtp_client_starttls(c->smtp);
    else
        connection_without_tls(c, "does not offer STARTTLS");
}

static void judge_tls(struct connection *c)
{
    enum tls_result result;

    stream_tls_facts(&c->stream, &c->tls);
    metric_add(METRIC_TLS_OUT, 1);
    if (c->tls.is_resumed)
        metric_add(METRIC_TLS_OUT_RESUMED, 1);
    result = decision_check(c->plan.decision, &c->tls, c->plan.server, &c->failure.why);
    if (result != TLS_RESULT_OK) {
        connection_fail_tls(c, result, false);
        return;
    }
    c->state = TALKING;
    c->has_progress = true;
    if (!c->plan.is_implicit_tls)
        smtp_client_tls_started(c->smtp);
}

void connection_shake(struct connection *c)
{
    switch (stream_handshake(&c->stream)) {
    case STREAM_AGAIN: return;
    case STREAM_OK: judge_tls(c); return;
    case STREAM_END:
    case STREAM_BROKEN:
        stream_tls_facts(&c->stream, &c->tls);
        (void)fault_set(&c->failure.why, ERR_TEMPORARY, "the TLS handshake with '%.*s' failed: %s",
                        SLICE_FMT(c->plan.server), stream_error(&c->stream));
        connection_fail_tls(c, TLS_RESULT_VALIDATION_FAILURE, true);
    }
}
