#include "base/slice.h"

#include <strings.h>

struct slice slice_from(struct slice s, size_t at)
{
    if (at >= s.len)
        return slice_of(s.ptr == NULL ? NULL : s.ptr + s.len, 0);
    return slice_of(s.ptr + at, s.len - at);
}

struct slice slice_first(struct slice s, size_t len)
{
    return slice_of(s.ptr, len < s.len ? len : s.len);
}

bool slice_eq(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool same_letters(const char *a, const char *b, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (lower(a[i]) != lower(b[i]))
            return false;
    return true;
}

bool slice_eq_case(struct slice a, struct slice b)
{
    return a.len == b.len && same_letters(a.ptr, b.ptr, a.len);
}

bool slice_starts(struct slice s, struct slice prefix)
{
    return s.len >= prefix.len && slice_eq(slice_first(s, prefix.len), prefix);
}

bool slice_starts_case(struct slice s, struct slice prefix)
{
    return s.len >= prefix.len && slice_eq_case(slice_first(s, prefix.len), prefix);
}

bool slice_ends_case(struct slice s, struct slice suffix)
{
    return s.len >= suffix.len && slice_eq_case(slice_from(s, s.len - suffix.len), suffix);
}

size_t slice_find(struct slice s, char c)
{
    const char *at = s.len == 0 ? NULL : memchr(s.ptr, c, s.len);

    return at == NULL ? SIZE_MAX : (size_t)(at - s.ptr);
}

size_t slice_find_last(struct slice s, char c)
{
    const char *at = s.len == 0 ? NULL : memrchr(s.ptr, c, s.len);

    return at == NULL ? SIZE_MAX : (size_t)(at - s.ptr);
}

struct slice slice_cut(struct slice s, char c, struct slice *rest)
{
    size_t at = slice_find(s, c);

    if (at == SIZE_MAX) {
        *rest = slice_from(s, s.len);
        return s;
    }
    *rest = slice_from(s, at + 1);
    return slice_first(s, at);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct slice slice_trim(struct slice s)
{
    while (s.len > 0 && is_blank(s.ptr[0]))
        s = slice_from(s, 1);
    while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

bool slice_to_u64(struct slice s, uint64_t *out)
{
    uint64_t v = 0;

    if (s.len == 0 || s.len > 20)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        if (__builtin_mul_overflow(v, 10U, &v) || __builtin_add_overflow(v, (uint64_t)(s.ptr[i] - '0'), &v))
            return false;
    }
    *out = v;
    return true;
}

bool slice_to_cstr(struct slice s, char *out, size_t size)
{
    if (s.len >= size || slice_find(s, '\0') != SIZE_MAX) {
        out[0] = '\0';
        return false;
    }
    if (s.len > 0)
        memcpy(out, s.ptr, s.len);
    out[s.len] = '\0';
    return true;
}

struct slice slice_lower(struct slice s, char *out)
{
    for (size_t i = 0; i < s.len; i++)
        out[i] = lower(s.ptr[i]);
    return slice_of(out, s.len);
}
