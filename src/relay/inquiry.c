#include "relay/inquiry.h"

#include "base/memory.h"
#include "discovery/addresses.h"
#include "discovery/mx.h"
#include "mail/address.h"
#include "relay/connection.h"
#include "relay/trace.h"
#include "relay/worker.h"

#include <stdlib.h>

enum { INQUIRY_MS = 30000 };

/* What an inquiry needs while it runs on the worker. */
struct probe {
    struct probe          *next, *prev; /* in worker->probes */
    struct inquiry        *inquiry;
    struct worker         *worker;
    struct arena           arena;
    struct mx_lookup       mx;
    struct address_lookup  lookup;
    struct loop_timer      deadline;
    const struct host     *host;
    struct decision        decision;
    json_t                *tests;      /* INQUIRY_HOST_TEST: an array, one for each server and address */
    struct slice          *servers;
    uint16_t              *ports;
    size_t                 servers_len, server_at, address_at;
    struct connection_user user;
    struct connection     *connection;
    bool                   all_good;
};

static void set(json_t *o, const char *key, json_t *value)
{
    (void)json_object_set_new(o, key, value);
}

static void finish(struct probe *p)
{
    struct inquiry *q = p->inquiry;

    if (p->prev != NULL)
        p->prev->next = p->next;
    else
        p->worker->probes = p->next;
    if (p->next != NULL)
        p->next->prev = p->prev;
    loop_timer_clear(p->worker->loop, &p->deadline);
    mx_lookup_release(&p->mx);
    address_lookup_release(&p->lookup);
    if (p->connection != NULL)
        connection_drop(p->connection);
    if (p->tests != NULL) {
        set(q->answer, "ok", json_boolean(p->all_good && json_array_size(p->tests) > 0));
        set(q->answer, "servers", p->tests);
    }
    arena_release(&p->arena);
    free(p);
    worker_task_done(&q->task);
}

static void on_deadline(struct loop_timer *t)
{
    struct probe *p = CONTAINER_OF(t, struct probe, deadline);

    p->all_good = false;
    set(p->inquiry->answer, "timeout", json_true());
    finish(p);
}

static void refuse(struct probe *p, enum status st, const char *text)
{
    p->inquiry->status = fault_set(&p->inquiry->why, st, "%s", text);
    finish(p);
}

/* -- what would happen to mail to X ------------------------------------------------------------------------------------ */

static void on_policy_mx(struct mx_lookup *l)
{
    struct probe *p = CONTAINER_OF(l, struct probe, mx);
    json_t *answer = p->inquiry->answer, *list = json_array();

    for (size_t i = 0; i < l->result.servers_len; i++) {
        json_t *o = json_object();

        set(o, "name", trace_string(l->result.servers[i].name));
        set(o, "preference", json_integer(l->result.servers[i].preference));
        (void)json_array_append_new(list, o);
    }
    set(answer, "servers", list);
    set(answer, "servers-text", trace_string(l->result.text));
    set(answer, "dnssec", json_boolean(l->result.is_secure));
    finish(p);
}

static void list_host_servers(json_t *answer, const struct host *h)
{
    json_t *list = json_array();

    for (size_t i = 0; i < h->primary_len + h->secondary_len; i++) {
        bool is_primary = i < h->primary_len;
        const struct host_server *s = is_primary ? &h->primary[i] : &h->secondary[i - h->primary_len];
        json_t *o = json_object();

        set(o, "name", trace_string(s->name));
        set(o, "port", json_integer(s->port));
        set(o, "group", json_string(is_primary ? "primary" : "secondary"));
        (void)json_array_append_new(list, o);
    }
    set(answer, "servers", list);
}

static void decide(struct probe *p, const struct mail_address *sender, const struct mail_address *recipient)
{
    const struct gateway *g = snapshot_gateway(p->inquiry->snapshot);
    struct policy_facts facts = {
        .sender = { sender->local, sender->domain },
        .recipient = { recipient->local, recipient->domain },
        .rules = snapshot_is_our_domain(p->inquiry->snapshot, recipient->domain)
                     ? NULL
                     : snapshot_rules(p->inquiry->snapshot),
        .default_level = g->default_level,
        .alternate_mode = g->alternate_mode,
        .alternate_host = g->alternate_host,
        .host = p->host == NULL ? NULL : &p->host->demand,
    };

    policy_decide(&facts, &p->arena, &p->decision);
}

static void run_policy(struct probe *p)
{
    struct inquiry *q = p->inquiry;
    struct mail_address sender = { 0 }, recipient;
    struct slice route;

    if (mail_address_parse(&p->arena, slice_str(q->recipient), &recipient, &q->why) != OK ||
        mail_address_parse(&p->arena, slice_str(q->sender), &sender, &q->why) != OK) {
        q->status = ERR_SYNTAX;
        finish(p);
        return;
    }
    p->host = snapshot_route(q->snapshot, recipient.domain, &route);
    decide(p, &sender, &recipient);
    set(q->answer, "recipient", trace_string(slice_str(q->recipient)));
    set(q->answer, "sender", trace_string(slice_str(q->sender)));
    set(q->answer, "decision", trace_decision(&p->decision));
    if (p->host != NULL) {
        set(q->answer, "route", trace_string(route));
        set(q->answer, "host", trace_string(p->host->demand.name));
    }
    if (p->host != NULL && !p->host->looks_up_mx) {
        list_host_servers(q->answer, p->host);
        finish(p);
        return;
    }
    p->mx.done = on_policy_mx;
    mx_lookup_start(&p->mx, p->worker->loop, p->worker->resolver,
                    p->host == NULL ? recipient.domain : p->host->primary[0].name, p->worker->config->hostname, 0);
}

/* -- does host H work -------------------------------------------------------------------------------------------------------- */

static void next_server(struct probe *p);
static void next_address(struct probe *p);

static json_t *extensions_json(unsigned bits)
{
    static const struct { unsigned bit; const char *name; } names[] = {
        { SMTP_EXT_PIPELINING, "PIPELINING" }, { SMTP_EXT_SIZE, "SIZE" },         { SMTP_EXT_8BITMIME, "8BITMIME" },
        { SMTP_EXT_SMTPUTF8, "SMTPUTF8" },     { SMTP_EXT_STARTTLS, "STARTTLS" }, { SMTP_EXT_DSN, "DSN" },
        { SMTP_EXT_CHUNKING, "CHUNKING" },     { SMTP_EXT_AUTH, "AUTH" },         { SMTP_EXT_REQUIRETLS, "REQUIRETLS" },
    };
    json_t *list = json_array();

    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (bits & names[i].bit)
            (void)json_array_append_new(list, json_string(names[i].name));
    return list;
}

static json_t *test_of(struct probe *p, bool is_ok, const char *text)
{
    json_t *o = json_object();

    set(o, "server", trace_string(p->servers[p->server_at]));
    set(o, "port", json_integer(p->ports[p->server_at]));
    set(o, "ok", json_boolean(is_ok));
    set(o, "text", trace_string(slice_str(text)));
    p->all_good = p->all_good && is_ok;
    (void)json_array_append_new(p->tests, o);
    return o;
}

static void add_session(struct probe *p, json_t *o, const struct connection *c)
{
    char address[NET_ADDRESS_TEXT];

    (void)p;
    set(o, "address", json_string(net_address_text(connection_address(c), address)));
    set(o, "tls", trace_tls(connection_tls(c)));
}

static void on_probe_event(struct connection_user *u, struct connection *c, enum connection_event kind,
                           const struct smtp_client_event *ev)
{
    struct probe *p = CONTAINER_OF(u, struct probe, user);
    const struct connection_failure *f = connection_failure(c);
    json_t *o;

    (void)ev;
    if (kind == CONNECTION_READY) {
        o = test_of(p, true, "meets what the host demands");
        set(o, "extensions", extensions_json(connection_extensions(c)));
    } else if (kind == CONNECTION_FAILED) {
        o = test_of(p, false, f->why.text);
        if (f->cause == FAILURE_TLS)
            set(o, "result", json_string(tls_result_name(f->result)));
    } else {
        return;
    }
    add_session(p, o, c);
    p->connection = NULL;
    connection_drop(c);
    p->address_at++;
    next_address(p);
}

static void next_address(struct probe *p)
{
    struct slice server = p->servers[p->server_at];
    struct connection_plan plan = {
        .server = server,
        .addresses = &p->lookup.addresses[p->address_at],
        .addresses_len = 1,
        .is_implicit_tls = p->host->is_implicit_tls,
        .tries_tls = p->decision.level != LEVEL_NONE,
        .decision = &p->decision,
        .names = p->decision.names_len > 0 ? p->decision.names : &server,
        .names_len = p->decision.names_len > 0 ? p->decision.names_len : 1,
        .username = p->host->username,
        .password = p->host->password,
    };

    if (p->address_at >= p->lookup.addresses_len) {
        p->server_at++;
        next_server(p);
        return;
    }
    p->user.on_event = on_probe_event;
    p->connection = connection_open(p->worker, &plan, &p->user);
}

static void on_host_addresses(struct address_lookup *l)
{
    struct probe *p = CONTAINER_OF(l, struct probe, lookup);

    p->address_at = 0;
    if (l->addresses_len == 0)
        (void)test_of(p, false, l->text);
    next_address(p);
}

static void next_server(struct probe *p)
{
    address_lookup_release(&p->lookup);
    if (p->server_at >= p->servers_len) {
        finish(p);
        return;
    }
    p->lookup = (struct address_lookup){ .done = on_host_addresses };
    address_lookup_start(&p->lookup, p->worker->loop, p->worker->resolver, p->servers[p->server_at],
                         p->ports[p->server_at]);
}

static void add_server(struct probe *p, struct slice name, uint16_t port)
{
    p->servers[p->servers_len] = name;
    p->ports[p->servers_len++] = port;
}

static void on_host_mx(struct mx_lookup *l)
{
    struct probe *p = CONTAINER_OF(l, struct probe, mx);

    set(p->inquiry->answer, "servers-text", trace_string(l->result.text));
    p->servers = ARENA_ARRAY(&p->arena, struct slice, l->result.servers_len);
    p->ports = ARENA_ARRAY(&p->arena, uint16_t, l->result.servers_len);
    for (size_t i = 0; i < l->result.servers_len; i++)
        add_server(p, l->result.servers[i].name, p->host->primary[0].port);
    next_server(p);
}

static void run_host_test(struct probe *p)
{
    const struct host *h = snapshot_host(p->inquiry->snapshot, slice_str(p->inquiry->host));
    struct decision nothing = { .level = LEVEL_NONE };

    if (h == NULL) {
        refuse(p, ERR_NOT_FOUND, "there is no host of that name; see 'sternpost host list'");
        return;
    }
    p->host = h;
    p->tests = json_array();
    p->all_good = true;
    policy_decide_alternate(&nothing, &h->demand, &p->arena, &p->decision);
    set(p->inquiry->answer, "host", trace_string(h->demand.name));
    set(p->inquiry->answer, "level", json_string(tls_level_name(p->decision.level)));
    if (h->looks_up_mx) {
        p->mx.done = on_host_mx;
        mx_lookup_start(&p->mx, p->worker->loop, p->worker->resolver, h->primary[0].name, p->worker->config->hostname, 0);
        return;
    }
    p->servers = ARENA_ARRAY(&p->arena, struct slice, h->primary_len + h->secondary_len);
    p->ports = ARENA_ARRAY(&p->arena, uint16_t, h->primary_len + h->secondary_len);
    for (size_t i = 0; i < h->primary_len; i++)
        add_server(p, h->primary[i].name, h->primary[i].port);
    for (size_t i = 0; i < h->secondary_len; i++)
        add_server(p, h->secondary[i].name, h->secondary[i].port);
    next_server(p);
}

/* -- life ------------------------------------------------------------------------------------------------------------------------ */

static const char *const shutting_down = "sternpost is shutting down; ask again when it is back";

static void run(struct worker *w, struct worker_task *t)
{
    struct inquiry *q = CONTAINER_OF(t, struct inquiry, task);
    struct probe *p = NEW(struct probe);

    p->inquiry = q;
    p->worker = w;
    p->next = w->probes;
    if (p->next != NULL)
        p->next->prev = p;
    w->probes = p;
    p->deadline.fire = on_deadline;
    loop_timer_set(w->loop, &p->deadline, INQUIRY_MS);
    q->answer = json_object();
    if (w->is_stopping || w->is_over)
        refuse(p, ERR_TEMPORARY, shutting_down);
    else if (q->kind == INQUIRY_POLICY)
        run_policy(p);
    else
        run_host_test(p);
}

void inquiry_end_all(struct worker *w)
{
    while (w->probes != NULL)
        refuse(w->probes, ERR_TEMPORARY, shutting_down);
}

void inquiry_init(struct inquiry *q, enum inquiry_kind kind, struct snapshot *snapshot)
{
    *q = (struct inquiry){ .kind = kind, .snapshot = snapshot_hold(snapshot) };
    q->task.run = run;
}

void inquiry_release(struct inquiry *q)
{
    snapshot_release(q->snapshot);
    q->snapshot = NULL;
}
