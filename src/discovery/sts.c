/* An asker is answered from the table while the last look at the DNS serves. Else a look begins (sts_look.c), which
 * askers of the same domain join: the TXT record; when its id is not the one kept, a place at the gate (sts_gate.c)
 * and a fetch (sts_fetch.c). What comes of it goes into the table (sts_cache.c), from there to the askers, and what is
 * a policy behind them into the store (sts_keep.c). */
#include "base/clock.h"
#include "base/memory.h"
#include "discovery/sts_facts.h"
#include "discovery/sts_private.h"
#include "smtp/path.h"

#include <stdlib.h>
#include <sys/random.h>

enum { HOST_MOST = 253, PREFIX_LEN = 9 }; /* "_mta-sts." */

uint32_t sts_random(void)
{
    uint32_t n = 0;

    (void)!getrandom(&n, sizeof n, 0);
    return n;
}

void sts_used(struct sts *s, struct sts_entry *e, int64_t now_s)
{
    e->used_s = now_s;
    sts_cache_touch(&s->cache, e);
    if (e->kept != NULL && (now_s - e->saved_use_s >= STS_USED_EACH_S || now_s < e->saved_use_s - STS_USED_EACH_S))
        sts_keep_changed(&s->keep, e->domain);
}

/* -- commands -------------------------------------------------------------------------------------------------- */

static bool is_domain(struct slice domain)
{
    return domain.len <= HOST_MOST - PREFIX_LEN && smtp_domain_is_valid(domain, false);
}

static void answer_no_domain(struct sts_request *q)
{
    q->facts = sts_facts_new(&(struct sts_facts){
        .finding = STS_NOTHING, .domain = q->domain, .failure_text = SLICE_LIT("it is no name of a domain") });
    sts_reply(q, OK);
}

static void on_ask(struct sts *s, struct sts_request *q)
{
    struct sts_entry *e = sts_cache_find(&s->cache, q->domain);
    struct sts_look *l = sts_look_find(s, q->domain);
    bool is_due = e == NULL || sts_entry_look_is_due(e, s->wall_s());

    atomic_fetch_add(&s->tally.asked, 1);
    if (!is_domain(q->domain)) {
        answer_no_domain(q);
    } else if (l != NULL && (is_due || l->is_news)) {
        sts_look_join(l, q);
    } else if (is_due && !s->is_stopping) {
        sts_look_join(sts_look_begin(s, q->domain), q);
    } else {
        atomic_fetch_add(&s->tally.from_memory, 1);
        sts_answer(s, q);
    }
}

static void on_refresh(struct sts *s, struct sts_request *q)
{
    struct sts_look *l = sts_look_find(s, q->domain);

    if (!is_domain(q->domain))
        answer_no_domain(q);
    else if (s->is_stopping)
        sts_answer(s, q);
    else
        sts_look_join(l != NULL ? l : sts_look_begin(s, q->domain), q);
}

static void on_request(struct sts *s, struct sts_request *q)
{
    static void (*const verbs[])(struct sts * s, struct sts_request * q) = {
        [STS_ASK] = on_ask,         [STS_LIST] = sts_list,     [STS_SHOW] = sts_show,
        [STS_REFRESH] = on_refresh, [STS_FORGET] = sts_forget,
    };

    q->status = OK;
    q->facts = NULL;
    q->list = NULL;
    q->list_len = 0;
    q->count = 0;
    verbs[q->verb](s, q);
}

static void on_inbox(struct loop_io *io, unsigned events)
{
    struct sts *s = CONTAINER_OF(io, struct sts, inbox_io);
    struct handoff_item *item = handoff_take(s->inbox);

    (void)events;
    while (item != NULL) {
        struct handoff_item *next = item->next;

        on_request(s, CONTAINER_OF(item, struct sts_request, item));
        item = next;
    }
}

void sts_send(struct sts *s, struct sts_request *q)
{
    handoff_put(s->inbox, &q->item);
}

/* -- what comes by time ---------------------------------------------------------------------------------------- */

static void tend_entry(struct sts *s, struct sts_entry *e, int64_t now_s)
{
    struct sts_look *l;

    if (sts_entry_is_forgotten(e, now_s)) {
        sts_cache_remove(&s->cache, e);
        return;
    }
    if (!sts_entry_refresh_is_due(e, now_s) || sts_entry_is_held_off(e, now_s, slice_str("")) ||
        s->refreshing >= STS_REFRESHING_MOST || sts_look_find(s, e->domain) != NULL)
        return;
    l = sts_look_begin(s, e->domain);
    l->is_for_none = true;
    s->refreshing++;
}

void sts_tend(struct sts *s)
{
    struct sts_entry *e = TAILQ_FIRST(&s->cache.kept), *next;
    int64_t now_s = s->wall_s();

    for (; e != NULL; e = next) {
        next = TAILQ_NEXT(e, by_use);
        tend_entry(s, e, now_s);
    }
}

static void on_tend(struct loop_timer *t)
{
    struct sts *s = CONTAINER_OF(t, struct sts, tend_timer);

    sts_tend(s);
    loop_timer_set(s->loop, t, STS_TEND_MS);
}

static void on_changed(struct sts_cache *c, struct slice domain)
{
    struct sts *s = CONTAINER_OF(c, struct sts, cache);

    atomic_store(&s->tally.entries, c->kept_len);
    sts_keep_changed(&s->keep, domain);
}

/* -- life ------------------------------------------------------------------------------------------------------ */

static void plan_refreshes(struct sts *s)
{
    int64_t now_s = s->wall_s();
    struct sts_entry *e;

    TAILQ_FOREACH(e, &s->cache.kept, by_use)
    sts_entry_plan_refresh(e, now_s, sts_random());
}

enum status sts_new(const struct sts_config *config, struct sts **out, struct fault *why)
{
    struct sts *s = NEW(struct sts);
    size_t fetches = config->fetches_most > 0 ? config->fetches_most : STS_FETCHES_MOST;
    enum status st;

    s->loop = config->loop;
    s->resolver = config->resolver;
    s->https = config->https;
    s->wall_s = config->wall_s != NULL ? config->wall_s : clock_wall_s;
    sts_cache_init(&s->cache, config->entries_most > 0 ? config->entries_most : STS_ENTRIES_MOST, on_changed);
    sts_keep_init(&s->keep, s->loop, config->store, &s->cache);
    sts_gate_init(&s->gate, s->loop, fetches, config->fetches_per_s > 0 ? config->fetches_per_s : STS_FETCHES_PER_S);
    TAILQ_INIT(&s->looks);
    map_init(&s->looks_by_domain);
    s->inbox = handoff_new();
    s->inbox_io.ready = on_inbox;
    loop_watch(s->loop, &s->inbox_io, handoff_fd(s->inbox), LOOP_READ);
    s->tend_timer.fire = on_tend;
    loop_timer_set(s->loop, &s->tend_timer, STS_TEND_MS);
    st = sts_keep_load(&s->keep, why);
    if (st != OK) {
        sts_free(s);
        return st;
    }
    plan_refreshes(s);
    *out = s;
    return OK;
}

void sts_stop(struct sts *s)
{
    struct sts_look *l;

    s->is_stopping = true;
    loop_timer_clear(s->loop, &s->tend_timer);
    while ((l = TAILQ_FIRST(&s->looks)) != NULL)
        sts_look_drop(l);
}

void sts_save(struct sts *s)
{
    sts_keep_save(&s->keep);
}

void sts_free(struct sts *s)
{
    if (s == NULL)
        return;
    sts_stop(s);
    sts_keep_release(&s->keep);
    sts_cache_release(&s->cache);
    sts_gate_release(&s->gate);
    map_release(&s->looks_by_domain);
    loop_unwatch(s->loop, &s->inbox_io);
    handoff_free(s->inbox);
    free(s);
}

void sts_counts(const struct sts *s, struct sts_counts *out)
{
    const struct sts_tally *t = &s->tally;

    *out = (struct sts_counts){ .asked = atomic_load(&t->asked),
                                .from_memory = atomic_load(&t->from_memory),
                                .fetched = atomic_load(&t->fetched),
                                .fetch_failed = atomic_load(&t->fetch_failed),
                                .invalid = atomic_load(&t->invalid),
                                .webpki_invalid = atomic_load(&t->webpki_invalid),
                                .downgraded = atomic_load(&t->downgraded),
                                .entries = atomic_load(&t->entries) };
}
