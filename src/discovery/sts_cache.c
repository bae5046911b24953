#include "discovery/sts_cache.h"

#include "base/memory.h"
#include "discovery/sts_facts.h"

#include <stdlib.h>

enum { BYTES_EACH = 4096 }; /* of a policy, on average */

void sts_cache_init(struct sts_cache *c, size_t most, void (*changed)(struct sts_cache *c, struct slice domain))
{
    *c = (struct sts_cache){ .most = most, .bytes_most = most * BYTES_EACH, .changed = changed };
    map_init(&c->by_domain);
    TAILQ_INIT(&c->kept);
    TAILQ_INIT(&c->others);
}

static void list(struct sts_cache *c, struct sts_entry *e)
{
    e->is_listed_as_kept = e->kept != NULL;
    e->bytes = e->kept != NULL ? sts_facts_bytes(e->kept) : 0;
    c->kept_bytes += e->bytes;
    if (e->is_listed_as_kept) {
        TAILQ_INSERT_TAIL(&c->kept, e, by_use);
        c->kept_len++;
    } else {
        TAILQ_INSERT_TAIL(&c->others, e, by_use);
        c->others_len++;
    }
}

static void unlist(struct sts_cache *c, struct sts_entry *e)
{
    c->kept_bytes -= e->bytes;
    TAILQ_REMOVE(e->is_listed_as_kept ? &c->kept : &c->others, e, by_use);
    if (e->is_listed_as_kept)
        c->kept_len--;
    else
        c->others_len--;
}

static void free_entry(struct sts_entry *e)
{
    sts_facts_release(e->kept);
    sts_facts_release(e->other);
    sts_facts_release(e->trouble);
    free(e->name);
    free(e);
}

void sts_cache_release(struct sts_cache *c)
{
    struct sts_entry *e;

    while ((e = TAILQ_FIRST(&c->kept)) != NULL || (e = TAILQ_FIRST(&c->others)) != NULL) {
        unlist(c, e);
        free_entry(e);
    }
    map_release(&c->by_domain);
}

struct sts_entry *sts_cache_find(const struct sts_cache *c, struct slice domain)
{
    return map_get(&c->by_domain, domain);
}

void sts_cache_remove(struct sts_cache *c, struct sts_entry *e)
{
    unlist(c, e);
    (void)map_remove(&c->by_domain, e->domain);
    if (e->kept != NULL)
        c->changed(c, e->domain);
    free_entry(e);
}

/* `spared` is in hand and stays, were it the only one. */
static void make_room(struct sts_cache *c, const struct sts_entry *spared)
{
    struct sts_entry *oldest;

    while ((oldest = TAILQ_FIRST(&c->others)) != NULL && oldest != spared && c->others_len > c->most)
        sts_cache_remove(c, oldest);
    while ((oldest = TAILQ_FIRST(&c->kept)) != NULL && oldest != spared &&
           (c->kept_len > c->most || c->kept_bytes > c->bytes_most))
        sts_cache_remove(c, oldest);
}

struct sts_entry *sts_cache_need(struct sts_cache *c, struct slice domain)
{
    struct sts_entry *e = sts_cache_find(c, domain);

    if (e != NULL)
        return e;
    e = NEW(struct sts_entry);
    e->name = mem_str(domain);
    e->domain = slice_of(e->name, domain.len);
    (void)map_put(&c->by_domain, e->domain, e);
    list(c, e);
    make_room(c, e);
    return e;
}

void sts_cache_keep(struct sts_cache *c, struct sts_entry *e, const struct sts_facts *facts)
{
    bool had_one = e->kept != NULL;

    unlist(c, e);
    sts_facts_release(e->kept);
    e->kept = facts;
    e->anchor_s = 0;
    list(c, e);
    if (had_one || facts != NULL)
        c->changed(c, e->domain);
    make_room(c, e);
}

void sts_cache_restate(struct sts_cache *c, struct sts_entry *e, const struct sts_facts *facts)
{
    sts_facts_release(e->kept);
    e->kept = facts;
    sts_cache_touch(c, e);
}

void sts_cache_say(struct sts_entry *e, const struct sts_facts *facts)
{
    sts_facts_release(e->other);
    e->other = facts;
}

void sts_cache_touch(struct sts_cache *c, struct sts_entry *e)
{
    unlist(c, e);
    list(c, e);
}
