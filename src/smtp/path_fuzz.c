/* What the grammar accepts it accepts again when written out, and it never holds what could end a line or a path. */
#include "smtp/path.h"

#include "base/fuzz.h"
#include "base/utf8.h"

static void check_mailbox(const struct smtp_mailbox *box, bool utf8)
{
    struct slice whole = slice_of(box->local.ptr, box->local.len + 1 + box->domain.len);
    struct smtp_mailbox again;

    must(box->local.len > 0 && box->local.len <= SMTP_LOCAL_MAX && box->domain.len <= SMTP_DOMAIN_MAX);
    must(box->domain.ptr == box->local.ptr + box->local.len + 1);
    must(smtp_mailbox_parse(whole, utf8, &again) == OK);
    must(slice_eq(again.local, box->local) && slice_eq(again.domain, box->domain));
    must(smtp_domain_is_valid(box->domain, utf8) != smtp_is_address_literal(box->domain));
    for (size_t i = 0; i < whole.len; i++)
        must((unsigned char)whole.ptr[i] >= 0x20 && whole.ptr[i] != 0x7f);
    must(utf8_is_valid(whole) && (utf8 || utf8_is_ascii(whole)));
}

static void check_path(struct slice in, bool null_allowed, bool utf8)
{
    struct smtp_mailbox box;
    struct slice rest;

    if (smtp_path_parse(in, null_allowed, utf8, &box, &rest) != OK)
        return;
    must(rest.len < in.len && rest.ptr == in.ptr + (in.len - rest.len) && rest.ptr[-1] == '>');
    if (box.domain.len > 0)
        check_mailbox(&box, utf8);
    else
        must(null_allowed ? box.local.len == 0 : slice_eq_case(box.local, SLICE_LIT("postmaster")));
}

static void check_xtext(struct slice in)
{
    char *out = malloc(in.len + 1);
    struct slice decoded;

    must(out != NULL);
    if (smtp_xtext_decode(in, out, &decoded))
        must(smtp_xtext_is_valid(in) && decoded.len <= in.len && slice_find(decoded, '\n') == SIZE_MAX);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct slice in = slice_of((const char *)data, len);
    struct smtp_mailbox box;

    for (unsigned flags = 0; flags < 4; flags++)
        check_path(in, (flags & 1) != 0, (flags & 2) != 0);
    if (smtp_mailbox_parse(in, true, &box) == OK)
        check_mailbox(&box, true);
    check_xtext(in);
    return 0;
}
