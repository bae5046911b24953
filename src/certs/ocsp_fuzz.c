/* A response that nobody vouches for says nothing good. The first two bytes tell where it ends; a chain of one
 * certificate and its issuer, which is itself, stands behind it. */
#include "base/fuzz.h"
#include "base/utf8.h"
#include "certs/ocsp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice in = slice_of((const char *)data, len), staple, rest, chain[2];
    struct ocsp_facts facts;
    size_t size;

    if (len < 2)
        return 0;
    size = (size_t)data[0] << 8 | data[1];
    staple = slice_first(slice_from(in, 2), size);
    rest = slice_from(in, 2 + staple.len);
    chain[0] = chain[1] = rest;
    ocsp_read(staple, chain, 2, &facts);
    must((facts.state == OCSP_ABSENT) == (staple.len == 0));
    must(strlen(facts.text) < sizeof facts.text && utf8_is_ascii(slice_str(facts.text)));
    return 0;
}
