#include "domains/reverse.h"

#include "base/memory.h"

#include <stdio.h>

enum { V4_BYTES = 4, V6_BYTES = 16, NIBBLE = 4, LOW = 15 };

static const uint8_t *bytes_of(const struct net_address *a, size_t *len)
{
    bool is_v6 = a->sa.any.sa_family == AF_INET6;

    *len = is_v6 ? V6_BYTES : V4_BYTES;
    return is_v6 ? a->sa.v6.sin6_addr.s6_addr : (const uint8_t *)&a->sa.v4.sin_addr.s_addr;
}

struct slice reverse_question(const struct net_address *a, char out[static REVERSE_QUESTION])
{
    size_t len, at = 0;
    const uint8_t *bytes = bytes_of(a, &len);

    for (size_t i = len; i-- > 0;) {
        if (len == V4_BYTES)
            at += (size_t)snprintf(out + at, REVERSE_QUESTION - at, "%u.", bytes[i]);
        else
            at += (size_t)snprintf(out + at, REVERSE_QUESTION - at, "%x.%x.", bytes[i] & LOW, bytes[i] >> NIBBLE);
    }
    at += (size_t)snprintf(out + at, REVERSE_QUESTION - at, "%s", len == V4_BYTES ? "in-addr.arpa" : "ip6.arpa");
    return slice_of(out, at);
}

static bool leads_back(const struct reverse_lookup *l, const struct dns_answer *answer)
{
    size_t len;
    const uint8_t *bytes = bytes_of(&l->address, &len);

    for (size_t i = 0; i < answer->records_len; i++)
        if (slice_eq(answer->records[i].bytes, slice_of((const char *)bytes, len)))
            return true;
    return false;
}

static void ask_next(struct reverse_lookup *l);

static void on_addresses(struct resolver_query *q, const struct dns_answer *answer)
{
    struct reverse_lookup *l = CONTAINER_OF(q, struct reverse_lookup, query);

    if (answer->outcome == DNS_FAILED)
        l->outcome = DNS_FAILED;
    l->is_confirmed = leads_back(l, answer);
    if (l->is_confirmed)
        l->name = l->names[l->at];
    l->at++;
    ask_next(l);
}

static void ask_next(struct reverse_lookup *l)
{
    bool is_v6 = l->address.sa.any.sa_family == AF_INET6;

    if (l->is_confirmed || l->at == l->names_len) {
        l->done(l);
        return;
    }
    l->query = (struct resolver_query){ .done = on_addresses };
    resolver_ask(l->resolver, &l->query, l->names[l->at], is_v6 ? DNS_AAAA : DNS_A);
}

static void on_names(struct resolver_query *q, const struct dns_answer *answer)
{
    struct reverse_lookup *l = CONTAINER_OF(q, struct reverse_lookup, query);

    l->outcome = answer->outcome;
    for (; l->names_len < answer->records_len && l->names_len < REVERSE_NAMES_MOST; l->names_len++)
        l->names[l->names_len] = arena_copy(&l->arena, answer->records[l->names_len].name);
    l->name = l->names_len > 0 ? l->names[0] : SLICE_LIT("");
    ask_next(l);
}

void reverse_lookup_start(struct reverse_lookup *l, struct resolver *r, const struct net_address *address)
{
    char question[REVERSE_QUESTION];

    l->resolver = r;
    l->address = *address;
    l->query = (struct resolver_query){ .done = on_names };
    resolver_ask(r, &l->query, reverse_question(address, question), DNS_PTR);
}

void reverse_lookup_release(struct reverse_lookup *l)
{
    if (l->resolver == NULL)
        return;
    resolver_cancel(l->resolver, &l->query);
    arena_release(&l->arena);
    l->resolver = NULL;
}
