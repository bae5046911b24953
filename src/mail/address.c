#include "mail/address.h"

#include "base/utf8.h"
#include "smtp/path.h"

#include <idn2.h>
#include <stdlib.h>

/* A label whose A-label has more than 63 bytes, or the domain more than 255. */
static bool is_too_long(int rc)
{
    return rc == IDN2_TOO_BIG_LABEL || rc == IDN2_TOO_BIG_DOMAIN || rc == IDN2_PUNYCODE_BIG_OUTPUT;
}

/* Into A-labels. `text` is NUL-terminated; the result is libidn2's and freed with idn2_free(). */
static enum status to_ascii(const char *text, char **ascii, struct fault *why)
{
    int rc = idn2_lookup_u8((const uint8_t *)text, (uint8_t **)ascii, IDN2_NONTRANSITIONAL | IDN2_NFC_INPUT);

    if (rc == IDN2_OK)
        return OK;
    return fault_set(why, is_too_long(rc) ? ERR_LIMIT : ERR_SYNTAX, "the domain '%s' has no form for the DNS: %s",
                     text, idn2_strerror(rc));
}

/* Mapping can turn other characters into dots and more, so the outcome passes the grammar again. */
static enum status domain_from_utf8(struct arena *arena, struct slice in, struct slice *out, struct fault *why)
{
    struct slice text = arena_copy(arena, in);
    char *ascii = NULL;
    enum status st = to_ascii(text.ptr, &ascii, why);

    if (st != OK)
        return st;
    if (smtp_domain_is_valid(slice_str(ascii), false))
        *out = arena_copy(arena, slice_str(ascii));
    else
        st = fault_set(why, ERR_SYNTAX, "the domain '%s' is not a valid domain name", text.ptr);
    idn2_free(ascii);
    return st;
}

enum status mail_domain_parse(struct arena *arena, struct slice in, struct slice *out, struct fault *why)
{
    char shown[SMTP_DOMAIN_MAX], *lower;
    struct slice name = utf8_printable(in, shown, sizeof shown);

    if (in.len > SMTP_DOMAIN_MAX)
        return fault_set(why, ERR_LIMIT, "the domain '%.*s...' is longer than %d bytes",
                         SLICE_FMT(slice_first(name, 40)), SMTP_DOMAIN_MAX);
    if (!smtp_domain_is_valid(in, true))
        return fault_set(why, ERR_SYNTAX, "'%.*s' is not a valid domain name", SLICE_FMT(name));
    if (!utf8_is_ascii(in))
        return domain_from_utf8(arena, in, out, why);
    lower = arena_alloc(arena, in.len + 1);
    *out = slice_lower(in, lower);
    return OK;
}

/* Takes the quotes and backslashes off; what is left may be shorter. */
static struct slice unquote(struct arena *arena, struct slice quoted)
{
    char *out = arena_alloc(arena, quoted.len);
    size_t at = 0;

    for (size_t i = 1; i + 1 < quoted.len; i++) {
        if (quoted.ptr[i] == '\\')
            i++;
        out[at++] = quoted.ptr[i];
    }
    return slice_of(out, at);
}

/* RFC 5321 section 4.1.2: "a"@b.example and a@b.example are one mailbox, so that a rule for the one holds for the
 * other. */
static struct slice plain_local(struct arena *arena, struct slice local)
{
    struct smtp_mailbox box;
    struct slice bare, whole;

    if (local.ptr[0] != '"')
        return arena_copy(arena, local);
    bare = unquote(arena, local);
    whole = arena_printf(arena, "%.*s@a", SLICE_FMT(bare));
    if (smtp_mailbox_parse(whole, true, &box) == OK && slice_eq(box.local, bare) && bare.ptr[0] != '"')
        return bare;
    return arena_copy(arena, local);
}

enum status mail_address_parse(struct arena *arena, struct slice in, struct mail_address *out, struct fault *why)
{
    char shown[SMTP_PATH_MAX];
    struct slice name = utf8_printable(in, shown, sizeof shown);
    struct mail_address a = { .is_literal = false };
    struct smtp_mailbox box = { .local = in };
    enum status st;

    if (in.len > 0 && !slice_eq_case(in, SLICE_LIT("postmaster"))) {
        st = smtp_mailbox_parse(in, true, &box);
        if (st != OK)
            return fault_set(why, st, "'%.*s' is not a valid mail address%s", SLICE_FMT(name),
                             st == ERR_LIMIT ? ": it is too long" : "");
        a.is_literal = box.domain.ptr[0] == '[';
        st = a.is_literal ? OK : mail_domain_parse(arena, box.domain, &a.domain, why);
        if (st != OK)
            return st;
    }
    if (a.is_literal)
        a.domain = arena_copy(arena, box.domain);
    if (box.local.len > 0)
        a.local = plain_local(arena, box.local);
    *out = a;
    return OK;
}

bool mail_address_eq(const struct mail_address *a, const struct mail_address *b)
{
    struct slice postmaster = SLICE_LIT("postmaster");
    bool same =
        slice_eq(a->local, b->local) || (slice_eq_case(a->local, postmaster) && slice_eq_case(b->local, postmaster));

    return same && slice_eq_case(a->domain, b->domain);
}
