/* Any mail, with a key record behind LF LF NUL: nobody's signature is good by chance. */
#include "mail/dkim_verify.h"

#include "base/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct mail_dkim_verifier *v;
    struct slice record, mail = slice_cut(slice_of((const char *)data, len), '\0', &record);
    struct mail_dkim_signature out[MAIL_DKIM_SIGNATURES_MAX];
    struct mail_dkim_key keys[MAIL_DKIM_SIGNATURES_MAX];
    struct slice names[MAIL_DKIM_SIGNATURES_MAX];
    struct arena arena = { 0 };
    size_t wanted, found;

    if (v == NULL)
        v = mail_dkim_verifier_new();
    wanted = mail_dkim_keys_wanted(mail, &arena, names);
    must(wanted <= MAIL_DKIM_SIGNATURES_MAX);
    for (size_t i = 0; i < wanted; i++)
        keys[i] = (struct mail_dkim_key){ names[i], record };
    found = mail_dkim_verify(v, mail, keys, wanted, &arena, out);
    must(found <= MAIL_DKIM_SIGNATURES_MAX);
    for (size_t i = 0; i < found; i++)
        must(out[i].is_good == (out[i].why.len == 0));
    arena_release(&arena);
    return 0;
}
