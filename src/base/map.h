/* base/map.h: a hash map from byte strings to pointers, keyed with SipHash against flooding (RES-06). */
#ifndef STERNPOST_BASE_MAP_H
#define STERNPOST_BASE_MAP_H

#include "base/slice.h"

struct map_entry;

/* Fields are private to map.c. */
struct map {
    struct map_entry **slots;
    size_t             slots_len, count;
    uint64_t           key[2];
};

void map_init(struct map *m);
void map_release(struct map *m); /* frees the map's own memory, never the values */

void *map_get(const struct map *m, struct slice key); /* NULL: not there */
/* Copies `key`; returns the value that was there before, or NULL. `value` is not NULL. */
void *map_put(struct map *m, struct slice key, void *value);
void *map_remove(struct map *m, struct slice key); /* the value removed, or NULL */

static inline size_t map_count(const struct map *m)
{
    return m->count;
}

/* Walks in no particular order: start with *at = NULL, stop at false. The entry
 * just returned may be removed while walking; none may be put. */
bool map_next(const struct map *m, struct map_entry **at, struct slice *key, void **value);

#endif
