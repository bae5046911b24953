#include "smtp/client_body.h"

#include "base/test.h"

static const struct { const char *name, *in, *out; } cases[] = {
    { "EOD-11: empty", "", ".\r\n" },
    { "one line", "a\r\n", "a\r\n.\r\n" },
    { "no line end at the end", "a", "a\r\n.\r\n" },
    { "empty lines", "\r\n\r\n", "\r\n\r\n.\r\n" },
    { "EOD-09: dots at the front", ".a\r\n..b\r\n.\r\n", "..a\r\n...b\r\n..\r\n.\r\n" },
    { "dots elsewhere", "a.\r\nb..c\r\n", "a.\r\nb..c\r\n.\r\n" },
    { "EOD-01: LF dot LF", "a\n.\nb", "a\r\n..\r\nb\r\n.\r\n" },
    { "EOD-02: LF dot CRLF", "a\n.\r\nb", "a\r\n..\r\nb\r\n.\r\n" },
    { "EOD-03: CRLF dot LF", "a\r\n.\nb", "a\r\n..\r\nb\r\n.\r\n" },
    { "EOD-04: CR dot CR", "a\r.\rb", "a\r\n..\r\nb\r\n.\r\n" },
    { "EOD-05: CR dot CRLF", "a\r.\r\nb", "a\r\n..\r\nb\r\n.\r\n" },
    { "EOD-06: CRLF dot CR", "a\r\n.\rb", "a\r\n..\r\nb\r\n.\r\n" },
    { "EOD-08: doubled CR", "a\r\r\n.\r\r\nb", "a\r\n\r\n..\r\n\r\nb\r\n.\r\n" },
    { "LF CR", "a\n\rb", "a\r\n\r\nb\r\n.\r\n" },
    { "CR at the end", "a\r", "a\r\n.\r\n" },
    { "LF at the end", "a\n", "a\r\n.\r\n" },
    { "a dot alone", ".", "..\r\n.\r\n" },
    { "many LF", "\n\n\n", "\r\n\r\n\r\n.\r\n" },
    { "a CR far behind", "a\nb\nc\nd\r\n.e", "a\r\nb\r\nc\r\nd\r\n..e\r\n.\r\n" },
};

static void write_split(struct slice in, size_t step, struct buf *out)
{
    struct smtp_body_writer w;

    smtp_body_begin(&w);
    while (in.len > 0) {
        smtp_body_write(&w, slice_first(in, step), out);
        smtp_body_write(&w, slice_of(NULL, 0), out);
        in = slice_from(in, step);
    }
    smtp_body_end(&w, out);
}

/* EOD-10, EOD-12, EOD-13: the same in any cut. */
TEST(writes_clean_lines)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        for (size_t step = 1; step < 8; step++) {
            struct buf out;

            buf_init(&out, 256);
            write_split(slice_str(cases[i].in), step, &out);
            CHECK_CASE(cases[i].name, slice_eq(buf_slice(&out), slice_str(cases[i].out)));
            buf_release(&out);
        }
}

/* EOD-07: NUL is content like any other; it is refused where mail comes in. */
TEST(keeps_nul)
{
    struct buf out;

    buf_init(&out, 256);
    write_split(SLICE_LIT("\r\n\0.\0\r\n"), 3, &out);
    CHECK(slice_eq(buf_slice(&out), SLICE_LIT("\r\n\0.\0\r\n.\r\n")));
    buf_release(&out);
}

RUN_TESTS(T(writes_clean_lines), T(keeps_nul))
