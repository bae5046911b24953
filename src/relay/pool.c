#include "relay/pool.h"

#include "base/map.h"
#include "base/memory.h"

#include <stdlib.h>
#include <sys/queue.h>

struct pooled {
    struct connection_user user; /* first */
    TAILQ_ENTRY(pooled) by_age, in_slot;
    struct pool *pool;
    struct slot *slot;
    struct connection *connection;
};

TAILQ_HEAD(pooled_list, pooled);

/* The idle connections of one destination. */
struct slot {
    struct pooled_list list;
    size_t key_len;
    char key[];
};

struct pool {
    struct map slots;
    struct pooled_list by_age;
    size_t len, most;
};

struct pool *pool_new(size_t most)
{
    struct pool *p = NEW(struct pool);

    map_init(&p->slots);
    TAILQ_INIT(&p->by_age);
    p->most = most;
    return p;
}

void pool_free(struct pool *p)
{
    if (p == NULL)
        return;
    map_release(&p->slots);
    free(p);
}

/* Takes it out of the books; the connection itself lives on. */
static struct connection *forget(struct pooled *e)
{
    struct pool *p = e->pool;
    struct slot *slot = e->slot;
    struct connection *c = e->connection;

    TAILQ_REMOVE(&p->by_age, e, by_age);
    TAILQ_REMOVE(&slot->list, e, in_slot);
    p->len--;
    if (TAILQ_EMPTY(&slot->list)) {
        (void)map_remove(&p->slots, slice_of(slot->key, slot->key_len));
        free(slot);
    }
    free(e);
    return c;
}

/* An idle connection has nothing to say but that it is gone. */
static void on_event(struct connection_user *u, struct connection *c, enum connection_event kind,
                     const struct smtp_client_event *ev)
{
    (void)ev;
    if (kind != CONNECTION_FAILED)
        return;
    (void)forget(CONTAINER_OF(u, struct pooled, user));
    connection_drop(c);
}

static struct slot *slot_of(struct pool *p, struct slice key)
{
    struct slot *s = map_get(&p->slots, key);

    if (s != NULL)
        return s;
    s = mem_new(1, sizeof *s + key.len);
    TAILQ_INIT(&s->list);
    s->key_len = key.len;
    memcpy(s->key, key.ptr, key.len);
    (void)map_put(&p->slots, key, s);
    return s;
}

void pool_put(struct pool *p, struct slice destination, struct connection *c)
{
    struct pooled *e = NEW(struct pooled);

    if (p->len >= p->most)
        connection_drop(forget(TAILQ_FIRST(&p->by_age)));
    e->user.on_event = on_event;
    e->pool = p;
    e->slot = slot_of(p, destination);
    e->connection = c;
    TAILQ_INSERT_TAIL(&p->by_age, e, by_age);
    TAILQ_INSERT_HEAD(&e->slot->list, e, in_slot);
    p->len++;
    connection_set_user(c, &e->user);
}

struct connection *pool_take(struct pool *p, struct slice destination, const struct decision *d)
{
    struct slot *s = map_get(&p->slots, destination);

    if (s == NULL)
        return NULL;
    for (struct pooled *e = TAILQ_FIRST(&s->list); e != NULL; e = TAILQ_NEXT(e, in_slot)) {
        if (connection_meets(e->connection, d))
            return forget(e);
    }
    return NULL;
}

void pool_drop_all(struct pool *p)
{
    while (!TAILQ_EMPTY(&p->by_age))
        connection_drop(forget(TAILQ_FIRST(&p->by_age)));
}
