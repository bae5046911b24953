#include "smtp/client_body.h"

#include <assert.h>

static void put(struct buf *out, struct slice s)
{
    enum status st = buf_add(out, s);

    assert(st == OK);
    (void)st;
}

void smtp_body_begin(struct smtp_body_writer *w)
{
    *w = (struct smtp_body_writer){ .at_line_start = true };
}

/* Writes the CR that the last chunk ended with as a line end; an LF that leads `content` belongs to it. */
static struct slice settle_cr(struct smtp_body_writer *w, struct slice content, struct buf *out)
{
    put(out, SLICE_LIT("\r\n"));
    w->holds_cr = false;
    w->at_line_start = true;
    return content.len > 0 && content.ptr[0] == '\n' ? slice_from(content, 1) : content;
}

/* Where the line that begins at `from` ends: at its first CR or LF, or at the end of `s`. *next_cr caches where
 * the next CR is, so that lines that end with bare LF do not scan for it again and again. */
static size_t find_line_end(struct slice s, size_t from, size_t *next_cr)
{
    size_t lf, limit;

    if (*next_cr < from || *next_cr == SIZE_MAX) {
        size_t cr = slice_find(slice_from(s, from), '\r');

        *next_cr = cr == SIZE_MAX ? s.len : from + cr;
    }
    limit = *next_cr;
    lf = slice_find(slice_of(s.ptr + from, limit - from), '\n');
    return lf == SIZE_MAX ? limit : from + lf;
}

/* Whole lines that need no change are copied in one piece: `from` is where the piece begins, `at` where the
 * present line does. */
void smtp_body_write(struct smtp_body_writer *w, struct slice content, struct buf *out)
{
    struct slice s = w->holds_cr && content.len > 0 ? settle_cr(w, content, out) : content;
    size_t from = 0, at = 0, next_cr = SIZE_MAX;

    while (at < s.len) {
        size_t end;

        if (w->at_line_start && s.ptr[at] == '.') {
            put(out, slice_of(s.ptr + from, at - from));
            put(out, SLICE_LIT("."));
            from = at;
        }
        end = find_line_end(s, at, &next_cr);
        w->at_line_start = end < s.len;
        if (end + 1 < s.len && s.ptr[end] == '\r' && s.ptr[end + 1] == '\n') {
            at = end + 2;
            continue;
        }
        put(out, slice_of(s.ptr + from, end - from));
        at = from = end + 1;
        if (end == s.len)
            return;
        if (s.ptr[end] == '\r' && end + 1 == s.len)
            w->holds_cr = true;
        else
            put(out, SLICE_LIT("\r\n"));
    }
    if (from < s.len)
        put(out, slice_from(s, from));
}

void smtp_body_end(struct smtp_body_writer *w, struct buf *out)
{
    if (w->holds_cr)
        (void)settle_cr(w, slice_of(NULL, 0), out);
    if (!w->at_line_start)
        put(out, SLICE_LIT("\r\n"));
    put(out, SLICE_LIT(".\r\n"));
    smtp_body_begin(w);
}
