/* What is not all there yet never becomes wrong by what it was, and a header has the same meaning however it came. */
#include "net/proxy_header.h"

#include "base/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice in = slice_of((const char *)data, len);
    struct proxy_header whole, part;
    enum proxy_result all = proxy_header_parse(in, &whole, NULL), r = PROXY_MORE;
    size_t seen = 0;

    while (r == PROXY_MORE && seen <= len)
        r = proxy_header_parse(slice_first(in, seen++), &part, NULL);
    if (r != all || (all == PROXY_MORE && len > PROXY_HEADER_MAX))
        abort();
    if (all == PROXY_OK && (whole.len > len || whole.len != part.len || whole.len != seen - 1))
        abort();
    return 0;
}
