/* Up to a zero byte the issuer's name, then records, each with a byte of its length before it: a property that was read
 * lies in the record; who may issue does not hang on the order; a critical property that nobody knows lets nobody. */
#include "policy/caa.h"

#include "base/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice in = slice_of((const char *)data, len), issuer = slice_cut(in, '\0', &in);
    struct caa_record records[CAA_MOST], turned[CAA_MOST];
    bool is_forbidden = false;
    enum caa_answer answer;
    size_t n = 0;

    while (in.len > 0 && n < CAA_MOST) {
        struct slice rdata = slice_first(slice_from(in, 1), (unsigned char)in.ptr[0]);

        in = slice_from(in, rdata.len + 1);
        if (!caa_record_read(rdata, &records[n]))
            continue;
        must(records[n].tag.len > 0 && records[n].tag.len + records[n].value.len + 2 == rdata.len);
        is_forbidden |= (records[n].flags & CAA_CRITICAL) && slice_eq_case(records[n].tag, SLICE_LIT("x"));
        n++;
    }
    for (size_t i = 0; i < n; i++)
        turned[i] = records[n - 1 - i];
    answer = caa_judge(records, n, issuer, false);
    must(!is_forbidden || answer == CAA_NOBODY);
    must(n > 0 || answer == CAA_ANYBODY);
    must(caa_judge(turned, n, issuer, false) == answer);
    (void)caa_judge(records, n, issuer, true);
    return 0;
}
