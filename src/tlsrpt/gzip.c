#include "tlsrpt/gzip.h"

#include "base/buf.h"

#include <assert.h>
#include <zlib.h>

enum { WINDOW_BITS = 15 + 16 /* 16: gzip, and nothing else */, MEMORY_LEVEL = 8, STEP = 16 * 1024 };

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

/* Inflates into `b` until the member ends, or something is wrong. */
static enum status inflate_all(z_stream *z, struct buf *b, struct fault *why)
{
    int rc = Z_OK;

    while (rc == Z_OK) {
        size_t room;
        char *to = buf_room(b, STEP, &room);

        if (room == 0)
            return fault_set(why, ERR_LIMIT, "it unpacks to more than %zu bytes", b->max - 1);
        room = room < STEP ? room : STEP;
        z->next_out = (Bytef *)to;
        z->avail_out = (uInt)room;
        rc = inflate(z, Z_NO_FLUSH);
        buf_grew(b, room - z->avail_out);
    }
    if (rc != Z_STREAM_END)
        return fault_set(why, ERR_SYNTAX, "the gzip data are damaged or cut short");
    return OK;
}

enum status gzip_unpack(struct slice in, size_t max, struct arena *arena, struct slice *out, struct fault *why)
{
    z_stream z = { .next_in = (Bytef *)in.ptr, .avail_in = (uInt)in.len };
    struct buf b;
    enum status st;
    int rc;

    if (in.len > UINT32_MAX)
        return fault_set(why, ERR_LIMIT, "there are more than 4 GiB of gzip data");
    rc = inflateInit2(&z, WINDOW_BITS);
    assert(rc == Z_OK);
    buf_init(&b, max + 1); /* one more, so that exactly `max` still sees its end */
    st = inflate_all(&z, &b, why);
    if (st == OK && z.avail_in > 0)
        st = fault_set(why, ERR_SYNTAX, "something follows the gzip data");
    if (st == OK && b.len > max)
        st = fault_set(why, ERR_LIMIT, "it unpacks to more than %zu bytes", max);
    if (st == OK)
        *out = arena_copy(arena, buf_slice(&b));
    (void)inflateEnd(&z);
    buf_release(&b);
    return st;
}
