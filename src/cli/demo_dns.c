#include "cli/demo_dns.h"

#include "base/memory.h"
#include "cli/demo_certificates.h"
#include "cli/demo_place.h"
#include "net/handoff.h"
#include "net/minizone.h"

#include <pthread.h>
#include <stdlib.h>

enum { ZONES = 2, RECORDS_MOST = 64 };

static const char *const zone_names[ZONES] = { DEMO_SIGNED_ZONE, DEMO_OPEN_ZONE };

struct zone_list {
    struct minizone_record records[RECORDS_MOST];
    size_t len;
};

struct demo_dns {
    struct loop *loop;
    struct handoff *orders;
    struct loop_io orders_io;
    struct handoff_item stop;
    struct minizone *zones[ZONES];
    pthread_t thread;
    bool is_running;
};

/* -- records ---------------------------------------------------------------------------------------------------- */

struct directory {
    struct arena arena;
    struct zone_list lists[ZONES];
};

static bool is_within(const char *name, const char *zone)
{
    struct slice n = slice_str(name), z = slice_str(zone);

    return slice_ends_case(n, z) && (n.len == z.len || n.ptr[n.len - z.len - 1] == '.');
}

static void add(struct directory *r, const char *name, enum dns_type type, const char *data)
{
    size_t i = is_within(name, DEMO_SIGNED_ZONE) ? 0 : 1;
    struct zone_list *list = &r->lists[i];

    if (list->len < RECORDS_MOST)
        list->records[list->len++] = (struct minizone_record){ name, type, data };
}

static enum status add_server(struct directory *r, const char *folder, const struct demo_server *s, struct fault *why)
{
    const char *record;
    enum status st;

    add(r, s->name, DNS_A, s->ip);
    if (s->tlsa_of == NULL)
        return OK;
    st = demo_tlsa(demo_file(&r->arena, folder, s->tlsa_of, ".pem"), &r->arena, &record, why);
    if (st == OK)
        add(r, arena_printf(&r->arena, "_%d._tcp.%s", DEMO_PEER_PORT, s->name).ptr, DNS_TLSA, record);
    return st;
}

static void add_domain(struct directory *r, const struct demo_domain *d)
{
    add(r, d->name, DNS_MX, arena_printf(&r->arena, "10 %s", d->mx).ptr);
    if (d->policy == NULL)
        return;
    add(r, arena_printf(&r->arena, "_mta-sts.%s", d->name).ptr, DNS_TXT, "v=STSv1; id=20261101;");
    add(r, arena_printf(&r->arena, "mta-sts.%s", d->name).ptr, DNS_A, DEMO_POLICY_IP);
}

static enum status fill(struct directory *r, const char *folder, struct fault *why)
{
    const struct demo_server *servers;
    const struct demo_domain *domains;
    size_t servers_len = demo_servers(&servers), domains_len = demo_domains(&domains);
    enum status st = OK;

    for (size_t i = 0; i < domains_len; i++)
        add_domain(r, &domains[i]);
    for (size_t i = 0; i < servers_len && st == OK; i++)
        st = add_server(r, folder, &servers[i], why);
    return st;
}

/* -- life --------------------------------------------------------------------------------------------------------- */

static void on_orders(struct loop_io *io, unsigned events)
{
    struct demo_dns *d = CONTAINER_OF(io, struct demo_dns, orders_io);

    (void)events;
    if (handoff_take(d->orders) != NULL)
        loop_stop(d->loop);
}

enum status demo_dns_new(const char *folder, struct demo_dns **out, struct fault *why)
{
    struct directory *r = NEW(struct directory);
    struct demo_dns *d = NEW(struct demo_dns);
    enum status st = fill(r, folder, why);

    d->loop = loop_new();
    d->orders = handoff_new();
    d->orders_io.ready = on_orders;
    loop_watch(d->loop, &d->orders_io, handoff_fd(d->orders), LOOP_READ);
    for (size_t i = 0; i < ZONES && st == OK; i++)
        st = minizone_new(d->loop, zone_names[i], r->lists[i].records, r->lists[i].len, &d->zones[i], why);
    arena_release(&r->arena);
    free(r);
    if (st == OK)
        *out = d;
    else
        demo_dns_free(d);
    return st;
}

enum status demo_dns_write_config(const struct demo_dns *d, struct buf *out)
{
    return buf_addf(out, "resolver {\n  stubs = {\"%s\", \"%s\"}\n  trust-anchors = {\"%s\"}\n}\n",
                    minizone_stub(d->zones[0]), minizone_stub(d->zones[1]), minizone_anchor(d->zones[0]));
}

static void *run(void *arg)
{
    struct demo_dns *d = arg;

    loop_run(d->loop);
    return NULL;
}

enum status demo_dns_start(struct demo_dns *d, struct fault *why)
{
    if (pthread_create(&d->thread, NULL, run, d) != 0)
        return fault_errno(why, "cannot start a thread");
    d->is_running = true;
    return OK;
}

void demo_dns_free(struct demo_dns *d)
{
    if (d == NULL)
        return;
    if (d->is_running) {
        handoff_put(d->orders, &d->stop);
        pthread_join(d->thread, NULL);
    }
    for (size_t i = 0; i < ZONES; i++)
        minizone_free(d->zones[i]);
    loop_unwatch(d->loop, &d->orders_io);
    handoff_free(d->orders);
    loop_free(d->loop);
    free(d);
}
