#include "discovery/mx.h"

#include "base/memory.h"
#include "net/address.h"
#include "smtp/path.h"

#include <stdlib.h>

enum { MX_MOST = 64 }; /* further ones are not looked at (DNS-10) */

static int by_preference(const void *a, const void *b)
{
    const struct mx_server *x = a, *y = b;

    return x->preference < y->preference ? -1 : x->preference > y->preference;
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525U + 1013904223U;
    return *state >> 8;
}

/* Fisher and Yates within each run of equal preference. */
static void shuffle_equals(struct mx_server *servers, size_t len, uint32_t random)
{
    for (size_t i = 0; i + 1 < len; i++) {
        size_t end = i + 1, pick;
        struct mx_server other;

        while (end < len && servers[end].preference == servers[i].preference)
            end++;
        pick = i + next_random(&random) % (end - i);
        other = servers[i];
        servers[i] = servers[pick];
        servers[pick] = other;
    }
}

/* Our own preference and all that is not better are left out (RFC 5321 section 5.1). */
static size_t cut_at_ourselves(const struct mx_server *servers, size_t len, struct slice own_name)
{
    for (size_t i = 0; i < len; i++) {
        if (!slice_eq_case(servers[i].name, own_name))
            continue;
        while (i > 0 && servers[i - 1].preference == servers[i].preference)
            i--;
        return i;
    }
    return len;
}

static bool is_host_name(struct slice name)
{
    struct net_address literal;

    return smtp_domain_is_valid(name, false) && net_address_parse(name, 0, &literal) != OK;
}

static void judge_records(const struct dns_answer *answer, struct slice domain, struct slice own_name, uint32_t random,
                          struct arena *arena, struct mx_result *out)
{
    struct mx_server *servers = ARENA_ARRAY(arena, struct mx_server, answer->records_len);
    size_t len = 0, kept;
    bool has_null = false;

    for (size_t i = 0; i < answer->records_len && len < MX_MOST; i++) {
        const struct dns_record *r = &answer->records[i];

        has_null |= r->name.len == 0;
        if (!is_host_name(r->name))
            continue; /* the root, an address as text, bytes no host name has */
        servers[len++] = (struct mx_server){ arena_copy(arena, r->name), r->preference };
    }
    qsort(servers, len, sizeof *servers, by_preference);
    kept = cut_at_ourselves(servers, len, own_name);
    shuffle_equals(servers, kept, random);
    out->servers = servers;
    out->servers_len = kept;
    if (kept > 0) {
        out->outcome = MX_FOUND;
        out->text = arena_printf(arena, "%zu MX %s for '%.*s', %s by DNSSEC", kept, kept == 1 ? "host" : "hosts",
                                 SLICE_FMT(domain), answer->is_secure ? "proven" : "not proven");
    } else if (len > 0) {
        out->outcome = MX_LOOP;
        out->text = arena_printf(arena, "mail for '%.*s' loops back: its best MX '%.*s' is this gateway",
                                 SLICE_FMT(domain), SLICE_FMT(own_name));
    } else if (has_null) {
        out->outcome = MX_NULL;
        out->text = arena_printf(arena, "'%.*s' accepts no mail (null MX, RFC 7505)", SLICE_FMT(domain));
    } else {
        out->outcome = MX_FAILED;
        out->text = arena_printf(arena, "no MX record of '%.*s' names a valid host", SLICE_FMT(domain));
    }
}

static void judge_implicit(struct slice domain, struct slice own_name,
                           struct arena *arena, struct mx_result *out)
{
    struct mx_server *server = ARENA_NEW(arena, struct mx_server);

    if (slice_eq_case(domain, own_name)) {
        out->outcome = MX_LOOP;
        out->text = arena_printf(arena, "mail for '%.*s' loops back: that is this gateway", SLICE_FMT(domain));
        return;
    }
    server->name = arena_copy(arena, domain);
    *out = (struct mx_result){
        .outcome = MX_FOUND,
        .is_secure = out->is_secure,
        .expanded = out->expanded,
        .is_implicit = true,
        .servers = server,
        .servers_len = 1,
        .text = arena_printf(arena, "'%.*s' has no MX; its own address is used (RFC 5321 section 5.1)",
                             SLICE_FMT(domain)),
    };
}

void mx_judge(const struct dns_answer *answer, struct slice domain, struct slice own_name, uint32_t random,
              struct arena *arena, struct mx_result *out)
{
    const char *why = answer->why == NULL ? "" : answer->why;

    *out = (struct mx_result){ .is_secure = answer->is_secure };
    if (answer->canonical.len > 0 && !slice_eq_case(answer->canonical, domain))
        out->expanded = arena_copy(arena, answer->canonical);
    switch (answer->outcome) {
    case DNS_FOUND:
        judge_records(answer, domain, own_name, random, arena, out);
        return;
    case DNS_NODATA:
        judge_implicit(domain, own_name, arena, out);
        return;
    case DNS_NXDOMAIN:
        out->outcome = MX_NO_DOMAIN;
        out->text = arena_printf(arena, "the domain '%.*s' does not exist", SLICE_FMT(domain));
        return;
    case DNS_BOGUS:
        out->outcome = MX_BOGUS;
        out->text = arena_printf(arena, "DNSSEC validation of the MX of '%.*s' failed: %s", SLICE_FMT(domain), why);
        return;
    case DNS_FAILED:
        out->outcome = MX_FAILED;
        out->text = arena_printf(arena, "the MX of '%.*s' could not be looked up: %s", SLICE_FMT(domain), why);
        return;
    }
}

static void on_answer(struct resolver_query *q, const struct dns_answer *answer)
{
    struct mx_lookup *l = CONTAINER_OF(q, struct mx_lookup, query);

    mx_judge(answer, l->domain, l->own_name, l->random, &l->arena, &l->result);
    l->done(l);
}

static void on_soon(struct loop_timer *t)
{
    struct mx_lookup *l = CONTAINER_OF(t, struct mx_lookup, soon);

    l->done(l);
}

/* "[192.0.2.1]", "[IPv6:2001:db8::1]": the address is the server (RFC 5321 section 4.1.3). */
static void use_literal(struct mx_lookup *l)
{
    struct mx_server *server = ARENA_NEW(&l->arena, struct mx_server);
    struct slice inner = slice_of(l->domain.ptr + 1, l->domain.len - 2);

    if (slice_starts_case(inner, SLICE_LIT("IPv6:")))
        inner = slice_from(inner, 5);
    server->name = inner;
    l->result = (struct mx_result){
        .outcome = MX_FOUND,
        .servers = server,
        .servers_len = 1,
        .text = arena_printf(&l->arena, "address literal '%.*s'", SLICE_FMT(l->domain)),
    };
    loop_timer_set(l->loop, &l->soon, 0);
}

void mx_lookup_start(struct mx_lookup *l, struct loop *loop, struct resolver *r, struct slice domain,
                     struct slice own_name, uint32_t random)
{
    l->loop = loop;
    l->resolver = r;
    l->domain = arena_copy(&l->arena, domain);
    l->own_name = arena_copy(&l->arena, own_name);
    l->random = random;
    l->soon.fire = on_soon;
    l->query.done = on_answer;
    if (smtp_is_address_literal(domain))
        use_literal(l);
    else
        resolver_ask(r, &l->query, l->domain, DNS_MX);
}

void mx_lookup_release(struct mx_lookup *l)
{
    if (l->loop != NULL) {
        loop_timer_clear(l->loop, &l->soon);
        resolver_cancel(l->resolver, &l->query);
    }
    l->loop = NULL;
    arena_release(&l->arena);
}

bool mx_is_within(struct slice server, struct slice domain)
{
    return slice_eq_case(server, domain) || (server.len > domain.len && slice_ends_case(server, domain) &&
                                             server.ptr[server.len - domain.len - 1] == '.');
}

size_t mx_domain_names(const struct mx_lookup *l, struct slice out[static 2])
{
    size_t len = 0;

    if (!l->result.is_secure || l->domain.len == 0)
        return 0;
    out[len++] = l->domain;
    if (l->result.expanded.len > 0)
        out[len++] = l->result.expanded;
    return len;
}
