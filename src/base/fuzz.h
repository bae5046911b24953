/* base/fuzz.h: what fuzz targets share. For *_fuzz.c only. */
#ifndef STERNPOST_BASE_FUZZ_H
#define STERNPOST_BASE_FUZZ_H

#include "base/slice.h"

#include <stdint.h>
#include <stdlib.h>

/* The target: returns 0, or ends the process when a claim does not hold. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static inline void must(bool holds)
{
    if (!holds)
        abort();
}

/* The next of several strings in one input, which end with LF LF; *in is what lies behind. */
static inline struct slice fuzz_take(struct slice *in)
{
    const char *end = in->len == 0 ? NULL : memmem(in->ptr, in->len, "\n\n", 2);
    struct slice s = end == NULL ? *in : slice_of(in->ptr, (size_t)(end - in->ptr));

    *in = slice_from(*in, s.len + 2);
    return s;
}

#endif
