/* A line of a list: what is taken for a server has a name of letters, digits, hyphens and dots, or is an address, and reads
 * back as itself. */
#include "base/fuzz.h"
#include "base/utf8.h"
#include "certs/cert_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct arena arena = { 0 };
    struct cert_target t, again;
    struct fault why = { "" };

    if (cert_target_parse(slice_of((const char *)data, len), 25, &arena, &t, &why) == OK) {
        must(t.port > 0 && t.host.len > 0 && utf8_is_ascii(t.host));
        must(cert_target_parse(cert_target_text(&t, &arena), 0, &arena, &again, &why) == OK);
        must(slice_eq(t.host, again.host) && t.port == again.port && t.is_address == again.is_address);
    } else {
        must(why.text[0] != '\0');
    }
    arena_release(&arena);
    return 0;
}
