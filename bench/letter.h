/* bench/letter.h: the message the load generator sends, by position, so that one of any size needs no memory. */
#ifndef STERNPOST_BENCH_LETTER_H
#define STERNPOST_BENCH_LETTER_H

#include "base/slice.h"

enum { LETTER_HEAD = 768, LETTER_ID = 64 };

/* Header that carries the id: the sink's --record reads it. */
#define LETTER_ID_HEADER "X-Bench-Id"

/* Fields are private to letter.c. */
struct letter {
    char head[LETTER_HEAD];
    char id[LETTER_ID];
    size_t head_len, body_len;
    struct slice end;
};

/* About `size` bytes with header, as they go over the wire: CRLF, the final dot, and `behind` (borrowed: a command
 * that is pipelined behind it, or empty). The id is "RUN.NUMBER". */
void letter_write(struct letter *l, const char *run, uint64_t number, const char *rcpt, size_t size,
                  struct slice behind);
size_t letter_len(const struct letter *l);
/* Copies what stands from `at` on into `out`; returns how much, 0 at the end. */
size_t letter_read(const struct letter *l, size_t at, char *out, size_t size);

/* Line `n` of every body, without its CRLF; the last one of a message may be cut short. */
struct slice letter_line(size_t n);

#endif
