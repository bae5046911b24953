#include "tlsrpt/gzip.h"

#include <assert.h>
#include <zlib.h>

enum { WINDOW_BITS = 15 + 16 /* 16: gzip, and nothing else */, MEMORY_LEVEL = 8, STEP = 16 * 1024 };
enum { RATIO_MOST = 1032 /* bytes that one of deflate can stand for */ };

struct slice gzip_pack(struct slice in, struct arena *arena)
{
    z_stream z = { 0 };
    uLong most;
    char *out;
    int rc = deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED, WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY);

    assert(rc == Z_OK && in.len <= UINT32_MAX / 2);
    most = deflateBound(&z, (uLong)in.len);
    out = arena_alloc(arena, most);
    z.next_in = (Bytef *)in.ptr;
    z.avail_in = (uInt)in.len;
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)most;
    rc = deflate(&z, Z_FINISH);
    assert(rc == Z_STREAM_END);
    (void)deflateEnd(&z);
    return slice_of(out, z.total_out);
}

/* Inflates all of `in` into `out`, or, when that is NULL, only measures what there is. ERR_SYNTAX, or ERR_LIMIT beyond
 * `max`. */
static enum status run(struct slice in, int window_bits, size_t max, char *out, size_t *len, size_t *used,
                       struct fault *why)
{
    z_stream z = { .next_in = (Bytef *)in.ptr, .avail_in = (uInt)in.len };
    char scratch[STEP];
    int rc = inflateInit2(&z, window_bits);

    assert(rc == Z_OK);
    *len = 0;
    while (rc == Z_OK && *len <= max) {
        size_t room = out == NULL || max - *len >= STEP ? STEP : max - *len + 1;

        z.next_out = (Bytef *)(out == NULL ? scratch : out + *len);
        z.avail_out = (uInt)room;
        rc = inflate(&z, Z_NO_FLUSH);
        *len += room - z.avail_out;
    }
    *used = in.len - z.avail_in;
    (void)inflateEnd(&z);
    if (*len > max)
        return fault_set(why, ERR_LIMIT, "it unpacks to more than %zu bytes", max);
    if (rc != Z_STREAM_END)
        return fault_set(why, ERR_SYNTAX, "the packed data are damaged or cut short");
    return OK;
}

/* What the end of a gzip member says of its length, where that can be; 0: it says nothing. */
static size_t told_len(struct slice in, size_t max)
{
    size_t len = 0;

    for (size_t i = 0; i < 4 && in.len > 4; i++)
        len |= (size_t)(unsigned char)in.ptr[in.len - 4 + i] << 8 * i;
    return len <= max && len / RATIO_MOST <= in.len ? len : 0;
}

/* Where the length is not told, or told wrongly, it is measured first: what is made takes no more memory than it has
 * bytes. */
enum status gzip_inflate(struct slice in, bool is_raw, size_t max, struct arena *arena, struct slice *out,
                         size_t *used, struct fault *why)
{
    int window_bits = is_raw ? -15 : WINDOW_BITS;
    size_t len, told = is_raw ? 0 : told_len(in, max);
    enum status st = ERR_SYNTAX;
    char *bytes = NULL;

    if (in.len > UINT32_MAX)
        return fault_set(why, ERR_LIMIT, "there are more than 4 GiB of packed data");
    if (told > 0) {
        bytes = arena_alloc(arena, told + 1);
        st = run(in, window_bits, told, bytes, &len, used, NULL);
    }
    if (st != OK) {
        st = run(in, window_bits, max, NULL, &len, used, why);
        if (st != OK)
            return st;
        bytes = arena_alloc(arena, len + 1);
        st = run(in, window_bits, len, bytes, &len, used, why);
        assert(st == OK);
    }
    *out = slice_of(bytes, len);
    return OK;
}

enum status gzip_unpack(struct slice in, size_t max, struct arena *arena, struct slice *out, struct fault *why)
{
    struct slice unpacked;
    size_t used;
    enum status st = gzip_inflate(in, false, max, arena, &unpacked, &used, why);

    if (st == OK && used < in.len)
        st = fault_set(why, ERR_SYNTAX, "something follows the gzip data");
    if (st == OK)
        *out = unpacked;
    return st;
}
