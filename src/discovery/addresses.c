#include "discovery/addresses.h"

#include "base/memory.h"
#include "net/dns_message.h"

#include <stdio.h>

static void merge(struct address_lookup *l)
{
    for (size_t i = 0; i < ADDRESSES_MOST / 2; i++) {
        if (i < l->found6_len)
            l->addresses[l->addresses_len++] = l->found6[i];
        if (i < l->found4_len)
            l->addresses[l->addresses_len++] = l->found4[i];
    }
}

/* A denial counts only when both were denied: an answer that failed may hide an address. */
static enum dns_outcome worse(enum dns_outcome a, enum dns_outcome b)
{
    if (a == DNS_BOGUS || b == DNS_BOGUS)
        return DNS_BOGUS;
    if (a == DNS_FAILED || b == DNS_FAILED)
        return DNS_FAILED;
    return a == DNS_NXDOMAIN && b == DNS_NXDOMAIN ? DNS_NXDOMAIN : DNS_NODATA;
}

static void finish_one(struct address_lookup *l)
{
    if (--l->open > 0)
        return;
    merge(l);
    l->outcome = l->addresses_len > 0 ? DNS_FOUND : worse(l->outcome4, l->outcome6);
    l->is_secure &= l->outcome == DNS_FOUND;
    if (l->outcome != DNS_FOUND && l->text[0] == '\0')
        (void)snprintf(l->text, sizeof l->text, "it has no address (%s)", dns_outcome_name(l->outcome));
    l->done(l);
}

static void note_failure(struct address_lookup *l, const struct dns_answer *answer)
{
    if (answer->why != NULL)
        (void)snprintf(l->text, sizeof l->text, "%s: %s", dns_outcome_name(answer->outcome), answer->why);
}

/* An answer that failed says nothing of security: whoever can make one fail must not switch DANE off by it. */
static void note_answer(struct address_lookup *l, const struct dns_answer *answer)
{
    bool is_found = answer->outcome == DNS_FOUND;

    note_failure(l, answer);
    if (answer->ttl_s < l->ttl_s && (is_found || answer->outcome == DNS_NODATA || answer->outcome == DNS_NXDOMAIN))
        l->ttl_s = answer->ttl_s;
    if (!is_found)
        return;
    l->is_secure &= answer->is_secure;
    if (slice_eq_case(answer->canonical, slice_str(l->name)))
        return;
    l->is_alias = true;
    (void)slice_to_cstr(answer->canonical, l->canonical, sizeof l->canonical);
}

static void take(const struct address_lookup *l, const struct dns_answer *answer, struct net_address *out, size_t most,
                 size_t *len)
{
    for (size_t i = 0; i < answer->records_len && *len < most; i++)
        if (net_address_of_bytes(answer->records[i].bytes, l->port, &out[*len]) == OK)
            (*len)++;
}

static void on_v4(struct resolver_query *q, const struct dns_answer *answer)
{
    struct address_lookup *l = CONTAINER_OF(q, struct address_lookup, v4);

    l->outcome4 = answer->outcome;
    note_answer(l, answer);
    take(l, answer, l->found4, COUNT_OF(l->found4), &l->found4_len);
    finish_one(l);
}

static void on_v6(struct resolver_query *q, const struct dns_answer *answer)
{
    struct address_lookup *l = CONTAINER_OF(q, struct address_lookup, v6);

    l->outcome6 = answer->outcome;
    note_answer(l, answer);
    take(l, answer, l->found6, COUNT_OF(l->found6), &l->found6_len);
    finish_one(l);
}

static void on_soon(struct loop_timer *t)
{
    struct address_lookup *l = CONTAINER_OF(t, struct address_lookup, soon);

    l->done(l);
}

void address_lookup_start(struct address_lookup *l, struct loop *loop, struct resolver *r, struct slice name,
                          uint16_t port)
{
    l->loop = loop;
    l->resolver = r;
    l->port = port;
    l->soon.fire = on_soon;
    l->v4.done = on_v4;
    l->v6.done = on_v6;
    l->is_secure = true;
    l->ttl_s = DNS_TTL_MAX_S;
    if (slice_ends_case(name, SLICE_LIT(".")))
        (void)slice_to_cstr(slice_first(name, name.len - 1), l->name, sizeof l->name);
    else
        (void)slice_to_cstr(name, l->name, sizeof l->name);
    if (net_address_parse(name, port, &l->addresses[0]) == OK) {
        l->addresses_len = 1;
        l->outcome = DNS_FOUND;
        l->is_secure = false;
        loop_timer_set(loop, &l->soon, 0);
        return;
    }
    l->open = 2;
    resolver_ask(r, &l->v6, name, DNS_AAAA);
    resolver_ask(r, &l->v4, name, DNS_A);
}

void address_lookup_release(struct address_lookup *l)
{
    if (l->loop == NULL)
        return;
    loop_timer_clear(l->loop, &l->soon);
    resolver_cancel(l->resolver, &l->v4);
    resolver_cancel(l->resolver, &l->v6);
    l->loop = NULL;
}
