#include "tlsrpt/json_write.h"

#include "base/utf8.h"

#include <stdio.h>

enum { ESCAPED_MAX = 8 };

static void put(struct tlsrpt_json *w, struct slice s)
{
    if (w->st == OK)
        w->st = buf_add(w->out, s);
}

static void begin(struct tlsrpt_json *w, const char *key)
{
    if (w->needs_comma)
        put(w, SLICE_LIT(","));
    if (key != NULL) {
        put(w, SLICE_LIT("\""));
        put(w, slice_str(key));
        put(w, SLICE_LIT("\":"));
    }
    w->needs_comma = true;
}

void tlsrpt_json_open(struct tlsrpt_json *w, const char *key, char bracket)
{
    begin(w, key);
    put(w, slice_of(&bracket, 1));
    w->needs_comma = false;
}

void tlsrpt_json_close(struct tlsrpt_json *w, char bracket)
{
    put(w, slice_of(&bracket, 1));
    w->needs_comma = true;
}

void tlsrpt_json_number(struct tlsrpt_json *w, const char *key, uint64_t n)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%llu", (unsigned long long)n);

    begin(w, key);
    put(w, slice_of(text, (size_t)len));
}

/* Bytes at the front that stand for themselves in a JSON string. */
static size_t plain_len(struct slice s)
{
    size_t at = 0;

    while (at < s.len && s.ptr[at] >= ' ' && s.ptr[at] < 0x7f && s.ptr[at] != '"' && s.ptr[at] != '\\')
        at++;
    return at;
}

/* The character at the front, which is not plain, as it stands in a JSON string; *len is its length in `s`. */
static struct slice escaped(struct slice s, char out[static ESCAPED_MAX], size_t *len)
{
    unsigned char c = (unsigned char)s.ptr[0];
    int out_len;

    *len = utf8_len(s);
    if (*len == 0) {
        *len = 1;
        return SLICE_LIT("\xef\xbf\xbd");
    }
    if (*len > 1)
        return slice_first(s, *len);
    out_len = c == '"' || c == '\\' ? snprintf(out, ESCAPED_MAX, "\\%c", c) : snprintf(out, ESCAPED_MAX, "\\u%04x", c);
    return slice_of(out, (size_t)out_len);
}

bool tlsrpt_json_string(struct tlsrpt_json *w, const char *key, struct slice s, size_t limit_bytes)
{
    begin(w, key);
    put(w, SLICE_LIT("\""));
    while (s.len > 0) {
        char text[ESCAPED_MAX];
        size_t len = plain_len(slice_first(s, limit_bytes));
        struct slice piece = len > 0 ? slice_first(s, len) : escaped(s, text, &len);

        if (piece.len > limit_bytes)
            break;
        put(w, piece);
        limit_bytes -= piece.len;
        s = slice_from(s, len);
    }
    put(w, SLICE_LIT("\""));
    return s.len == 0;
}
