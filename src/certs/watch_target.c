#include "certs/watch_target.h"

struct listing {
    const struct config *config;
    const struct snapshot *settings;
    struct arena *arena;
    struct watch_target *all;
    size_t len;
};

static void add(struct listing *l, const struct watch_target *t)
{
    if (l->len < WATCH_TARGETS_MOST)
        l->all[l->len++] = *t;
}

static struct slice subject_of(struct listing *l, const char *what, struct slice name)
{
    return arena_printf(l->arena, "%s %.*s", what, SLICE_FMT(name));
}

static const char *ca_of(const struct listing *l, struct slice file)
{
    return file.len > 0 ? arena_copy(l->arena, file).ptr : l->config->outbound.ca_file;
}

/* Where we reach ourselves: the address that is bound, or loopback for all of them. */
static struct slice own_address(struct listing *l, const struct net_address *bound)
{
    char text[NET_ADDRESS_TEXT];
    struct slice ip = slice_str(net_address_ip(bound, text));

    if (slice_eq(ip, SLICE_LIT("0.0.0.0")))
        return SLICE_LIT("127.0.0.1");
    if (slice_eq(ip, SLICE_LIT("::")))
        return SLICE_LIT("::1");
    return arena_copy(l->arena, ip);
}

/* Who stands behind a proxy takes no word from others. */
static void add_listener(struct listing *l, const struct config_listener *listener)
{
    for (size_t i = 0; i < listener->addresses_len; i++) {
        const struct watch_target t = {
            .subject = subject_of(l, "listener", slice_str(listener->name)),
            .kind = WATCH_LISTENER,
            .server = { own_address(l, &listener->addresses[i]), net_address_port(&listener->addresses[i]), true },
            .way = listener->tls == LISTENER_IMPLICIT ? TLS_WAY_SMTPS : TLS_WAY_SMTP,
            .sni = l->config->hostname,
            .ca_file = l->config->outbound.ca_file,
            .allows_private = true,
        };

        if (listener->tls != LISTENER_CLEAR && listener->proxy_from_len == 0)
            add(l, &t);
    }
}

static void add_domain(struct listing *l, const struct own_domain *d)
{
    const struct watch_target mx = {
        .subject = subject_of(l, "domain", d->name),
        .kind = WATCH_MX,
        .lookup = WATCH_LOOKUP_MX,
        .domain = d->name,
        .server.port = l->config->outbound.port,
        .ca_file = l->config->outbound.ca_file,
        .must_be_trusted = d->hosts_policy && d->sts_mode != STS_MODE_NONE,
        .allows_private = l->config->outbound.allows_private,
    };
    const struct watch_target policy = {
        .subject = subject_of(l, "policy", d->name),
        .kind = WATCH_POLICY_HOST,
        .lookup = WATCH_LOOKUP_STS,
        .domain = d->name,
        .server = { arena_printf(l->arena, "mta-sts.%.*s", SLICE_FMT(d->name)), l->config->outbound.https_port,
                    false },
        .way = TLS_WAY_HTTPS,
        .ca_file = l->config->outbound.ca_file,
        .must_be_trusted = true,
        .allows_private = l->config->outbound.allows_private,
    };

    add(l, &mx);
    add(l, &policy);
}

static void add_servers(struct listing *l, const struct host *h, const struct host_server *servers, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        struct net_address ip;
        struct watch_target t = {
            .subject = subject_of(l, "host", h->demand.name),
            .kind = WATCH_HOST,
            .lookup = h->looks_up_mx ? WATCH_LOOKUP_MX : WATCH_LOOKUP_NONE,
            .domain = servers[i].name,
            .server = { servers[i].name, servers[i].port, net_address_parse(servers[i].name, 0, &ip) == OK },
            .way = h->is_implicit_tls ? TLS_WAY_SMTPS : TLS_WAY_SMTP,
            .ca_file = ca_of(l, h->demand.ca_file),
            .must_be_trusted = h->demand.level >= LEVEL_VERIFY,
            .allows_private = h->allows_private || l->config->outbound.allows_private,
        };

        if (h->demand.names_len > 0 && t.lookup == WATCH_LOOKUP_NONE)
            t.sni = h->demand.names[0];
        if (t.server.port == 0)
            t.server.port = l->config->outbound.port;
        add(l, &t);
    }
}

static void add_host(struct listing *l, const struct host *h)
{
    if (h->demand.level == LEVEL_NONE)
        return;
    add_servers(l, h, h->primary, h->primary_len);
    add_servers(l, h, h->secondary, h->secondary_len);
}

/* Mail that goes by a route goes to a host, which is watched already. */
static void add_partner(struct listing *l, const struct partner *p)
{
    struct slice route;
    const struct watch_target t = {
        .subject = subject_of(l, "partner", p->domain),
        .kind = WATCH_PARTNER,
        .lookup = WATCH_LOOKUP_MX,
        .domain = p->domain,
        .server.port = l->config->outbound.port,
        .ca_file = ca_of(l, p->ca_file),
        .must_be_trusted = p->level == LEVEL_VERIFY,
        .allows_private = l->config->outbound.allows_private,
    };

    if (p->level != LEVEL_NONE && snapshot_route(l->settings, p->domain, &route) == NULL)
        add(l, &t);
}

size_t watch_targets(const struct config *config, const struct snapshot *settings, struct arena *arena,
                     const struct watch_target **out)
{
    struct listing l = { .config = config, .settings = settings, .arena = arena };
    const struct own_domain *const *domains;
    const struct partner *partners;
    const struct host *const *hosts;
    size_t len;

    l.all = ARENA_ARRAY(arena, struct watch_target, WATCH_TARGETS_MOST);
    for (size_t i = 0; i < config->listeners_len; i++)
        add_listener(&l, &config->listeners[i]);
    len = snapshot_own_domains(settings, &domains);
    for (size_t i = 0; i < len; i++)
        add_domain(&l, domains[i]);
    len = snapshot_hosts(settings, &hosts);
    for (size_t i = 0; i < len; i++)
        add_host(&l, hosts[i]);
    len = snapshot_partners(settings, &partners);
    for (size_t i = 0; i < len; i++)
        add_partner(&l, &partners[i]);
    *out = l.all;
    return l.len;
}

struct slice watch_server_name(const struct cert_target *server, struct slice sni, struct arena *arena)
{
    struct slice text = cert_target_text(server, arena);

    return sni.len == 0 ? text : arena_printf(arena, "%.*s/%.*s", SLICE_FMT(text), SLICE_FMT(sni));
}
