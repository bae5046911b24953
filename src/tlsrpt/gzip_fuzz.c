/* What unpacks within the limit packs and unpacks to the same again. */
#include "tlsrpt/gzip.h"

#include "base/fuzz.h"

enum { OUT_MAX = 64 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct arena arena = { 0 };
    struct slice out, again;
    struct fault why;

    if (gzip_unpack(slice_of((const char *)data, len), OUT_MAX, &arena, &out, &why) == OK) {
        must(out.len <= OUT_MAX);
        must(gzip_unpack(gzip_pack(out, &arena), OUT_MAX, &arena, &again, NULL) == OK && slice_eq(out, again));
    }
    arena_release(&arena);
    return 0;
}
