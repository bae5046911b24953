#include "base/utf8.h"

size_t utf8_len(struct slice s)
{
    const unsigned char *p = (const unsigned char *)s.ptr;
    size_t len;

    if (s.len == 0)
        return 0;
    if (p[0] < 0x80)
        return 1;
    len = p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
    if (len == 0 || s.len < len)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf0 && p[1] < 0x90) ||
        (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return len;
}

bool utf8_is_valid(struct slice s)
{
    while (s.len > 0) {
        size_t len = utf8_len(s);

        if (len == 0)
            return false;
        s = slice_from(s, len);
    }
    return true;
}

bool utf8_is_ascii(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] >= 0x80)
            return false;
    return true;
}

size_t utf8_printable_len(struct slice s)
{
    size_t len = utf8_len(s);
    const unsigned char *p = (const unsigned char *)s.ptr;

    if (len == 1 && (p[0] < 0x20 || p[0] == 0x7f))
        return 0;
    if (len == 2 && p[0] == 0xc2 && p[1] < 0xa0)
        return 0;
    /* U+200E, U+200F, U+2028 to U+202E, U+2066 to U+2069 */
    if (len == 3 && p[0] == 0xe2 &&
        ((p[1] == 0x80 && ((p[2] & 0xfe) == 0x8e || (p[2] >= 0xa8 && p[2] <= 0xae))) ||
         (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9)))
        return 0;
    return len;
}

struct slice utf8_printable(struct slice s, char *out, size_t size)
{
    size_t at = 0;

    while (s.len > 0) {
        size_t len = utf8_printable_len(s);
        size_t step = len == 0 ? 1 : len;

        if (step > size - at)
            break;
        if (len == 0)
            out[at] = '?';
        else
            memcpy(out + at, s.ptr, len);
        at += step;
        s = slice_from(s, step);
    }
    return slice_of(out, at);
}
