/* A stream of netstrings reads the same whole or byte by byte, and what was read is what writing it again gives. */
#include "bridge/netstring.h"

#include "base/fuzz.h"

enum { PAYLOAD_MAX = 1000 };

/* Fewer bytes can only be a part of what more bytes are: no early verdict changes. */
static void check_prefixes(struct slice in, enum netstring_result whole, size_t used)
{
    size_t most = in.len < used ? in.len : used;

    for (size_t n = 0; n <= most; n++) {
        struct slice payload;
        size_t part_used;
        enum netstring_result part = netstring_read(slice_first(in, n), PAYLOAD_MAX, &payload, &part_used);

        must(part == NETSTRING_PART || part == whole);
    }
}

static void check_written(struct slice in, struct slice payload, size_t used)
{
    struct buf b;

    buf_init(&b, PAYLOAD_MAX + NETSTRING_OVERHEAD);
    must(netstring_add(&b, payload) == OK);
    must(slice_eq(buf_slice(&b), slice_first(in, used)));
    buf_release(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice in = slice_of((const char *)data, len);

    for (;;) {
        struct slice payload = SLICE_LIT("");
        size_t used = PAYLOAD_MAX + NETSTRING_OVERHEAD;
        enum netstring_result result = netstring_read(in, PAYLOAD_MAX, &payload, &used);

        check_prefixes(in, result, used);
        if (result != NETSTRING_WHOLE)
            return 0;
        must(payload.len <= PAYLOAD_MAX && used <= in.len && used > payload.len);
        check_written(in, payload, used);
        in = slice_from(in, used);
    }
}
