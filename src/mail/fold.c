#include "mail/fold.h"

#include "base/utf8.h"

enum { LINE_BYTES = 78, PIECE_BYTES = 320 };

static void put(struct mail_fold *f, struct slice s)
{
    if (f->st == OK)
        f->st = buf_add(f->out, s);
    f->column += s.len;
}

static bool ends_in_blank(const char *s)
{
    return s[0] == '\0' || s[strlen(s) - 1] == ' ';
}

void mail_fold_begin(struct mail_fold *f, struct buf *out, const char *start, const char *indent, bool is_utf8)
{
    *f = (struct mail_fold){ .out = out, .indent = indent, .is_utf8 = is_utf8, .is_fresh = ends_in_blank(start) };
    put(f, slice_str(start));
}

void mail_fold_word(struct mail_fold *f, struct slice word)
{
    size_t len = word.len + 1 + f->is_opening;

    if (!f->is_fresh && f->column + len > LINE_BYTES && f->column > LINE_BYTES / 3) {
        put(f, SLICE_LIT("\r\n"));
        f->column = 0;
        put(f, slice_str(f->indent));
    } else if (!f->is_fresh) {
        put(f, SLICE_LIT(" "));
    }
    if (f->is_opening)
        put(f, SLICE_LIT("("));
    put(f, word);
    f->is_opening = false;
    f->is_fresh = false;
}

void mail_fold_glue(struct mail_fold *f, struct slice end)
{
    put(f, end);
}

static bool is_separator(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct slice skip_separators(struct slice s)
{
    while (s.len > 0 && is_separator(s.ptr[0]))
        s = slice_from(s, 1);
    return s;
}

/* Writes one character at the front of `s` into `out`, as it may be shown; returns its length in `s`. */
static size_t clean_char(const struct mail_fold *f, struct slice s, char *out, size_t *at)
{
    size_t len = utf8_printable_len(s);
    bool is_special = f->in_comment && (s.ptr[0] == '(' || s.ptr[0] == ')' || s.ptr[0] == '\\');

    if (len == 0 || (len > 1 && !f->is_utf8)) {
        out[(*at)++] = '?';
        return len == 0 ? 1 : len;
    }
    if (is_special)
        out[(*at)++] = '\\';
    memcpy(out + *at, s.ptr, len);
    *at += len;
    return len;
}

void mail_fold_text(struct mail_fold *f, struct slice text)
{
    char word[PIECE_BYTES + 8];

    for (text = skip_separators(text); text.len > 0; text = skip_separators(text)) {
        size_t at = 0;

        while (text.len > 0 && !is_separator(text.ptr[0]) && at < PIECE_BYTES)
            text = slice_from(text, clean_char(f, text, word, &at));
        mail_fold_word(f, slice_of(word, at));
    }
}

void mail_fold_open_comment(struct mail_fold *f)
{
    f->in_comment = f->is_opening = true;
}

void mail_fold_close_comment(struct mail_fold *f)
{
    mail_fold_glue(f, SLICE_LIT(")"));
    f->in_comment = false;
}

enum status mail_fold_end(struct mail_fold *f)
{
    put(f, SLICE_LIT("\r\n"));
    return f->st;
}
