/* relay/delivery_report.c: one session, or a server that had to be passed over, as TLS reports count it (RFC 8460 section 4). */
#include "relay/delivery_private.h"

enum { POLICIES_MOST = 2 };

struct session {
    struct delivery           *d;
    const struct connection   *connection; /* NULL: passed over without one */
    const struct tls_facts    *tls;
    const struct connection_failure *failure; /* NULL: the session came about */
    struct slice               server;
    struct tlsrpt_policy       policies[POLICIES_MOST];
    struct tlsrpt_failure      failures[POLICIES_MOST];
    size_t                     len;
};

/* Our own reports are not counted, or they would beget reports for ever; nor is what a local choice leads elsewhere, as the
 * alternate route does: what the recipient's domain publishes says nothing of its servers. */
static bool is_counted(const struct delivery *d)
{
    return d->job->message->stored.origin != ORIGIN_REPORT && !d->on_alternate &&
           (d->host == NULL || d->host->looks_up_mx) && d->worker->recorder != NULL;
}

/* Where TLS was not even asked for (level none), the server has not failed to offer it. */
static bool tries_tls(const struct connection *c)
{
    const struct decision *d = connection_decision(c);

    return d->level != LEVEL_NONE || decision_requires_tls(d);
}

static struct slice report_domain(const struct delivery *d)
{
    return d->host == NULL ? d->job->rcpts[0].domain : d->host->primary[0].name;
}

static struct slice ip_text(struct session *s, const struct net_address *a)
{
    char text[NET_ADDRESS_TEXT];

    return arena_copy(&s->d->arena, slice_str(net_address_ip(a, text)));
}

static void add_addresses(struct session *s, struct tlsrpt_failure *f)
{
    if (s->connection == NULL)
        return;
    f->sending_mta_ip = ip_text(s, connection_local_address(s->connection));
    f->receiving_ip = ip_text(s, connection_address(s->connection));
}

static void add_policy(struct session *s, const struct tlsrpt_policy *policy, enum tls_result result, const char *code)
{
    struct tlsrpt_policy *p = &s->policies[s->len];
    struct tlsrpt_failure *f = &s->failures[s->len++];

    *p = *policy;
    if (result == TLS_RESULT_OK)
        return;
    *f = (struct tlsrpt_failure){
        .result_type = slice_str(tls_result_name(result)),
        .receiving_mx_hostname = s->server,
        .failure_reason_code = slice_str(code == NULL ? "" : code),
        .count = 1,
    };
    add_addresses(s, f);
    p->is_failed = true;
    p->failures = f;
    p->failures_len = 1;
}

/* What became of TLS itself, whatever was demanded of it. */
static enum tls_result handshake_result(const struct session *s)
{
    if (s->failure != NULL && s->failure->in_handshake)
        return TLS_RESULT_VALIDATION_FAILURE;
    if (!s->tls->is_tls)
        return TLS_RESULT_STARTTLS_NOT_SUPPORTED;
    return TLS_RESULT_OK;
}

static void add_dane(struct session *s)
{
    const struct dane_result *dane = &s->d->dane.result;
    struct tlsrpt_policy policy = { .type = TLSRPT_TLSA, .domain = s->server };
    struct decision as_enforced = { .level = LEVEL_DANE };
    enum tls_result result = handshake_result(s);

    if (dane->state == DANE_USABLE || dane->state == DANE_UNUSABLE) {
        policy.strings = dane->set.texts;
        policy.strings_len = dane->set.texts_len;
        policy.domain = dane->set.base_domain;
    }
    if (s->connection == NULL)
        result = s->failure->result;
    else if (dane->state == DANE_UNUSABLE && result == TLS_RESULT_OK)
        result = TLS_RESULT_TLSA_INVALID;
    else if (dane->state == DANE_USABLE && result == TLS_RESULT_OK)
        result = decision_check(&as_enforced, s->tls, s->server, NULL);
    add_policy(s, &policy, result, dane->state == DANE_UNUSABLE ? "all-tlsa-records-unusable" : "");
}

static void add_sts(struct session *s)
{
    const struct sts_facts *f = s->d->sts;
    struct tlsrpt_policy policy = { .type = TLSRPT_STS, .domain = report_domain(s->d) };
    const char *code = "";
    enum tls_result result;

    if (f->finding == STS_TROUBLE) {
        add_policy(s, &policy, f->failure, "");
        return;
    }
    policy.strings = f->policy.lines;
    policy.strings_len = f->policy.lines_len;
    policy.mx_hosts = f->policy.mx;
    policy.mx_hosts_len = f->policy.mx_len;
    result = sts_policy_allows(&f->policy, s->server) ? handshake_result(s) : TLS_RESULT_OK;
    if (result == TLS_RESULT_OK)
        result = sts_session_check(&f->policy, s->server, s->tls, &code);
    add_policy(s, &policy, result, code);
}

/* A server that was passed over counts under the policy that forbade it, and no other. */
static bool has_sts(const struct session *s)
{
    const struct sts_facts *f = s->d->sts;

    if (f == NULL || (f->finding != STS_FOUND && f->finding != STS_TROUBLE))
        return false;
    if (f->finding == STS_FOUND && f->policy.mode == STS_MODE_NONE)
        return false;
    return s->connection != NULL || s->failure->result == TLS_RESULT_VALIDATION_FAILURE;
}

static bool has_dane(const struct session *s)
{
    enum dane_state state = s->d->dane.result.state;

    if (s->connection == NULL)
        return s->failure->result != TLS_RESULT_VALIDATION_FAILURE;
    return state == DANE_USABLE || state == DANE_UNUSABLE;
}

static void count(struct session *s)
{
    struct tlsrpt_session session = { .domain = report_domain(s->d), .policies = s->policies };
    struct tlsrpt_policy none = { .type = TLSRPT_NO_POLICY, .domain = session.domain };

    s->server = s->d->candidates[s->d->at].name;
    if (has_dane(s))
        add_dane(s);
    if (has_sts(s))
        add_sts(s);
    if (s->len == 0)
        add_policy(s, &none, handshake_result(s), "");
    session.policies_len = s->len;
    recorder_add(s->d->worker->recorder, &session);
}

void delivery_report_session(struct delivery *d, const struct connection *c, const struct connection_failure *failure)
{
    struct session s = { .d = d, .connection = c, .tls = connection_tls(c), .failure = failure };

    if (is_counted(d) && d->at < d->candidates_len && tries_tls(c))
        count(&s);
}

void delivery_report_skipped(struct delivery *d)
{
    static const struct tls_facts nothing;
    struct connection_failure failure = { .cause = FAILURE_TLS, .result = d->server.result };
    struct session s = { .d = d, .tls = &nothing, .failure = &failure };
    bool is_for_sender = d->server.result == TLS_RESULT_VALIDATION_FAILURE && d->decision.sts == NULL; /* REQUIRETLS */

    if (is_counted(d) && !is_for_sender)
        count(&s);
}
