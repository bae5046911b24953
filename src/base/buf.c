#include "base/buf.h"

#include "base/memory.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){ .max = max };
}

void buf_release(struct buf *b)
{
    free(b->mem);
    buf_init(b, b->max);
}

void buf_reset(struct buf *b)
{
    b->start = b->len = 0;
}

static void move_to_front(struct buf *b)
{
    if (b->start > 0 && b->len > 0)
        memmove(b->mem, b->mem + b->start, b->len);
    b->start = 0;
}

/* `total` is at most the maximum. */
static void reserve(struct buf *b, size_t total)
{
    size_t cap = b->cap == 0 ? 256 : b->cap;

    if (b->start + total <= b->cap)
        return;
    move_to_front(b);
    if (total <= b->cap)
        return;
    while (cap < total)
        cap *= 2;
    if (cap > b->max)
        cap = b->max;
    b->mem = mem_resize(b->mem, cap, 1);
    b->cap = cap;
}

enum status buf_add(struct buf *b, struct slice s)
{
    if (s.len > b->max - b->len)
        return ERR_LIMIT;
    if (s.len == 0)
        return OK;
    reserve(b, b->len + s.len);
    memcpy(b->mem + b->start + b->len, s.ptr, s.len);
    b->len += s.len;
    return OK;
}

enum status buf_addf(struct buf *b, const char *fmt, ...)
{
    va_list ap, again;
    int len;
    size_t room;
    char *at;

    va_start(ap, fmt);
    va_copy(again, ap);
    len = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if ((size_t)len > b->max - b->len) {
        va_end(again);
        return ERR_LIMIT;
    }
    /* vsnprintf wants a byte for its NUL, which the maximum need not leave. */
    room = (size_t)len + 1;
    at = mem_new(room, 1);
    (void)vsnprintf(at, room, fmt, again);
    va_end(again);
    (void)!buf_add(b, slice_of(at, (size_t)len));
    free(at);
    return OK;
}

char *buf_room(struct buf *b, size_t want, size_t *room)
{
    if (want > b->max - b->len)
        want = b->max - b->len;
    *room = want;
    if (want == 0)
        return NULL;
    reserve(b, b->len + want);
    return b->mem + b->start + b->len;
}

void buf_grew(struct buf *b, size_t len)
{
    assert(b->start + b->len + len <= b->cap);
    b->len += len;
}

void buf_consume(struct buf *b, size_t len)
{
    assert(len <= b->len);
    b->start += len;
    b->len -= len;
    if (b->len == 0)
        b->start = 0;
}

void buf_shorten(struct buf *b, size_t len)
{
    assert(len <= b->len);
    b->len -= len;
    if (b->len == 0)
        b->start = 0;
}
