/* Content read from the wire and written again is what stood on the wire; and how it was split changes nothing. */
#include "smtp/body.h"

#include "base/buf.h"
#include "base/fuzz.h"

struct result {
    struct buf content;
    size_t end; /* behind the end mark; SIZE_MAX: none */
    bool is_poisoned;
};

static void read_all(struct slice in, size_t step, bool has_dots, bool normalizes, struct result *r)
{
    struct smtp_body_reader b;
    size_t at = 0;
    bool is_end = false;

    buf_init(&r->content, 2 * in.len + 2);
    smtp_body_start(&b, has_dots, normalizes);
    while (at < in.len && !is_end) {
        struct slice content, piece = slice_first(slice_from(in, at), step);
        size_t taken = smtp_body_read(&b, piece, &content, &is_end);

        must(taken > 0 || content.len > 0);
        must(buf_add(&r->content, content) == OK);
        at += taken;
    }
    if (!is_end)
        must(buf_add(&r->content, smtp_body_finish(&b)) == OK);
    r->end = is_end ? at : SIZE_MAX;
    r->is_poisoned = b.is_poisoned;
}

/* RFC 5321 section 4.1.1.4 word for word. */
static size_t true_end(struct slice in)
{
    for (size_t i = 0; i < in.len; i++)
        if ((i == 0 || (i >= 2 && slice_starts(slice_from(in, i - 2), SLICE_LIT("\r\n")))) &&
            slice_starts(slice_from(in, i), SLICE_LIT(".\r\n")))
            return i + 3;
    return SIZE_MAX;
}

static void check_clean(struct slice content)
{
    for (size_t i = 0; i < content.len; i++) {
        must(content.ptr[i] != '\0');
        must(content.ptr[i] != '\n' || (i > 0 && content.ptr[i - 1] == '\r'));
        must(content.ptr[i] != '\r' || (i + 1 < content.len && content.ptr[i + 1] == '\n'));
    }
}

/* Stuffs dots again: exactly what came in, for lines that were stuffed and not just began with a dot. */
static void check_wire(struct slice in, struct slice content)
{
    size_t at = 0;

    for (size_t i = 0; i < content.len; i++) {
        bool at_line = i == 0 || content.ptr[i - 1] == '\n';

        if (at_line && in.ptr[at] == '.')
            at++;
        must(in.ptr[at++] == content.ptr[i]);
    }
    must(slice_eq(slice_from(in, at), SLICE_LIT(".\r\n")));
}

static void check(struct slice in, bool has_dots, bool normalizes)
{
    struct result whole, bytes;

    read_all(in, SIZE_MAX, has_dots, normalizes, &whole);
    read_all(in, 1, has_dots, normalizes, &bytes);
    must(whole.end == bytes.end && whole.is_poisoned == bytes.is_poisoned);
    must(whole.end == (has_dots ? true_end(in) : SIZE_MAX));
    if (!whole.is_poisoned) {
        must(slice_eq(buf_slice(&whole.content), buf_slice(&bytes.content)));
        check_clean(buf_slice(&whole.content));
        if (has_dots && !normalizes && whole.end != SIZE_MAX)
            check_wire(slice_first(in, whole.end), buf_slice(&whole.content));
    }
    buf_release(&whole.content);
    buf_release(&bytes.content);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    for (unsigned flags = 0; flags < 4; flags++)
        check(slice_of((const char *)data, len), (flags & 1) != 0, (flags & 2) != 0);
    return 0;
}
