/* base/buf.h: owned bytes that grow up to a maximum and are consumed from the front. */
#ifndef STERNPOST_BASE_BUF_H
#define STERNPOST_BASE_BUF_H

#include "base/slice.h"
#include "base/status.h"

/* Fields are private to buf.c, but for reading through buf_slice(). */
struct buf {
    char  *mem;
    size_t start, len, cap;
    size_t max;
};

/* An empty buffer that holds at most `max` bytes. */
void buf_init(struct buf *b, size_t max);
void buf_release(struct buf *b); /* frees; usable again with the same maximum */
void buf_reset(struct buf *b);   /* empties; memory is kept */

/* What is in it; lives until the next call that changes the buffer. */
static inline struct slice buf_slice(const struct buf *b)
{
    return slice_of(b->mem == NULL ? "" : b->mem + b->start, b->len);
}

/* Adds a copy of `s`. ERR_LIMIT, with nothing added, when the maximum would be exceeded. */
MUST_USE enum status buf_add(struct buf *b, struct slice s);
MUST_USE enum status buf_addf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Room for `want` more bytes (at most what the maximum leaves): write there, then buf_grew().
 * *room is how many bytes there are; NULL and 0 when the buffer is full. */
char *buf_room(struct buf *b, size_t want, size_t *room);
void buf_grew(struct buf *b, size_t len);

/* Drops `len` bytes from the front / from the end. */
void buf_consume(struct buf *b, size_t len);
void buf_shorten(struct buf *b, size_t len);

#endif
