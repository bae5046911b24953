#include "settings/domain_name.h"

#include "base/utf8.h"
#include "policy/rule.h"

#include <idn2.h>

enum { INPUT_MAX = 1000 }; /* U-labels are longer than the 253 bytes of A-labels */

static enum status refuse(struct slice text, const char *reason, struct fault *why)
{
    char shown[120];
    struct slice s = utf8_printable(text, shown, sizeof shown);

    return fault_set(why, ERR_SYNTAX, "'%.*s' is not a domain name: %s", SLICE_FMT(s), reason);
}

static bool is_plain(struct slice s)
{
    return s.len > 0 && s.ptr[0] != '.' && slice_find(s, '@') == SIZE_MAX && slice_find(s, '*') == SIZE_MAX &&
           slice_find(s, ':') == SIZE_MAX;
}

enum status domain_name_normalise(struct slice text, struct arena *arena, struct slice *out, struct fault *why)
{
    uint8_t *ascii = NULL;
    char name[INPUT_MAX];
    struct slice got;
    int rc;

    if (text.len > 0 && text.ptr[text.len - 1] == '.')
        text = slice_first(text, text.len - 1);
    if (!is_plain(text) || !slice_to_cstr(text, name, sizeof name) || !utf8_is_valid(text))
        return refuse(text, "write it like mail.example.org", why);
    /* Not IDN2_USE_STD3_ASCII_RULES: with it libidn2 drops what is not allowed ("exa_mple" becomes "example"), where
     * we refuse it below. */
    rc = idn2_lookup_u8((const uint8_t *)name, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    if (rc != IDN2_OK)
        return refuse(text, idn2_strerror(rc), why);
    got = arena_copy(arena, slice_str((const char *)ascii));
    idn2_free(ascii);
    if (!rule_pattern_is_valid(got, false, NULL) || !is_plain(got))
        return refuse(text, "it has letters, digits, hyphens inside a label, and single dots between labels", why);
    *out = got;
    return OK;
}

enum status domain_name_normalise_pattern(struct slice pattern, bool lists_allowed, struct arena *arena,
                                          struct slice *out, struct fault *why)
{
    size_t at = slice_find_last(pattern, '@'), head = 0;
    struct slice domain;
    enum status st;

    if (slice_eq(pattern, SLICE_LIT("*")) || slice_starts(pattern, RULE_LIST_PREFIX)) {
        *out = arena_copy(arena, pattern);
        return rule_pattern_is_valid(pattern, lists_allowed, why) ? OK : ERR_SYNTAX;
    }
    if (at != SIZE_MAX)
        head = at + 1;
    else if (pattern.len > 0 && pattern.ptr[0] == '.')
        head = 1;
    domain = slice_from(pattern, head);
    if (domain.len == 0 || slice_find(domain, '*') != SIZE_MAX || slice_find(pattern, '\0') != SIZE_MAX) {
        (void)rule_pattern_is_valid(pattern, lists_allowed, why);
        return ERR_SYNTAX;
    }
    st = domain_name_normalise(domain, arena, &domain, why);
    if (st != OK)
        return st;
    *out = arena_printf(arena, "%.*s%.*s", (int)head, pattern.ptr, SLICE_FMT(domain));
    return rule_pattern_is_valid(*out, lists_allowed, why) ? OK : ERR_SYNTAX;
}
