/* Whatever the message: what is found lies within bounds, and names are text that may be shown. */
#include "net/dns_message.h"

#include "base/fuzz.h"

static void check_name(struct slice name)
{
    if (name.len >= DNS_NAME_TEXT)
        abort();
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] <= ' ' || name.ptr[i] == 0x7f || (name.ptr[i] >= 'A' && name.ptr[i] <= 'Z'))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const enum dns_type types[] = { DNS_A, DNS_CNAME, DNS_PTR, DNS_MX, DNS_TXT, DNS_AAAA, DNS_TLSA };
    struct arena arena = { 0 };

    for (size_t i = 0; i < COUNT_OF(types); i++) {
        struct dns_answer a;

        dns_message_read(slice_of((const char *)data, len), types[i], &arena, &a);
        if ((a.outcome == DNS_FOUND) != (a.records_len > 0) || (a.outcome == DNS_FAILED) != (a.why != NULL) ||
            a.ttl_s < 0 || a.ttl_s > DNS_TTL_MAX_S)
            abort();
        check_name(a.canonical);
        for (size_t r = 0; r < a.records_len; r++) {
            check_name(a.records[r].name);
            if (a.records[r].bytes.len > len)
                abort();
        }
    }
    arena_release(&arena);
    return 0;
}
