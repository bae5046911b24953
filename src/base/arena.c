#include "base/arena.h"

#include "base/memory.h"

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>

enum { BLOCK_BYTES = 1024 };

struct arena_block {
    struct arena_block *next;
    size_t              size;
    alignas(max_align_t) char bytes[];
};

static void add_block(struct arena *a, size_t size)
{
    size_t room = size > BLOCK_BYTES ? size : BLOCK_BYTES;
    struct arena_block *b = mem_new(1, sizeof *b + room);

    b->next = a->blocks;
    b->size = room;
    a->blocks = b;
    a->at = b->bytes;
    a->left = room;
}

void *arena_alloc(struct arena *a, size_t size)
{
    size_t step = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    void *p;

    if (step > a->left || a->at == NULL)
        add_block(a, step);
    p = a->at;
    a->at += step;
    a->left -= step;
    return memset(p, 0, size);
}

struct slice arena_copy(struct arena *a, struct slice s)
{
    char *p = arena_alloc(a, s.len + 1);

    if (s.len > 0)
        memcpy(p, s.ptr, s.len);
    return slice_of(p, s.len);
}

struct slice arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap, again;
    int len;
    char *p;

    va_start(ap, fmt);
    va_copy(again, ap);
    len = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    p = arena_alloc(a, (size_t)len + 1);
    (void)vsnprintf(p, (size_t)len + 1, fmt, again);
    va_end(again);
    return slice_of(p, (size_t)len);
}

static void free_blocks(struct arena_block *b)
{
    while (b != NULL) {
        struct arena_block *next = b->next;

        free(b);
        b = next;
    }
}

void arena_reset(struct arena *a)
{
    if (a->blocks == NULL)
        return;
    free_blocks(a->blocks->next);
    a->blocks->next = NULL;
    a->at = a->blocks->bytes;
    a->left = a->blocks->size;
}

void arena_release(struct arena *a)
{
    free_blocks(a->blocks);
    *a = (struct arena){ 0 };
}
