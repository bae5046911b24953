#include "base/memory.h"
#include "reports/receiver_private.h"

/* Domains are ours, so there are few; a failure is asked about again sooner. */
enum { FRESH_S = 3600, FAILED_S = 60 };

const struct receive_mx *receiver_mx(struct receiver *r, struct slice domain)
{
    const struct mx_entry *e = map_get(&r->mx, domain);

    return e != NULL && e->waiting == NULL && r->wall_s() < e->until_s ? &e->mx : NULL;
}

static void fill(struct mx_entry *e, const struct dns_answer *dns)
{
    struct slice *names;

    arena_release(&e->arena);
    e->mx = (struct receive_mx){ .len = 0 };
    e->until_s = e->receiver->wall_s() + (dns->outcome == DNS_FAILED ? FAILED_S : FRESH_S);
    if (dns->outcome != DNS_FOUND)
        return;
    e->mx.names = names = ARENA_ARRAY(&e->arena, struct slice, dns->records_len);
    for (size_t i = 0; i < dns->records_len; i++)
        names[e->mx.len++] = arena_copy(&e->arena, dns->records[i].name);
}

static void on_answer(struct resolver_query *query, const struct dns_answer *dns)
{
    struct mx_entry *e = CONTAINER_OF(query, struct mx_entry, query);
    struct intake_task *waiting = e->waiting, *next;

    e->waiting = NULL;
    fill(e, dns);
    for (struct intake_task *t = waiting; t != NULL; t = next) {
        next = t->next_for_mx;
        receiver_judge(t);
    }
}

void receiver_ask_mx(struct receiver *r, struct intake_task *t)
{
    struct slice domain = t->results.wants_mx_of;
    struct mx_entry *e = map_get(&r->mx, domain);

    if (e == NULL) {
        e = NEW(struct mx_entry);
        e->receiver = r;
        (void)map_put(&r->mx, domain, e);
    }
    t->next_for_mx = e->waiting;
    e->waiting = t;
    if (t->next_for_mx != NULL)
        return;
    e->query = (struct resolver_query){ .done = on_answer };
    resolver_ask(r->resolver, &e->query, domain, DNS_MX);
}

void receiver_forget_mx(struct receiver *r)
{
    struct map_entry *at = NULL;
    struct slice domain;
    void *value;

    while (map_next(&r->mx, &at, &domain, &value)) {
        struct mx_entry *e = value;

        resolver_cancel(r->resolver, &e->query);
        arena_release(&e->arena);
        free(e);
    }
    map_release(&r->mx);
    map_init(&r->mx);
}
