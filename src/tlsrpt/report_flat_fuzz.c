/* What is read without a tree is what jansson would have read. */
#include "tlsrpt/report_flat.h"

#include "base/fuzz.h"
#include "tlsrpt/report_json.h"

static bool is_same(const struct tlsrpt_failure *a, const struct tlsrpt_failure *b)
{
    return a->count == b->count && slice_eq(a->result_type, b->result_type) &&
           slice_eq(a->sending_mta_ip, b->sending_mta_ip) &&
           slice_eq(a->receiving_mx_hostname, b->receiving_mx_hostname) &&
           slice_eq(a->receiving_mx_helo, b->receiving_mx_helo) && slice_eq(a->receiving_ip, b->receiving_ip) &&
           slice_eq(a->additional_information, b->additional_information) &&
           slice_eq(a->failure_reason_code, b->failure_reason_code);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct tlsrpt_json_bounds most = { 1 << 20, 16, 200000 };
    struct slice text = slice_of((const char *)data, len);
    struct arena arena = { 0 };
    struct report_reader r = { .arena = &arena };
    struct tlsrpt_failure flat, usual = { .count = 0 };
    enum status st;
    json_t *object;

    if (!report_read_flat(text, &flat))
        return 0;
    object = tlsrpt_json_read(text, JSON_OBJECT, &most, &st, NULL);
    must(object != NULL);
    report_read_failure(&r, object, &usual);
    must(r.st == OK && is_same(&flat, &usual));
    json_decref(object);
    arena_release(&arena);
    return 0;
}
