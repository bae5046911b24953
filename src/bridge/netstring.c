#include "bridge/netstring.h"

#include <assert.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The length and its colon: *at is then behind them. */
static enum netstring_result read_length(struct slice in, size_t payload_max, size_t *len, size_t *at)
{
    size_t n = 0, i = 0;

    for (; i < in.len && is_digit(in.ptr[i]); i++) {
        if (i == 1 && in.ptr[0] == '0')
            return NETSTRING_MALFORMED;
        n = n * 10 + (size_t)(in.ptr[i] - '0');
        if (n > payload_max)
            return NETSTRING_TOO_LONG;
    }
    if (i == in.len)
        return NETSTRING_PART;
    if (i == 0 || in.ptr[i] != ':')
        return NETSTRING_MALFORMED;
    *len = n;
    *at = i + 1;
    return NETSTRING_WHOLE;
}

enum netstring_result netstring_read(struct slice in, size_t payload_max, struct slice *payload, size_t *used)
{
    enum netstring_result result;
    size_t len, at;

    assert(payload_max <= NETSTRING_PAYLOAD_MOST);
    result = read_length(in, payload_max, &len, &at);
    if (result != NETSTRING_WHOLE)
        return result;
    if (in.len - at <= len)
        return NETSTRING_PART;
    if (in.ptr[at + len] != ',')
        return NETSTRING_MALFORMED;
    *payload = slice_of(in.ptr + at, len);
    *used = at + len + 1;
    return NETSTRING_WHOLE;
}

enum status netstring_add(struct buf *out, struct slice payload)
{
    size_t before = out->len;

    if (buf_addf(out, "%zu:", payload.len) == OK && buf_add(out, payload) == OK && buf_add(out, SLICE_LIT(",")) == OK)
        return OK;
    buf_shorten(out, out->len - before);
    return ERR_LIMIT;
}
