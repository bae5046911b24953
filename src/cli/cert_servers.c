#include "cli/cert_servers.h"

#include "base/memory.h"
#include "discovery/mx.h"
#include "settings/config.h"

enum { SERVERS_MAX = 200, SUBMISSION_PORT = 587, MAIL_PORT = 25 };

enum role { ROLE_NONE, INBOUND, RELAY, SUBMISSION };

static const struct {
    const char *name;
    enum role role;
    uint16_t port;
} roles[] = {
    { "inbound", INBOUND, MAIL_PORT },
    { "relay", RELAY, MAIL_PORT },
    { "submission", SUBMISSION, SUBMISSION_PORT },
};

/* Providers whose servers for a role do not follow from a domain (semantics C4). */
static const struct {
    const char *domain;
    enum role role;
    const char *host;
} presets[] = {
    { "google", INBOUND, "aspmx.l.google.com" },
    { "google", RELAY, "smtp-relay.gmail.com" },
    { "google", SUBMISSION, "smtp.gmail.com" },
};

struct gathering {
    const struct invocation *inv;
    struct cert_world *world;
    struct survey_target like; /* of every server */
    enum role role;
    uint16_t port;
    struct survey_target *targets;
    size_t len;
};

static int add(struct gathering *g, const struct cert_target *server)
{
    if (g->len == SERVERS_MAX)
        return complain(EXIT_USAGE, "more than %d servers; 'sternpost cert scan' takes any number", SERVERS_MAX);
    g->targets[g->len] = g->like;
    g->targets[g->len++].server = *server;
    return EXIT_DONE;
}

static int read_role(struct gathering *g)
{
    const char *name = invocation_option(g->inv, "role");

    g->port = tls_way_port(g->like.way);
    if (name == NULL)
        return EXIT_DONE;
    for (size_t i = 0; i < COUNT_OF(roles); i++) {
        if (strcmp(name, roles[i].name) != 0)
            continue;
        g->role = roles[i].role;
        if (g->like.way == TLS_WAY_SMTP)
            g->port = roles[i].port;
        if (g->like.way == TLS_WAY_SMTP && g->role == INBOUND && g->world->config != NULL)
            g->port = g->world->config->outbound.port;
        return EXIT_DONE;
    }
    return complain(EXIT_USAGE, "--role is inbound, relay or submission, not '%s'", name);
}

struct asking {
    struct mx_lookup lookup; /* first */
    struct loop *loop;
};

static void on_mx(struct mx_lookup *l)
{
    loop_stop(CONTAINER_OF(l, struct asking, lookup)->loop);
}

static int add_mx(struct gathering *g, const struct cert_target *domain)
{
    struct asking a = { .lookup.done = on_mx, .loop = g->world->loop };
    const struct mx_result *r = &a.lookup.result;
    int code = EXIT_DONE;

    mx_lookup_start(&a.lookup, a.loop, g->world->resolver, domain->host, SLICE_LIT(""), 0);
    loop_run(a.loop);
    if (r->outcome != MX_FOUND)
        code = complain(EXIT_NEGATIVE, "%.*s", SLICE_FMT(r->text));
    for (size_t i = 0; i < r->servers_len && code == EXIT_DONE; i++) {
        struct net_address address;
        const struct cert_target server = {
            .host = arena_copy(g->inv->arena, r->servers[i].name),
            .port = domain->port,
            .is_address = net_address_parse(r->servers[i].name, 0, &address) == OK,
        };

        code = add(g, &server);
    }
    mx_lookup_release(&a.lookup);
    return code;
}

/* "google" stands for what a provider names, "google:465" for another port of it. */
static bool find_preset(const struct gathering *g, struct slice text, struct slice *server)
{
    struct slice port, name = slice_cut(text, ':', &port);

    for (size_t i = 0; i < COUNT_OF(presets); i++) {
        if (presets[i].role != g->role || !slice_eq_case(name, slice_str(presets[i].domain)))
            continue;
        *server = arena_printf(g->inv->arena, "%s%s%.*s", presets[i].host, port.len > 0 ? ":" : "", SLICE_FMT(port));
        return true;
    }
    return false;
}

static int add_named(struct gathering *g, const char *text)
{
    struct slice name = slice_str(text);
    bool is_preset = find_preset(g, name, &name);
    struct cert_target server;
    struct fault why;

    if (cert_target_parse(name, g->port, g->inv->arena, &server, &why) != OK)
        return complain(EXIT_USAGE, "%s", why.text);
    if (g->role == INBOUND && !is_preset && !server.is_address)
        return add_mx(g, &server);
    return add(g, &server);
}

int cert_servers(const struct invocation *inv, struct cert_world *w, struct survey_target **out, size_t *len)
{
    struct gathering g = { .inv = inv, .world = w };
    const char *sni = invocation_option(inv, "sni");
    int code = cert_world_target(inv, w, &g.like);

    if (code == EXIT_DONE && inv->args_len == 0)
        code = complain(EXIT_USAGE, "say which server: sternpost cert HOST[:PORT]");
    if (code == EXIT_DONE)
        code = read_role(&g);
    g.like.sni = slice_str(sni == NULL ? "" : sni);
    g.targets = ARENA_ARRAY(inv->arena, struct survey_target, SERVERS_MAX);
    for (size_t i = 0; i < inv->args_len && code == EXIT_DONE; i++)
        code = add_named(&g, inv->args[i]);
    *out = g.targets;
    *len = g.len;
    return code;
}
