/* What the writer sends, un-stuffed, is the input with its line ends made CR LF; no bare CR or LF is ever sent. */
#include "smtp/client_body.h"

#include "base/fuzz.h"
#include "base/memory.h"

/* The plain definition, a byte at a time. */
static size_t normalise(struct slice in, char *out)
{
    size_t at = 0;

    for (size_t i = 0; i < in.len; i++) {
        if (in.ptr[i] != '\r' && in.ptr[i] != '\n') {
            out[at++] = in.ptr[i];
            continue;
        }
        if (in.ptr[i] == '\r' && i + 1 < in.len && in.ptr[i + 1] == '\n')
            i++;
        out[at++] = '\r';
        out[at++] = '\n';
    }
    if (at > 0 && out[at - 1] != '\n') {
        out[at++] = '\r';
        out[at++] = '\n';
    }
    return at;
}

/* As a server reads it: up to CR LF . CR LF, which must be the very end. */
static size_t unstuff(struct slice wire, char *out)
{
    size_t at = 0;

    for (;;) {
        size_t cr = slice_find(wire, '\r');

        must(cr != SIZE_MAX && cr + 1 < wire.len && wire.ptr[cr + 1] == '\n');
        must(slice_find(slice_first(wire, cr), '\n') == SIZE_MAX);
        if (cr == 1 && wire.ptr[0] == '.') {
            must(wire.len == 3);
            return at;
        }
        if (wire.ptr[0] == '.') {
            must(wire.ptr[1] == '.');
            wire = slice_from(wire, 1);
            cr--;
        }
        memcpy(out + at, wire.ptr, cr + 2);
        at += cr + 2;
        wire = slice_from(wire, cr + 2);
    }
}

static void write_chunks(struct slice in, size_t step, struct buf *out)
{
    struct smtp_body_writer w;

    smtp_body_begin(&w);
    for (; in.len > 0; in = slice_from(in, step))
        smtp_body_write(&w, slice_first(in, step), out);
    smtp_body_end(&w, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice in = slice_of((const char *)data, len);
    char *want = mem_new(2 * len + 8, 1), *got = mem_new(2 * len + 8, 1);
    size_t steps[] = { SIZE_MAX, 1, 7 }, want_len = normalise(in, want);

    for (size_t i = 0; i < COUNT_OF(steps); i++) {
        struct buf out;

        buf_init(&out, 3 * len + 8);
        write_chunks(in, steps[i], &out);
        must(slice_eq(slice_of(got, unstuff(buf_slice(&out), got)), slice_of(want, want_len)));
        buf_release(&out);
    }
    free(want);
    free(got);
    return 0;
}
