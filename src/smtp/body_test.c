#include "smtp/body.h"

#include "base/buf.h"
#include "base/test.h"

#define BYTES(s) { (s), sizeof(s) - 1 }
/* clang-format off */
static const struct {
    const char *name;
    struct slice in;
    bool has_dots, normalizes, is_poisoned;
    const char *content;
    size_t end; /* where the end mark ends; 0: there is none */
} cases[] = {
    { "empty message (EOD-11)", BYTES(".\r\nX"), true, false, false, "", 3 },
    { "one line", BYTES("a\r\n.\r\nX"), true, false, false, "a\r\n", 6 },
    { "only an empty line", BYTES("\r\n.\r\n"), true, false, false, "\r\n", 5 },
    { "stuffed dots lose one (EOD-09)", BYTES("..\r\n...a\r\n.b\r\n.\r\n"), true, false, false, ".\r\n..a\r\nb\r\n", 17 },
    { "dot and blank (EOD-09)", BYTES(". \r\n.\t\r\n.\r\n"), true, false, false, " \r\n\t\r\n", 11 },
    { "dots within a line", BYTES("a.\r\nb.c\r\n"), true, false, false, "a.\r\nb.c\r\n", 0 },
    { "no end", BYTES("a\r\n."), true, false, false, "a\r\n", 0 },
    { "CR held back", BYTES("a\r"), true, false, false, "a", 0 },
    { "bare LF", BYTES("a\nb\r\n.\r\n"), true, false, true, NULL, 8 },
    { "bare CR", BYTES("a\rb\r\n.\r\n"), true, false, true, NULL, 8 },
    { "NUL", BYTES("a\0\r\n.\r\n"), true, false, true, NULL, 7 },
    { "NUL behind the dot (EOD-07)", BYTES(".\0\r\n.\r\n"), true, false, true, NULL, 7 },
    { "LF . LF (EOD-01)", BYTES("a\n.\nb"), true, false, true, NULL, 0 },
    { "doubled CR before (EOD-08)", BYTES("a\r\r\n.\r\n"), true, false, true, NULL, 7 },
    { "doubled CR behind (EOD-08)", BYTES("a\r\n.\r\r\nb\r\n"), true, false, true, NULL, 0 },
    { "dot, bare CR, text", BYTES("a\r\n.\rb"), true, false, true, NULL, 0 },
    { "chunk with dots", BYTES(".\r\n..\r\n.\r\n"), false, false, false, ".\r\n..\r\n.\r\n", 0 },
    { "chunk with bare LF (EOD-12)", BYTES("a\n"), false, false, true, NULL, 0 },
    { "chunk with a CR last", BYTES("a\r"), false, false, true, NULL, 0 },
    { "normalized LF", BYTES("a\nb\r\n.\r\n"), true, true, false, "a\r\nb\r\n", 8 },
    { "normalized CR", BYTES("a\rb\r\n.\r\n"), true, true, false, "a\r\nb\r\n", 8 },
    { "normalized CR CR LF", BYTES("a\r\r\n.\r\n"), true, true, false, "a\r\n\r\n", 7 },
    { "normalized LF . LF is no end", BYTES("a\n.\nb\r\n.\r\n"), true, true, false, "a\r\n\r\nb\r\n", 10 },
    { "normalized LF . CRLF is no end", BYTES("a\n.\r\nb\r\n.\r\n"), true, true, false, "a\r\n\r\nb\r\n", 11 },
    { "normalized CRLF . LF is no end", BYTES("a\r\n.\nb\r\n.\r\n"), true, true, false, "a\r\n\r\nb\r\n", 11 },
    { "normalized CRLF . CR is no end", BYTES("a\r\n.\rb\r\n.\r\n"), true, true, false, "a\r\n\r\nb\r\n", 11 },
    { "normalized, stuffed behind LF", BYTES("a\n..b\n.\r\n\r\n.\r\n"), true, true, false, "a\r\n.b\r\n\r\n\r\n", 14 },
    { "normalizing, NUL is refused", BYTES("a\n\0b\r\n.\r\n"), true, true, true, NULL, 9 },
    { "normalized chunk", BYTES(".\n\r.\r"), false, true, false, ".\r\n\r\n.\r\n", 0 },
};
/* clang-format on */

/* Feeds up to the end mark; returns where it ended. */
static size_t read_all(struct smtp_body_reader *b, struct slice in, struct buf *out, bool *is_end)
{
    size_t at = 0;

    *is_end = false;
    while (at < in.len && !*is_end) {
        struct slice content;

        at += smtp_body_read(b, slice_from(in, at), &content, is_end);
        CHECK(buf_add(out, content) == OK);
    }
    return at;
}

static void check_split(size_t i, size_t split)
{
    struct smtp_body_reader b;
    struct slice in = cases[i].in;
    struct buf out;
    bool is_end;
    size_t at;

    buf_init(&out, 100);
    smtp_body_start(&b, cases[i].has_dots, cases[i].normalizes);
    at = read_all(&b, slice_first(in, split), &out, &is_end);
    if (!is_end)
        at += read_all(&b, slice_from(in, split), &out, &is_end);
    if (!cases[i].has_dots)
        CHECK(buf_add(&out, smtp_body_finish(&b)) == OK);
    CHECK_CASE(cases[i].name, (is_end ? at : 0) == cases[i].end);
    CHECK_CASE(cases[i].name, b.is_poisoned == cases[i].is_poisoned);
    CHECK_CASE(cases[i].name, b.is_poisoned || slice_eq(buf_slice(&out), slice_str(cases[i].content)));
    buf_release(&out);
}

TEST(content_at_every_split)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        for (size_t split = 0; split <= cases[i].in.len; split++)
            check_split(i, split);
}

/* Everything before the end that is content as it stands comes in one piece, where it lies. */
TEST(content_is_not_copied)
{
    struct slice in = SLICE_LIT("Subject: x\r\n\r\nline.\r\nline\r\n.\r\n"), content;
    struct smtp_body_reader b;
    bool is_end;
    size_t taken;

    smtp_body_start(&b, true, false);
    taken = smtp_body_read(&b, in, &content, &is_end);
    CHECK(content.ptr == in.ptr && content.len == in.len - 3 && taken == content.len && !is_end);
    CHECK_INT(smtp_body_read(&b, slice_from(in, taken), &content, &is_end), 3);
    CHECK(is_end && content.len == 0);
}

/* SRV-03: a line of any length is content, and no limit makes a second line of it. */
TEST(a_long_line_stays_one)
{
    static char line[100000];
    struct smtp_body_reader b;
    struct slice content;
    bool is_end;

    memset(line, '.', sizeof line);
    smtp_body_start(&b, true, false);
    CHECK_INT(smtp_body_read(&b, slice_of(line, sizeof line), &content, &is_end), sizeof line);
    CHECK_INT(content.len, sizeof line - 1);
    CHECK(!b.is_poisoned && !is_end);
}

RUN_TESTS(T(content_at_every_split), T(content_is_not_copied), T(a_long_line_stays_one))
