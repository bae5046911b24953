#include "letter.h"

#include "base/clock.h"

#include <stdio.h>

enum { LINE = 78, LINES = 512 };

/* Lines of 76 characters that start with a letter, so none needs dot-stuffing. */
static const char *body_block(void)
{
    static char block[LINE * LINES];

    if (block[0] != '\0')
        return block;
    for (size_t i = 0; i < sizeof block; i++) {
        size_t column = i % LINE;

        if (column == LINE - 2)
            block[i] = '\r';
        else if (column == LINE - 1)
            block[i] = '\n';
        else
            block[i] = (char)('a' + (i * 7 + i / LINE * 3) % 26);
    }
    return block;
}

void letter_write(struct letter *l, const char *run, uint64_t number, const char *rcpt, size_t size,
                  struct slice behind)
{
    static char date[CLOCK_TEXT];
    int len;

    if (date[0] == '\0')
        (void)clock_rfc5322(clock_wall_s(), date);
    (void)snprintf(l->id, sizeof l->id, "%.32s.%llu", run, (unsigned long long)number);
    len = snprintf(l->head, sizeof l->head,
                   "From: load <load@bench.example>\r\nTo: <%.255s>\r\nSubject: a message of the benchmark\r\n"
                   "Date: %s\r\nMessage-ID: <%s@bench.example>\r\n" LETTER_ID_HEADER ": %s\r\n\r\n",
                   rcpt, date, l->id, l->id);
    l->head_len = (size_t)len;
    l->body_len = size > l->head_len ? size - l->head_len : 0;
    if (l->body_len % LINE == LINE - 1)
        l->body_len--; /* never between CR and LF */
    l->end = behind;
}

#define FINAL_DOT "\r\n.\r\n"

size_t letter_len(const struct letter *l)
{
    return l->head_len + l->body_len + sizeof FINAL_DOT - 1 + l->end.len;
}

/* Copies of `part`, which stands at *start, what lies in [at + *len, ...) and fits; moves *start behind it. */
static void copy_part(struct slice part, size_t *start, size_t at, char *out, size_t size, size_t *len)
{
    size_t want = at + *len, n;

    if (want >= *start && want < *start + part.len && *len < size) {
        struct slice rest = slice_from(part, want - *start);

        n = rest.len < size - *len ? rest.len : size - *len;
        memcpy(out + *len, rest.ptr, n);
        *len += n;
    }
    *start += part.len;
}

size_t letter_read(const struct letter *l, size_t at, char *out, size_t size)
{
    const char *block = body_block();
    size_t start = 0, len = 0;

    copy_part(slice_of(l->head, l->head_len), &start, at, out, size, &len);
    while (start < l->head_len + l->body_len) {
        size_t left = l->head_len + l->body_len - start;
        size_t whole = at + len > start ? (at + len - start) / (LINE * LINES) * (LINE * LINES) : 0;

        if (whole > 0 && whole < left) {
            start += whole; /* blocks that lie before `at` */
            continue;
        }
        copy_part(slice_of(block, left < LINE * LINES ? left : LINE * LINES), &start, at, out, size, &len);
        if (len == size)
            return len;
    }
    copy_part(SLICE_LIT(FINAL_DOT), &start, at, out, size, &len);
    copy_part(l->end, &start, at, out, size, &len);
    return len;
}

struct slice letter_line(size_t n)
{
    return slice_of(body_block() + n % LINES * LINE, LINE - 2);
}
