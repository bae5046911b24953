#include "smtp/path.h"

/* RFC 3461 section 4: hexchar has upper-case digits only. */
static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Reads one xchar or hexchar at the front; its length, or 0. */
static size_t xtext_char(struct slice s, char *out)
{
    int high, low;

    if (s.ptr[0] != '+') {
        *out = s.ptr[0];
        return s.ptr[0] > 0x20 && s.ptr[0] < 0x7f && s.ptr[0] != '=' ? 1 : 0;
    }
    if (s.len < 3)
        return 0;
    high = hex_value(s.ptr[1]);
    low = hex_value(s.ptr[2]);
    if (high < 0 || low < 0)
        return 0;
    *out = (char)(high * 16 + low);
    return 3;
}

bool smtp_xtext_is_valid(struct slice s)
{
    char c;

    while (s.len > 0) {
        size_t len = xtext_char(s, &c);

        if (len == 0)
            return false;
        s = slice_from(s, len);
    }
    return true;
}

bool smtp_xtext_decode(struct slice s, char *out, struct slice *decoded)
{
    size_t at = 0;

    while (s.len > 0) {
        size_t len = xtext_char(s, &out[at]);

        if (len == 0 || out[at] == '\r' || out[at] == '\n' || out[at] == '\0')
            return false;
        at++;
        s = slice_from(s, len);
    }
    *decoded = slice_of(out, at);
    return true;
}
