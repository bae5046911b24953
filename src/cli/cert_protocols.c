#include "cli/cert_protocols.h"

#include "base/memory.h"
#include "certs/protocols.h"
#include "certs/protocols_show.h"
#include "cli/client.h"

#include <unistd.h>

enum { PROGRESS_MS = 2000 };

struct inquiry;

struct asked_address {
    struct protocols protocols; /* first */
    struct inquiry *inquiry;
    const struct survey_target *server;
    const struct asked_address *same; /* an earlier one with this very address; NULL: none */
    struct net_address address;
    struct protocol_judgement judgement;
};

struct asked_server {
    const struct survey_target *target;
    struct address_lookup lookup;
    struct asked_address *addresses; /* as many as the look-up found */
    struct inquiry *inquiry;
};

struct inquiry {
    const struct invocation *inv;
    struct cert_world *world;
    struct asked_server *servers;
    size_t len, open;
    unsigned budget;
    struct loop_timer progress;
    bool shows_progress;
};

static int read_budget(struct inquiry *q)
{
    const char *given = invocation_option(q->inv, "budget");
    uint64_t n = 0;

    if (given == NULL)
        return EXIT_DONE;
    if (!slice_to_u64(slice_str(given), &n) || n == 0 || n > PROTOCOL_BUDGET_MOST)
        return complain(EXIT_USAGE, "--budget '%s' is not a number from 1 to %d", given, PROTOCOL_BUDGET_MOST);
    q->budget = (unsigned)n;
    return EXIT_DONE;
}

static void on_addresses(struct address_lookup *l)
{
    struct inquiry *q = CONTAINER_OF(l, struct asked_server, lookup)->inquiry;

    if (--q->open == 0)
        loop_stop(q->world->loop);
}

static void find_addresses(struct inquiry *q)
{
    q->open = q->len;
    for (size_t i = 0; i < q->len; i++) {
        struct asked_server *s = &q->servers[i];

        s->lookup.done = on_addresses;
        address_lookup_start(&s->lookup, q->world->loop, q->world->resolver, s->target->server.host,
                             s->target->server.port);
    }
    loop_run(q->world->loop);
}

/* One address is asked once, whatever names lead to it: never two connections at a time. */
static const struct asked_address *find_same(const struct inquiry *q, const struct asked_address *a)
{
    for (size_t i = 0; i < q->len; i++) {
        const struct asked_server *s = &q->servers[i];

        for (size_t k = 0; s->addresses != NULL && k < s->lookup.addresses_len; k++) {
            const struct asked_address *other = &s->addresses[k];

            if (other == a)
                return NULL;
            if (other->same == NULL && other->server->way == a->server->way &&
                net_address_port(&other->address) == net_address_port(&a->address) &&
                net_address_same_ip(&other->address, &a->address))
                return other;
        }
    }
    return NULL;
}

static void on_asked(struct protocols *p)
{
    struct inquiry *q = CONTAINER_OF(p, struct asked_address, protocols)->inquiry;

    if (--q->open == 0)
        loop_stop(q->world->loop);
}

static void start(struct inquiry *q, struct asked_address *a)
{
    const struct survey_target *t = a->server;
    const struct protocols_target to = {
        .address = a->address,
        .from = a->address.sa.any.sa_family == AF_INET6 ? t->from6 : t->from4,
        .way = t->way,
        .sni = t->sni.len > 0 ? t->sni : t->server.host,
        .helo = t->helo,
        .budget = q->budget,
        .pause_ms =
            net_address_is_global(&a->address) ? PROTOCOLS_PAUSE_MS : -1, /* one's own network needs no pause */
    };

    a->inquiry = q;
    a->same = find_same(q, a);
    if (a->same != NULL)
        return;
    a->protocols.done = on_asked;
    q->open++;
    protocols_start(&a->protocols, q->world->loop, &to);
}

static void start_server(struct inquiry *q, struct asked_server *s)
{
    if (s->lookup.addresses_len == 0)
        return;
    s->addresses = mem_new(s->lookup.addresses_len, sizeof *s->addresses);
    for (size_t i = 0; i < s->lookup.addresses_len; i++) {
        s->addresses[i].server = s->target;
        s->addresses[i].address = s->lookup.addresses[i];
        start(q, &s->addresses[i]);
    }
}

static void on_progress(struct loop_timer *t)
{
    struct inquiry *q = CONTAINER_OF(t, struct inquiry, progress);

    q->shows_progress = true;
    (void)fprintf(stderr, "\rasking %zu addresses, up to %u connections each ", q->open,
                  q->budget == 0 ? (unsigned)PROTOCOL_BUDGET : q->budget);
    loop_timer_set(q->world->loop, t, PROGRESS_MS / 4);
}

static void ask(struct inquiry *q)
{
    q->progress.fire = on_progress;
    if (isatty(STDERR_FILENO))
        loop_timer_set(q->world->loop, &q->progress, PROGRESS_MS);
    q->open = 0;
    for (size_t i = 0; i < q->len; i++)
        start_server(q, &q->servers[i]);
    if (q->open > 0)
        loop_run(q->world->loop);
    loop_timer_clear(q->world->loop, &q->progress);
    if (q->shows_progress)
        (void)fputs("\r\x1b[K", stderr);
}

static const struct protocol_facts *facts_of(const struct asked_address *a)
{
    return &(a->same != NULL ? a->same : a)->protocols.plan.facts;
}

static bool judge(struct inquiry *q)
{
    bool is_good = true;

    for (size_t i = 0; i < q->len; i++) {
        struct asked_server *s = &q->servers[i];

        is_good = is_good && s->lookup.addresses_len > 0;
        for (size_t k = 0; k < s->lookup.addresses_len; k++) {
            struct asked_address *a = &s->addresses[k];

            protocol_judge(facts_of(a), s->target->way, q->inv->arena, &a->judgement);
            is_good = is_good && a->judgement.is_known && a->judgement.worst < SEVERITY_ERROR;
        }
    }
    return is_good;
}

static void show_text(const struct inquiry *q)
{
    char text[NET_ADDRESS_TEXT];

    for (size_t i = 0; i < q->len; i++) {
        const struct asked_server *s = &q->servers[i];

        (void)printf("%s%.*s, %s\n", i == 0 ? "" : "\n",
                     SLICE_FMT(cert_target_text(&s->target->server, q->inv->arena)), tls_way_name(s->target->way));
        if (s->lookup.addresses_len == 0)
            (void)printf("failed: %s\n", s->lookup.text);
        for (size_t k = 0; k < s->lookup.addresses_len; k++) {
            const struct asked_address *a = &s->addresses[k];

            (void)printf("\n%s\n", net_address_text(&a->address, text));
            if (a->same != NULL)
                (void)printf("  the same as at %.*s\n", SLICE_FMT(a->same->server->server.host));
            else
                protocols_text(stdout, facts_of(a), &a->judgement);
        }
    }
}

static json_t *server_json(const struct asked_server *s)
{
    json_t *j = json_object(), *addresses = json_array();
    char ip[NET_ADDRESS_TEXT];

    json_object_set_new(j, "host", json_stringn(s->target->server.host.ptr, s->target->server.host.len));
    json_object_set_new(j, "port", json_integer(s->target->server.port));
    json_object_set_new(j, "tls", json_string(tls_way_name(s->target->way)));
    if (s->lookup.addresses_len == 0)
        json_object_set_new(j, "text", json_string(s->lookup.text));
    for (size_t k = 0; k < s->lookup.addresses_len; k++) {
        const struct asked_address *a = &s->addresses[k];
        json_t *one = json_pack("{s:s}", "address", net_address_ip(&a->address, ip));

        json_object_set_new(one, "protocols", protocols_json(facts_of(a), &a->judgement));
        json_array_append_new(addresses, one);
    }
    json_object_set_new(j, "addresses", addresses);
    return j;
}

static void show_json(const struct inquiry *q)
{
    json_t *j = json_object(), *servers = json_array();

    for (size_t i = 0; i < q->len; i++)
        json_array_append_new(servers, server_json(&q->servers[i]));
    json_object_set_new(j, "servers", servers);
    print_json(j);
}

static void release(struct inquiry *q)
{
    for (size_t i = 0; i < q->len; i++) {
        struct asked_server *s = &q->servers[i];

        for (size_t k = 0; s->addresses != NULL && k < s->lookup.addresses_len; k++)
            protocols_release(&s->addresses[k].protocols);
        free(s->addresses);
        address_lookup_release(&s->lookup);
    }
    free(q->servers);
}

int cert_protocols(const struct invocation *inv, struct cert_world *w, const struct survey_target *targets, size_t len)
{
    struct inquiry q = { .inv = inv, .world = w, .len = len };
    bool is_good;
    int code = read_budget(&q);

    if (code != EXIT_DONE)
        return code;
    q.servers = mem_new(len, sizeof *q.servers);
    for (size_t i = 0; i < len; i++) {
        q.servers[i].target = &targets[i];
        q.servers[i].inquiry = &q;
    }
    find_addresses(&q);
    ask(&q);
    is_good = judge(&q);
    if (invocation_has(inv, "json"))
        show_json(&q);
    else
        show_text(&q);
    release(&q);
    return is_good ? EXIT_DONE : EXIT_NEGATIVE;
}
