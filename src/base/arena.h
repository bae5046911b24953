/* base/arena.h: many small allocations with one lifetime. */
#ifndef STERNPOST_BASE_ARENA_H
#define STERNPOST_BASE_ARENA_H

#include "base/slice.h"
#include "base/status.h"

struct arena_block;

/* Visible so that it can be embedded; fields are private to arena.c. Zero is a valid empty arena. */
struct arena {
    struct arena_block *blocks;
    char               *at;
    size_t              left;
};

/* Zeroed, aligned for any type; lives until the arena is reset or released. */
void *arena_alloc(struct arena *a, size_t size) __attribute__((returns_nonnull));
/* Copies `s` and puts a NUL behind it. */
struct slice arena_copy(struct arena *a, struct slice s);
struct slice arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Frees everything but one block, for reuse. */
void arena_reset(struct arena *a);
/* Frees everything; the arena is empty and may be used again. */
void arena_release(struct arena *a);

#define ARENA_NEW(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define ARENA_ARRAY(a, type, n) ((type *)arena_alloc((a), sizeof(type) * (n)))

#endif
