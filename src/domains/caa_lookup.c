#include "domains/caa_lookup.h"

#include "base/memory.h"

static void ask(struct caa_lookup *l);

static void take_records(struct caa_lookup *l, const struct dns_answer *answer)
{
    struct caa_record *records = ARENA_ARRAY(&l->arena, struct caa_record, answer->records_len + 1);

    for (size_t i = 0; i < answer->records_len && l->records_len < CAA_MOST; i++)
        if (caa_record_read(arena_copy(&l->arena, answer->records[i].bytes), &records[l->records_len]))
            l->records_len++;
    l->records = records;
}

static void on_answer(struct resolver_query *q, const struct dns_answer *answer)
{
    struct caa_lookup *l = CONTAINER_OF(q, struct caa_lookup, query);
    struct slice parent;

    (void)slice_cut(l->owner, '.', &parent);
    l->outcome = answer->outcome == DNS_NXDOMAIN ? DNS_NODATA : answer->outcome;
    if (l->outcome == DNS_NODATA && parent.len > 0) {
        l->owner = parent;
        ask(l);
        return;
    }
    take_records(l, answer);
    l->done(l);
}

static void ask(struct caa_lookup *l)
{
    l->query = (struct resolver_query){ .done = on_answer };
    resolver_ask(l->resolver, &l->query, l->owner, DNS_CAA);
}

void caa_lookup_start(struct caa_lookup *l, struct resolver *r, struct slice name)
{
    l->resolver = r;
    l->owner = arena_copy(&l->arena, name);
    ask(l);
}

void caa_lookup_release(struct caa_lookup *l)
{
    if (l->resolver == NULL)
        return;
    resolver_cancel(l->resolver, &l->query);
    arena_release(&l->arena);
    l->resolver = NULL;
}
