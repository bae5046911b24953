#include "tlsrpt/unpack.h"

#include "tlsrpt/gzip.h"

#include <zlib.h>

/* The local header of an entry (APPNOTE 4.3.7), and its offsets. */
enum { HEADER = 30, FLAGS = 6, METHOD = 8, CRC = 14, SIZE = 18, NAME_LEN = 26, EXTRA_LEN = 28 };
enum { FLAG_ENCRYPTED = 1, FLAG_SIZES_FOLLOW = 8, METHOD_STORED = 0, METHOD_DEFLATED = 8 };

static uint32_t number(struct slice s, size_t at, size_t bytes)
{
    uint32_t n = 0;

    for (size_t i = bytes; i > 0 && at + bytes <= s.len; i--)
        n = n << 8 | (unsigned char)s.ptr[at + i - 1];
    return n;
}

/* Where it was written as it was made, the CRC follows the data, with a signature or without. */
static bool crc_holds(struct slice zip, struct slice behind, struct slice out)
{
    uint32_t want = number(zip, CRC, 4);

    if (number(zip, FLAGS, 2) & FLAG_SIZES_FOLLOW)
        want = number(behind, slice_starts(behind, SLICE_LIT("PK\x07\x08")) ? 4 : 0, 4);
    return crc32(0, (const Bytef *)out.ptr, (uInt)out.len) == want;
}

static enum status unpack_zip(struct slice zip, size_t max, struct arena *arena, struct slice *out, struct fault *why)
{
    struct slice data = slice_from(zip, HEADER + number(zip, NAME_LEN, 2) + number(zip, EXTRA_LEN, 2));
    uint32_t flags = number(zip, FLAGS, 2), method = number(zip, METHOD, 2);
    enum status st = OK;
    size_t used;

    if (data.len == 0 || (flags & FLAG_ENCRYPTED) || (method != METHOD_STORED && method != METHOD_DEFLATED) ||
        (method == METHOD_STORED && (flags & FLAG_SIZES_FOLLOW)))
        return fault_set(why, ERR_SYNTAX,
                         "the zip file begins with an entry that is empty, encrypted or packed otherwise");
    used = number(zip, SIZE, 4);
    if (method == METHOD_DEFLATED)
        st = gzip_inflate(data, true, max, arena, out, &used, why);
    else if (used > data.len)
        st = fault_set(why, ERR_SYNTAX, "the zip file is cut short");
    else if (used > max)
        st = fault_set(why, ERR_LIMIT, "it unpacks to more than %zu bytes", max);
    else
        *out = slice_first(data, used);
    if (st == OK && !crc_holds(zip, slice_from(data, used), *out))
        st = fault_set(why, ERR_SYNTAX, "the zip file is damaged: its checksum does not hold");
    return st;
}

enum status tlsrpt_unpack(struct slice in, size_t max, struct arena *arena, struct slice *out, struct fault *why)
{
    struct slice text = in;
    enum status st;

    if (slice_starts(in, SLICE_LIT("\x1f\x8b")))
        st = gzip_unpack(in, max, arena, &text, why);
    else if (slice_starts(in, SLICE_LIT("PK\x03\x04")))
        st = unpack_zip(in, max, arena, &text, why);
    else
        st = in.len <= max ? OK : fault_set(why, ERR_LIMIT, "it has more than %zu bytes", max);
    if (st == OK)
        *out = text;
    return st;
}
