#include "mail/dkim_canon.h"

#include <stdlib.h>

/* The caller made room. */
static void put(struct buf *out, struct slice s)
{
    if (buf_add(out, s) != OK)
        abort();
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* `s` word by word: each run of blanks within is one, those at its end are gone. With `leads`, blanks at its front are
 * one too; else they are gone. */
static void put_words(struct slice s, bool leads, struct buf *out)
{
    bool is_first = true;

    while (s.len > 0) {
        size_t blanks = 0, word = 0;

        while (blanks < s.len && is_blank(s.ptr[blanks]))
            blanks++;
        s = slice_from(s, blanks);
        while (word < s.len && !is_blank(s.ptr[word]))
            word++;
        if (word > 0 && blanks > 0 && (leads || !is_first))
            put(out, SLICE_LIT(" "));
        put(out, slice_first(s, word));
        s = slice_from(s, word);
        is_first = false;
    }
}

void dkim_canon_field(struct slice name, struct slice value, struct buf *out)
{
    size_t room;
    char *at = buf_room(out, name.len, &room);

    if (room < name.len)
        abort();
    (void)slice_lower(name, at);
    buf_grew(out, name.len);
    put(out, SLICE_LIT(":"));
    put_words(value, false, out);
}

static bool is_all_blank(struct slice s)
{
    size_t at = 0;

    while (at < s.len && is_blank(s.ptr[at]))
        at++;
    return at == s.len;
}

void dkim_canon_body(struct slice body, struct buf *out)
{
    size_t empty_lines = 0; /* those at the end do not count */

    while (body.len > 0) {
        size_t lf = slice_find(body, '\n');
        struct slice line = slice_first(body, lf);

        body = slice_from(body, lf == SIZE_MAX ? body.len : lf + 1);
        if (is_all_blank(line)) {
            empty_lines++;
            continue;
        }
        for (; empty_lines > 0; empty_lines--)
            put(out, SLICE_LIT("\r\n"));
        put_words(line, true, out);
        put(out, SLICE_LIT("\r\n"));
    }
}
