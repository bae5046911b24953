#include "base/map.h"

#include "base/memory.h"
#include "base/siphash.h"

#include <stdlib.h>
#include <sys/random.h>

struct map_entry {
    struct map_entry *chain; /* next in the same slot */
    uint64_t          hash;
    void             *value;
    size_t            key_len;
    char              key[];
};

void map_init(struct map *m)
{
    *m = (struct map){ 0 };
    (void)!getrandom(m->key, sizeof m->key, 0);
}

void map_release(struct map *m)
{
    for (size_t i = 0; i < m->slots_len; i++) {
        while (m->slots[i] != NULL) {
            struct map_entry *e = m->slots[i];

            m->slots[i] = e->chain;
            free(e);
        }
    }
    free(m->slots);
    *m = (struct map){ .key = { m->key[0], m->key[1] } };
}

static struct map_entry **find(const struct map *m, struct slice key, uint64_t hash)
{
    struct map_entry **at = &m->slots[hash & (m->slots_len - 1)];

    while (*at != NULL && !((*at)->hash == hash && slice_eq(slice_of((*at)->key, (*at)->key_len), key)))
        at = &(*at)->chain;
    return at;
}

static uint64_t hash_of(const struct map *m, struct slice key)
{
    return siphash(m->key, key);
}

void *map_get(const struct map *m, struct slice key)
{
    struct map_entry *e;

    if (m->count == 0)
        return NULL;
    e = *find(m, key, hash_of(m, key));
    return e == NULL ? NULL : e->value;
}

static void grow(struct map *m)
{
    size_t old_len = m->slots_len, new_len = old_len == 0 ? 16 : old_len * 2;
    struct map_entry **old = m->slots;

    m->slots = mem_new(new_len, sizeof *m->slots);
    m->slots_len = new_len;
    for (size_t i = 0; i < old_len; i++) {
        while (old[i] != NULL) {
            struct map_entry *e = old[i], **slot = &m->slots[e->hash & (new_len - 1)];

            old[i] = e->chain;
            e->chain = *slot;
            *slot = e;
        }
    }
    free(old);
}

void *map_put(struct map *m, struct slice key, void *value)
{
    uint64_t hash = hash_of(m, key);
    struct map_entry **at, *e;
    void *before;

    if (m->count >= m->slots_len)
        grow(m);
    at = find(m, key, hash);
    if (*at != NULL) {
        before = (*at)->value;
        (*at)->value = value;
        return before;
    }
    e = mem_new(1, sizeof *e + key.len);
    e->hash = hash;
    e->value = value;
    e->key_len = key.len;
    if (key.len > 0)
        memcpy(e->key, key.ptr, key.len);
    *at = e;
    m->count++;
    return NULL;
}

void *map_remove(struct map *m, struct slice key)
{
    struct map_entry **at, *e;
    void *value;

    if (m->count == 0)
        return NULL;
    at = find(m, key, hash_of(m, key));
    e = *at;
    if (e == NULL)
        return NULL;
    *at = e->chain;
    value = e->value;
    free(e);
    m->count--;
    return value;
}

static struct map_entry *first_from(const struct map *m, size_t slot)
{
    while (slot < m->slots_len && m->slots[slot] == NULL)
        slot++;
    return slot < m->slots_len ? m->slots[slot] : NULL;
}

static struct map_entry *after(const struct map *m, const struct map_entry *e)
{
    if (e->chain != NULL)
        return e->chain;
    return first_from(m, (e->hash & (m->slots_len - 1)) + 1);
}

/* *at names the entry to return next, so that the one returned now may be removed. */
bool map_next(const struct map *m, struct map_entry **at, struct slice *key, void **value)
{
    static struct map_entry end;
    struct map_entry *e = *at == NULL ? first_from(m, 0) : *at;

    if (e == NULL || e == &end)
        return false;
    *key = slice_of(e->key, e->key_len);
    *value = e->value;
    *at = after(m, e);
    if (*at == NULL)
        *at = &end;
    return true;
}
