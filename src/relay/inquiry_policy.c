/* relay/inquiry_policy.c: what would happen to mail to X? Asks the live world as a delivery does, and says nothing of mail to it. */
#include "base/memory.h"
#include "mail/address.h"
#include "net/address.h"
#include "relay/decide_mail.h"
#include "relay/inquiry_private.h"
#include "relay/published_json.h"
#include "relay/trace.h"

/* -- one server -------------------------------------------------------------------------------------------------------- */

static void next_server(struct probe *p);

static const struct mx_server *current(const struct probe *p)
{
    return &p->mx.result.servers[p->server_at];
}

static json_t *describe_server(struct probe *p)
{
    json_t *o = published_server_json(&p->server, &p->dane.result), *addresses = json_array();
    char text[NET_ADDRESS_TEXT];

    inquiry_set(o, "name", trace_string(current(p)->name));
    inquiry_set(o, "preference", json_integer(current(p)->preference));
    inquiry_set(o, "text", trace_string(p->server.text));
    for (size_t i = 0; i < p->lookup.addresses_len; i++)
        (void)json_array_append_new(addresses, json_string(net_address_ip(&p->lookup.addresses[i], text)));
    inquiry_set(o, "addresses", addresses);
    inquiry_set(o, "addresses-dnssec", json_boolean(p->lookup.is_secure));
    (void)json_array_append_new(p->tests, o);
    return o;
}

static void add_session(json_t *server, const struct connection *c, bool is_good)
{
    const struct connection_failure *f = connection_failure(c);
    json_t *o = json_object();
    char address[NET_ADDRESS_TEXT];

    inquiry_set(o, "ok", json_boolean(is_good));
    inquiry_set(o, "text", trace_string(slice_str(is_good ? "meets what would be demanded" : f->why.text)));
    inquiry_set(o, "address", json_string(net_address_text(connection_address(c), address)));
    if (!is_good && f->cause == FAILURE_TLS)
        inquiry_set(o, "result", json_string(tls_result_name(f->result)));
    inquiry_set(o, "tls", trace_tls(connection_tls(c)));
    inquiry_set(server, "session", o);
}

static void on_session(struct connection_user *u, struct connection *c, enum connection_event kind,
                       const struct smtp_client_event *ev)
{
    struct probe *p = CONTAINER_OF(u, struct probe, user);

    (void)ev;
    if (kind != CONNECTION_READY && kind != CONNECTION_FAILED)
        return;
    add_session(json_array_get(p->tests, json_array_size(p->tests) - 1), c, kind == CONNECTION_READY);
    p->connection = NULL;
    connection_drop(c);
    p->server_at++;
    next_server(p);
}

static uint16_t port_of(const struct probe *p)
{
    return p->host != NULL ? p->host->primary[0].port : p->worker->config->outbound.port;
}

/* As delivery_set_names() has it: a name out of unsigned DNS proves nothing to a rule (DNS-01). */
static struct slice expected_name(const struct probe *p)
{
    const struct decision *d = &p->server.decision;
    bool is_trusted = p->mx.result.is_secure || mx_is_within(current(p)->name, p->mx.domain);

    return d->level == LEVEL_VERIFY && d->sts == NULL && !is_trusted ? p->mx.domain : current(p)->name;
}

static void connect_to(struct probe *p)
{
    const struct decision *d = &p->server.decision;
    struct slice *name = ARENA_NEW(&p->arena, struct slice);
    struct connection_plan plan = {
        .server = current(p)->name,
        .addresses = p->lookup.addresses,
        .addresses_len = p->lookup.addresses_len,
        .is_implicit_tls = p->host != NULL && p->host->is_implicit_tls,
        .tries_tls = d->level != LEVEL_NONE || decision_requires_tls(d),
        .decision = d,
        .names = d->names_len > 0 ? d->names : name,
        .names_len = d->names_len > 0 ? d->names_len : 1,
        .tlsa = p->server.tlsa,
        .dane_names = p->domain_names,
        .dane_names_len = mx_domain_names(&p->mx, p->domain_names),
    };

    *name = expected_name(p);
    p->user.on_event = on_session;
    p->connection = connection_open(p->worker, &plan, &p->user);
}

static bool is_allowed(const struct probe *p, const struct net_address *a)
{
    return net_address_is_global(a) || p->worker->config->outbound.allows_private ||
           (p->host != NULL && p->host->allows_private);
}

static void drop_private(struct probe *p)
{
    size_t kept = 0;

    for (size_t i = 0; i < p->lookup.addresses_len; i++)
        if (is_allowed(p, &p->lookup.addresses[i]))
            p->lookup.addresses[kept++] = p->lookup.addresses[i];
    p->lookup.addresses_len = kept;
}

static void decide_server(struct probe *p)
{
    struct server_facts facts = {
        .name = current(p)->name,
        .is_proven = p->mx.result.is_secure,
        .dane = p->dane.result.state,
        .tlsa = p->dane.result.state == DANE_USABLE ? &p->dane.result.set : NULL,
    };

    policy_decide_server(&p->decision, &facts, &p->arena, &p->server);
    (void)describe_server(p);
    drop_private(p);
    if (p->server.verdict == SERVER_TRY && p->lookup.addresses_len > 0 && !p->inquiry->stays_home) {
        connect_to(p);
        return;
    }
    p->server_at++;
    next_server(p);
}

static void on_dane(struct dane_lookup *l)
{
    decide_server(CONTAINER_OF(l, struct probe, dane));
}

static void on_addresses(struct address_lookup *l)
{
    struct probe *p = CONTAINER_OF(l, struct probe, lookup);

    if (l->addresses_len == 0) {
        decide_server(p);
        return;
    }
    p->dane.done = on_dane;
    dane_lookup_start(&p->dane, p->worker->loop, p->worker->resolver, current(p)->name, port_of(p), l);
}

static void next_server(struct probe *p)
{
    dane_lookup_release(&p->dane);
    p->dane = (struct dane_lookup){ 0 };
    address_lookup_release(&p->lookup);
    if (p->server_at >= p->mx.result.servers_len || p->server_at >= p->worker->config->outbound.servers_per_attempt) {
        inquiry_finish(p);
        return;
    }
    p->lookup = (struct address_lookup){ .done = on_addresses };
    address_lookup_start(&p->lookup, p->worker->loop, p->worker->resolver, current(p)->name, port_of(p));
}

/* -- the domain -------------------------------------------------------------------------------------------------------- */

static void on_mx(struct mx_lookup *l)
{
    struct probe *p = CONTAINER_OF(l, struct probe, mx);
    json_t *answer = p->inquiry->answer;

    inquiry_set(answer, "servers-text", trace_string(l->result.text));
    inquiry_set(answer, "dnssec", json_boolean(l->result.is_secure));
    p->tests = json_array();
    next_server(p);
}

static void list_host_servers(json_t *answer, const struct host *h)
{
    json_t *list = json_array();

    for (size_t i = 0; i < h->primary_len + h->secondary_len; i++) {
        bool is_primary = i < h->primary_len;
        const struct host_server *s = is_primary ? &h->primary[i] : &h->secondary[i - h->primary_len];
        json_t *o = json_object();

        inquiry_set(o, "name", trace_string(s->name));
        inquiry_set(o, "port", json_integer(s->port));
        inquiry_set(o, "group", json_string(is_primary ? "primary" : "secondary"));
        (void)json_array_append_new(list, o);
    }
    inquiry_set(answer, "servers", list);
}

static struct slice policy_domain(const struct probe *p)
{
    return p->host != NULL ? p->host->primary[0].name : p->domain;
}

/* What becomes of the mail when no server is left that meets the demand. */
static struct slice end_words(struct probe *p)
{
    const struct decision *d = &p->decision;
    bool bounces = d->on_failure == ON_FAILURE_BOUNCE;

    if (d->alternate.len > 0)
        return arena_printf(&p->arena, "goes to the alternate secure route, host '%.*s'%s", SLICE_FMT(d->alternate),
                            bounces ? "; failing that, it is returned" : "");
    if (bounces)
        return SLICE_LIT("is returned to its sender");
    if (d->defer_for_s > 0)
        return arena_printf(&p->arena, "waits for up to %lld minutes, then it is returned",
                            (long long)((d->defer_for_s + 59) / 60));
    return SLICE_LIT("waits in the queue and is tried again");
}

static struct slice failure_words(struct probe *p)
{
    const struct decision *d = &p->decision;

    if (decision_requires_tls(d))
        return arena_printf(&p->arena, "when no server meets that, the mail %.*s", SLICE_FMT(end_words(p)));
    if (d->uses_dane)
        return arena_printf(&p->arena, "the mail goes in clear text where a server has neither TLS nor TLSA records; when it has such "
                                       "records and does not meet them, the mail %.*s",
                            SLICE_FMT(end_words(p)));
    return SLICE_LIT("the mail goes in clear text where TLS cannot be had");
}

static void look_at_domain(struct probe *p)
{
    struct inquiry *q = p->inquiry;
    struct mail_question question = {
        .settings = q->snapshot,
        .sender = slice_str(q->sender),
        .recipient = slice_str(q->recipient),
        .host = p->host,
        .sts = p->sts,
        .requires_tls = q->requires_tls,
    };
    json_t *decision;

    decide_mail(&question, &p->arena, &p->decision);
    if (p->sts != NULL)
        inquiry_set(q->answer, "mta-sts", published_sts_json(p->sts));
    decision = trace_decision(&p->decision);
    inquiry_set(decision, "text", trace_string(decide_mail_words(&p->decision, p->domain, p->host, &p->arena)));
    inquiry_set(q->answer, "decision", decision);
    inquiry_set(q->answer, "if-it-fails", trace_string(failure_words(p)));
    if (p->host != NULL && !p->host->looks_up_mx) {
        list_host_servers(q->answer, p->host);
        inquiry_finish(p);
        return;
    }
    p->mx.done = on_mx;
    mx_lookup_start(&p->mx, p->worker->loop, p->worker->resolver, policy_domain(p), p->worker->config->hostname, 0);
}

static void on_sts(void *asker, const struct sts_facts *facts)
{
    struct probe *p = asker;

    p->question = NULL;
    p->sts = facts;
    look_at_domain(p);
}

void inquiry_run_policy(struct probe *p)
{
    struct inquiry *q = p->inquiry;
    struct mail_address sender = { 0 }, recipient;
    struct slice route;

    if (mail_address_parse(&p->arena, slice_str(q->recipient), &recipient, &q->why) != OK ||
        mail_address_parse(&p->arena, slice_str(q->sender), &sender, &q->why) != OK) {
        q->status = ERR_SYNTAX;
        inquiry_finish(p);
        return;
    }
    inquiry_set(q->answer, "recipient", trace_string(slice_str(q->recipient)));
    inquiry_set(q->answer, "sender", trace_string(slice_str(q->sender)));
    p->all_good = true;
    p->domain = recipient.domain;
    p->host = snapshot_route(q->snapshot, recipient.domain, &route);
    if (p->host != NULL) {
        inquiry_set(q->answer, "route", trace_string(route));
        inquiry_set(q->answer, "host", trace_string(p->host->demand.name));
    }
    if (p->host == NULL || p->host->looks_up_mx)
        p->question = sts_question_ask(p->worker, policy_domain(p), on_sts, p);
    if (p->question == NULL)
        look_at_domain(p);
}
