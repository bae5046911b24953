#include "base/memory.h"
#include "discovery/sts_facts.h"
#include "discovery/sts_private.h"

#include <stdlib.h>

enum { LIST_MOST = 1000 };

void sts_reply(struct sts_request *q, enum status st)
{
    q->status = st;
    handoff_put(q->reply_to, &q->item);
}

void sts_request_release(struct sts_request *q)
{
    sts_facts_release(q->facts);
    for (size_t i = 0; i < q->list_len; i++)
        sts_facts_release(q->list[i].facts);
    q->facts = NULL;
    q->list = NULL;
    q->list_len = 0;
    arena_release(&q->arena);
}

void sts_answer(struct sts *s, struct sts_request *q)
{
    int64_t now_s = s->wall_s();
    struct sts_entry *e = sts_cache_find(&s->cache, q->domain);
    const struct sts_facts *f = e == NULL ? NULL : sts_entry_answer(e, now_s);

    if (e != NULL && q->verb == STS_ASK)
        sts_used(s, e, now_s);
    q->facts = f != NULL ? sts_facts_hold(f)
                         : sts_facts_new(&(struct sts_facts){
                               .finding = STS_UNKNOWN,
                               .domain = q->domain,
                               .failure_text = SLICE_LIT("there is no answer yet"),
                           });
    sts_reply(q, OK);
}

/* -- for people ------------------------------------------------------------------------------------------------ */

static void describe(struct sts_entry *e, int64_t now_s, struct sts_kept *out)
{
    *out = (struct sts_kept){ .facts = sts_facts_hold(e->kept),
                              .used_s = e->used_s,
                              .refresh_s = sts_entry_refresh_at_s(e, now_s),
                              .next_try_s = sts_entry_next_try_s(e, now_s),
                              .failures = e->failures };
}

static int by_domain(const void *a, const void *b)
{
    struct slice x = (*(struct sts_entry *const *)a)->domain, y = (*(struct sts_entry *const *)b)->domain;
    int order = memcmp(x.ptr, y.ptr, x.len < y.len ? x.len : y.len);

    return order != 0 ? order : (x.len > y.len) - (x.len < y.len);
}

void sts_list(struct sts *s, struct sts_request *q)
{
    struct sts_entry **found = mem_new(s->cache.kept_len + 1, sizeof *found), *e;
    struct sts_entry start = { .domain = q->after };
    const struct sts_entry *after = &start;
    int64_t now_s = s->wall_s();
    struct sts_kept *list;
    size_t len = 0;

    TAILQ_FOREACH(e, &s->cache.kept, by_use)
    if (sts_entry_holds(e, now_s) && (q->after.len == 0 || by_domain(&e, &after) > 0))
        found[len++] = e;
    qsort(found, len, sizeof(struct sts_entry *), by_domain);
    q->list_len = len < q->limit ? len : q->limit;
    if (q->list_len > LIST_MOST)
        q->list_len = LIST_MOST;
    list = ARENA_ARRAY(&q->arena, struct sts_kept, q->list_len);
    for (size_t i = 0; i < q->list_len; i++)
        describe(found[i], now_s, &list[i]);
    q->list = list;
    free(found);
    sts_reply(q, OK);
}

static enum status not_kept(struct sts_request *q)
{
    return fault_set(&q->why, ERR_NOT_FOUND, "no MTA-STS policy of '%.*s' is kept", SLICE_FMT(q->domain));
}

void sts_show(struct sts *s, struct sts_request *q)
{
    int64_t now_s = s->wall_s();
    struct sts_entry *e = sts_cache_find(&s->cache, q->domain);
    struct sts_kept *list;

    if (e == NULL || !sts_entry_holds(e, now_s)) {
        sts_reply(q, not_kept(q));
        return;
    }
    list = ARENA_NEW(&q->arena, struct sts_kept);
    describe(e, now_s, list);
    q->list = list;
    q->list_len = 1;
    sts_reply(q, OK);
}

static void forget_all(struct sts *s, struct sts_request *q)
{
    struct sts_entry *e;

    q->count = s->cache.kept_len;
    while ((e = TAILQ_FIRST(&s->cache.kept)) != NULL || (e = TAILQ_FIRST(&s->cache.others)) != NULL)
        sts_cache_remove(&s->cache, e);
    sts_keep_all_gone(&s->keep);
    sts_reply(q, OK);
}

/* What was found out of a domain without a policy goes as well: it is looked for anew. */
void sts_forget(struct sts *s, struct sts_request *q)
{
    struct sts_entry *e;

    if (q->domain.len == 0) {
        forget_all(s, q);
        return;
    }
    e = sts_cache_find(&s->cache, q->domain);
    q->count = e != NULL && e->kept != NULL;
    if (e != NULL)
        sts_cache_remove(&s->cache, e);
    sts_reply(q, q->count > 0 ? OK : not_kept(q));
}
