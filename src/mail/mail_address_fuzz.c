/* An address that parses is in a form that parses to itself; its domain is fit for the DNS. */
#include "mail/address.h"

#include "base/fuzz.h"
#include "smtp/path.h"

static void check_again(struct arena *arena, const struct mail_address *a)
{
    struct mail_address again;
    struct slice text =
        a->domain.len == 0 ? a->local : arena_printf(arena, "%.*s@%.*s", SLICE_FMT(a->local), SLICE_FMT(a->domain));

    /* An A-label may be longer than its U-label: only then the whole can be too long now. */
    if (text.len + 2 > SMTP_PATH_MAX)
        return;
    must(mail_address_parse(arena, text, &again, NULL) == OK);
    must(slice_eq(a->local, again.local) && slice_eq(a->domain, again.domain) && a->is_literal == again.is_literal);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct arena arena = { 0 };
    struct mail_address a;
    struct fault why;

    if (mail_address_parse(&arena, slice_of((const char *)data, len), &a, &why) == OK) {
        must(a.is_literal || a.domain.len == 0 || smtp_domain_is_valid(a.domain, false));
        must(slice_find(a.local, '\0') == SIZE_MAX && slice_find(a.local, '\r') == SIZE_MAX);
        must(slice_find(a.local, '\n') == SIZE_MAX);
        check_again(&arena, &a);
    }
    arena_release(&arena);
    return 0;
}
