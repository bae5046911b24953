/* relay/inquiry_host.c: does host H work? Every server of it at every address. */
#include "base/memory.h"
#include "net/address.h"
#include "relay/inquiry_private.h"
#include "relay/trace.h"

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

    inquiry_set(o, "server", trace_string(p->servers[p->server_at]));
    inquiry_set(o, "port", json_integer(p->ports[p->server_at]));
    inquiry_set(o, "ok", json_boolean(is_ok));
    inquiry_set(o, "text", trace_string(slice_str(text)));
    p->all_good = p->all_good && is_ok;
    (void)json_array_append_new(p->tests, o);
    return o;
}

static void add_session(struct probe *p, json_t *o, const struct connection *c)
{
    char address[NET_ADDRESS_TEXT];

    (void)p;
    inquiry_set(o, "address", json_string(net_address_text(connection_address(c), address)));
    inquiry_set(o, "tls", trace_tls(connection_tls(c)));
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
        inquiry_set(o, "extensions", extensions_json(connection_extensions(c)));
    } else if (kind == CONNECTION_FAILED) {
        o = test_of(p, false, f->why.text);
        if (f->cause == FAILURE_TLS)
            inquiry_set(o, "result", json_string(tls_result_name(f->result)));
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
        inquiry_finish(p);
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

    inquiry_set(p->inquiry->answer, "servers-text", trace_string(l->result.text));
    p->servers = ARENA_ARRAY(&p->arena, struct slice, l->result.servers_len);
    p->ports = ARENA_ARRAY(&p->arena, uint16_t, l->result.servers_len);
    for (size_t i = 0; i < l->result.servers_len; i++)
        add_server(p, l->result.servers[i].name, p->host->primary[0].port);
    next_server(p);
}

void inquiry_run_host(struct probe *p)
{
    const struct host *h = snapshot_host(p->inquiry->snapshot, slice_str(p->inquiry->host));
    struct decision nothing = { .level = LEVEL_NONE };

    if (h == NULL) {
        inquiry_refuse(p, ERR_NOT_FOUND, "there is no host of that name; see 'sternpost host list'");
        return;
    }
    p->host = h;
    p->tests = json_array();
    p->all_good = true;
    policy_decide_alternate(&nothing, &h->demand, &p->arena, &p->decision);
    inquiry_set(p->inquiry->answer, "host", trace_string(h->demand.name));
    inquiry_set(p->inquiry->answer, "level", json_string(tls_level_name(p->decision.level)));
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

