/* What is unpacked stays within its bound, whatever the file says of its size. */
#include "tlsrpt/unpack.h"

#include "base/fuzz.h"

enum { OUT_MAX = 64 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct arena arena = { 0 };
    struct slice out;
    struct fault why = { "" };
    enum status st = tlsrpt_unpack(slice_of((const char *)data, len), OUT_MAX, &arena, &out, &why);

    must((st == OK) == (why.text[0] == '\0'));
    must(st != OK || out.len <= OUT_MAX);
    arena_release(&arena);
    return 0;
}
