#include "discovery/sts_keep.h"

#include "base/log.h"
#include "base/memory.h"
#include "discovery/sts_facts.h"
#include "smtp/path.h"

#include <stdlib.h>

/* More names than these are not remembered while the store does not take them: the rows are pruned at the next start.
 */
enum { CHANGED_MOST = 200 * 1000 };

static char is_changed; /* the map's value: it is there */

/* -- in -------------------------------------------------------------------------------------------------------- */

static int by_use(const void *a, const void *b)
{
    const struct sts_row *x = a, *y = b;

    return x->used_s < y->used_s ? -1 : x->used_s > y->used_s;
}

static bool is_id(struct slice id)
{
    return id.len > 0 && id.len < STS_ID_TEXT;
}

/* The times are held against each other here, against the clock when they are used (sts_entry.h). */
static bool read_row(const struct sts_row *row, struct arena *arena, struct sts_facts *out)
{
    struct fault why;

    *out = (struct sts_facts){ .finding = STS_FOUND,
                               .domain = row->domain,
                               .id = row->id,
                               .fetched_s = row->fetched_s,
                               .checked_s = row->checked_s };
    if (!smtp_domain_is_valid(row->domain, false) || !is_id(row->id) || row->fetched_s < 0 ||
        sts_policy_parse(row->text, arena, &out->policy, &why) != OK)
        return false;
    out->expires_s = row->fetched_s + out->policy.max_age_s;
    return true;
}

static void put_row(struct sts_keep *k, const struct sts_row *row)
{
    struct arena arena = { 0 };
    struct sts_facts draft;
    struct sts_entry *e;

    if (read_row(row, &arena, &draft)) {
        e = sts_cache_need(k->cache, row->domain);
        e->used_s = e->saved_use_s = row->used_s;
        sts_cache_keep(k->cache, e, sts_facts_new(&draft));
    } else {
        log_warning(NULL, "a stored MTA-STS policy cannot be read and is forgotten", LOG_STR("domain", row->domain));
        sts_keep_changed(k, row->domain);
    }
    arena_release(&arena);
}

enum status sts_keep_load(struct sts_keep *k, struct fault *why)
{
    struct store_request r = { .verb = STORE_STS_LOAD };
    enum status st = store_call(k->store, &r);
    struct sts_row *rows;

    if (st != OK) {
        *why = r.why;
        arena_release(&r.arena);
        return st;
    }
    rows = ARENA_ARRAY(&r.arena, struct sts_row, r.sts_len);
    if (r.sts_len > 0)
        memcpy(rows, r.sts, r.sts_len * sizeof *rows);
    qsort(rows, r.sts_len, sizeof *rows, by_use);
    for (size_t i = 0; i < r.sts_len; i++)
        put_row(k, &rows[i]);
    /* What was just read need not be written; what there was no room for has to go. */
    for (size_t i = 0; i < r.sts_len; i++)
        if (sts_cache_find(k->cache, rows[i].domain) != NULL)
            (void)map_remove(&k->changed, rows[i].domain);
    arena_release(&r.arena);
    return OK;
}

/* -- out ------------------------------------------------------------------------------------------------------- */

static void fill_row(struct sts_keep *k, struct sts_entry *e, struct sts_row *row)
{
    const struct sts_facts *f = e->kept;

    e->saved_use_s = e->used_s;
    *row = (struct sts_row){ .domain = arena_copy(&k->arena, f->domain),
                             .id = arena_copy(&k->arena, f->id),
                             .text = sts_facts_file(f, &k->arena),
                             .fetched_s = f->fetched_s,
                             .expires_s = f->expires_s,
                             .checked_s = f->checked_s,
                             .used_s = e->used_s };
}

/* Rows to save, or else one to forget. */
static void fill_request(struct sts_keep *k)
{
    struct map_entry *at = NULL;
    struct slice domain;
    void *value;

    while (k->request.sts_in_len < STS_KEEP_BATCH && map_next(&k->changed, &at, &domain, &value)) {
        struct sts_entry *e = sts_cache_find(k->cache, domain);

        if (e == NULL || e->kept == NULL) {
            k->request.name = k->request.name.len > 0 ? k->request.name : arena_copy(&k->arena, domain);
            continue;
        }
        fill_row(k, e, &k->rows[k->request.sts_in_len++]);
        (void)map_remove(&k->changed, domain);
    }
    if (k->request.sts_in_len > 0)
        return;
    k->request.verb = STORE_STS_FORGET;
    (void)map_remove(&k->changed, k->request.name);
}

/* False: there is nothing to write. */
static bool make_request(struct sts_keep *k)
{
    if (!k->all_gone && map_count(&k->changed) == 0)
        return false;
    arena_reset(&k->arena);
    k->request = (struct store_request){ .verb = STORE_STS_SAVE, .reply_to = k->replies, .sts_in = k->rows };
    if (k->all_gone)
        k->request.verb = STORE_STS_FORGET;
    else
        fill_request(k);
    k->all_gone = false;
    return true;
}

static void take_back(struct sts_keep *k)
{
    const struct store_request *r = &k->request;

    if (r->verb == STORE_STS_SAVE)
        for (size_t i = 0; i < r->sts_in_len; i++)
            sts_keep_changed(k, r->sts_in[i].domain);
    else if (r->name.len > 0)
        sts_keep_changed(k, r->name);
    else
        k->all_gone = true;
}

static void on_reply(struct sts_keep *k)
{
    struct store_request *r = &k->request;

    k->is_under_way = false;
    k->has_failed = r->status != OK;
    if (k->has_failed) {
        log_warning(NULL, "MTA-STS policies cannot be written to the store yet", LOG_CSTR("why", r->why.text));
        take_back(k);
    }
    arena_release(&r->arena);
}

static void set_timer(struct sts_keep *k)
{
    if (!k->is_under_way && (k->all_gone || map_count(&k->changed) > 0) && !loop_timer_is_set(&k->timer))
        loop_timer_set(k->loop, &k->timer, k->has_failed ? STS_KEEP_RETRY_MS : 0);
}

static void on_timer(struct loop_timer *t)
{
    struct sts_keep *k = CONTAINER_OF(t, struct sts_keep, timer);

    if (k->is_saved || k->is_under_way || !make_request(k))
        return;
    k->is_under_way = true;
    store_send(k->store, &k->request);
}

static void on_replies(struct loop_io *io, unsigned events)
{
    struct sts_keep *k = CONTAINER_OF(io, struct sts_keep, replies_io);

    (void)events;
    if (handoff_take(k->replies) == NULL)
        return;
    on_reply(k);
    set_timer(k);
}

void sts_keep_changed(struct sts_keep *k, struct slice domain)
{
    if (map_count(&k->changed) < CHANGED_MOST)
        (void)map_put(&k->changed, domain, &is_changed);
    set_timer(k);
}

void sts_keep_all_gone(struct sts_keep *k)
{
    struct map_entry *at = NULL;
    struct slice domain;
    void *value;

    while (map_next(&k->changed, &at, &domain, &value))
        (void)map_remove(&k->changed, domain);
    k->all_gone = true;
    set_timer(k);
}

void sts_keep_init(struct sts_keep *k, struct loop *loop, struct store *store, struct sts_cache *cache)
{
    *k = (struct sts_keep){ .loop = loop, .store = store, .cache = cache };
    map_init(&k->changed);
    k->timer.fire = on_timer;
    k->replies = handoff_new();
    k->replies_io.ready = on_replies;
    loop_watch(loop, &k->replies_io, handoff_fd(k->replies), LOOP_READ);
}

void sts_keep_save(struct sts_keep *k)
{
    if (k->is_saved)
        return;
    k->is_saved = true;
    if (k->is_under_way) {
        while (!handoff_wait(k->replies, -1))
            continue;
        (void)handoff_take(k->replies);
        on_reply(k);
    }
    k->has_failed = false;
    while (!k->has_failed && make_request(k)) {
        (void)store_call(k->store, &k->request);
        on_reply(k);
    }
    loop_timer_clear(k->loop, &k->timer);
}

void sts_keep_release(struct sts_keep *k)
{
    sts_keep_save(k);
    loop_timer_clear(k->loop, &k->timer);
    loop_unwatch(k->loop, &k->replies_io);
    handoff_free(k->replies);
    map_release(&k->changed);
    arena_release(&k->arena);
}
