#include "domains/zone_servers.h"

#include "base/memory.h"
#include "discovery/addresses.h"

enum { DNS_PORT = 53 };

struct name_lookup {                 /* of one name server */
    struct address_lookup addresses; /* first */
    struct zone_servers *of;
    struct name_lookup *next;
    struct slice name;
};

static bool is_listed(const struct zone_servers *z, const struct net_address *a)
{
    for (size_t i = 0; i < z->servers_len; i++)
        if (net_address_same_ip(&z->servers[i].address, a))
            return true;
    return false;
}

static void on_addresses(struct address_lookup *l)
{
    struct name_lookup *n = CONTAINER_OF(l, struct name_lookup, addresses);
    struct zone_servers *z = n->of;

    for (size_t i = 0; i < l->addresses_len && z->servers_len < ZONE_SERVERS_MOST; i++)
        if (!is_listed(z, &l->addresses[i]))
            z->servers[z->servers_len++] = (struct zone_server){ .name = n->name, .address = l->addresses[i] };
    if (--z->open == 0)
        z->done(z);
}

static void look_up(struct zone_servers *z, struct slice name)
{
    struct name_lookup *n = ARENA_NEW(&z->arena, struct name_lookup);

    n->addresses.done = on_addresses;
    n->of = z;
    n->next = z->lookups;
    n->name = arena_copy(&z->arena, name);
    z->lookups = n;
    z->open++;
    address_lookup_start(&n->addresses, z->loop, z->resolver, n->name, DNS_PORT);
}

static void ask_zone(struct zone_servers *z);

/* Records there, or above it: names below the top of a zone have no NS of the zone itself. */
static void on_servers(struct resolver_query *query, const struct dns_answer *answer)
{
    struct zone_servers *z = CONTAINER_OF(query, struct zone_servers, query);
    struct slice parent;

    (void)slice_cut(z->candidate, '.', &parent);
    if ((answer->outcome == DNS_NODATA || answer->outcome == DNS_NXDOMAIN) && parent.len > 0 &&
        ++z->climbed < ZONE_LABELS_MOST) {
        z->candidate = parent;
        ask_zone(z);
        return;
    }
    if (answer->outcome == DNS_FOUND)
        z->zone = z->candidate;
    for (size_t i = 0; i < answer->records_len && i < ZONE_NAMES_MOST; i++)
        look_up(z, answer->records[i].name);
    if (z->open == 0)
        z->done(z);
}

static void ask_zone(struct zone_servers *z)
{
    z->query = (struct resolver_query){ .done = on_servers };
    resolver_ask(z->resolver, &z->query, z->candidate, DNS_NS);
}

void zone_servers_start(struct zone_servers *z, struct loop *loop, struct resolver *r, struct slice name)
{
    z->loop = loop;
    z->resolver = r;
    z->zone = SLICE_LIT("");
    z->candidate = arena_copy(&z->arena, name);
    ask_zone(z);
}

void zone_servers_release(struct zone_servers *z)
{
    if (z->resolver == NULL)
        return;
    resolver_cancel(z->resolver, &z->query);
    for (struct name_lookup *n = z->lookups; n != NULL; n = n->next)
        address_lookup_release(&n->addresses);
    arena_release(&z->arena);
    z->resolver = NULL;
}
