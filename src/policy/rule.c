#include "policy/rule.h"

#include "base/utf8.h"

enum { LABEL_MAX = 63, DOMAIN_MAX = 253, LOCAL_MAX = 128, LIST_NAME_MAX = 64 };

static const char *const level_names[] = { [LEVEL_NONE] = "none",
                                           [LEVEL_MAY] = "may",
                                           [LEVEL_ENCRYPT] = "encrypt",
                                           [LEVEL_VERIFY] = "verify",
                                           [LEVEL_DANE] = "dane" };

const char *tls_level_name(enum tls_level level)
{
    return level_names[level];
}

bool tls_level_parse(struct slice s, enum tls_level *out)
{
    for (enum tls_level l = LEVEL_NONE; l <= LEVEL_DANE; l++) {
        if (slice_eq(s, slice_str(level_names[l]))) {
            *out = l;
            return true;
        }
    }
    return false;
}

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool label_is_valid(struct slice label)
{
    if (label.len == 0 || label.len > LABEL_MAX)
        return false;
    for (size_t i = 0; i < label.len; i++) {
        bool is_edge = i == 0 || i + 1 == label.len;

        if (!is_alnum(label.ptr[i]) && (is_edge || label.ptr[i] != '-'))
            return false;
    }
    return true;
}

static bool is_all_digits(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
    }
    return true;
}

/* Why a domain is refused, in words; NULL when it is one (RFC 5321 section 2.3.5, as A-labels). */
static const char *domain_flaw(struct slice domain)
{
    struct slice rest = domain, label = domain;

    if (domain.len == 0)
        return "the domain is missing";
    if (domain.len > DOMAIN_MAX)
        return "the domain is longer than 253 bytes";
    if (!utf8_is_ascii(domain))
        return "the domain must be written in A-labels (xn--...)";
    for (size_t i = 0; i < domain.len; i++) {
        if (domain.ptr[i] >= 'A' && domain.ptr[i] <= 'Z')
            return "the domain must be in lower case";
    }
    if (domain.ptr[domain.len - 1] == '.')
        return "the domain must not end with a dot";
    while (rest.len > 0) {
        label = slice_cut(rest, '.', &rest);
        if (!label_is_valid(label))
            return "the domain may hold letters, digits, hyphens inside a label, and single dots between labels";
    }
    if (is_all_digits(label))
        return "an IP address is not a domain";
    return NULL;
}

static const char *local_flaw(struct slice local)
{
    struct slice rest = local;

    if (local.len == 0)
        return "there is nothing in front of '@'";
    if (local.len > LOCAL_MAX)
        return "the part in front of '@' is longer than 128 bytes";
    while (rest.len > 0) {
        size_t n = utf8_printable_len(rest);

        if (n == 0 || (n == 1 && memchr(" <>,;", rest.ptr[0], 5) != NULL))
            return "the part in front of '@' holds a character that no address has";
        rest = slice_from(rest, n);
    }
    return NULL;
}

static const char *list_flaw(struct slice name)
{
    if (name.len == 0)
        return "the name of the list is missing behind 'list:'";
    if (name.len > LIST_NAME_MAX)
        return "the name of the list is longer than 64 bytes";
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];

        if (!is_alnum(c) && !(c >= 'A' && c <= 'Z') && c != '-' && c != '_' && c != '.')
            return "the name of a list has letters, digits, '-', '_' and '.' only";
    }
    return NULL;
}

static const char *pattern_flaw(struct slice pattern, bool lists_allowed)
{
    size_t at = slice_find_last(pattern, '@');
    const char *flaw;

    if (slice_eq(pattern, SLICE_LIT("*")))
        return NULL;
    if (pattern.len == 0)
        return "it is empty; write '*' for everyone";
    if (slice_starts(pattern, RULE_LIST_PREFIX))
        return lists_allowed ? list_flaw(slice_from(pattern, RULE_LIST_PREFIX.len)) : "a list cannot be named here";
    if (at != SIZE_MAX) {
        flaw = local_flaw(slice_first(pattern, at));
        return flaw != NULL ? flaw : domain_flaw(slice_from(pattern, at + 1));
    }
    if (slice_find(pattern, '*') != SIZE_MAX)
        return "'*' stands alone; write '.example.org' for all subdomains";
    return domain_flaw(pattern.ptr[0] == '.' ? slice_from(pattern, 1) : pattern);
}

bool rule_pattern_is_valid(struct slice pattern, bool lists_allowed, struct fault *why)
{
    const char *flaw = pattern_flaw(pattern, lists_allowed);
    char shown[120];
    struct slice text;

    if (flaw == NULL)
        return true;
    text = utf8_printable(pattern, shown, sizeof shown);
    (void)fault_set(why, ERR_SYNTAX, "'%.*s' is no address, domain, '.domain'%s or '*': %s", SLICE_FMT(text),
                    lists_allowed ? ", 'list:NAME'" : "", flaw);
    return false;
}

bool rule_pattern_matches(struct slice pattern, struct rule_address address)
{
    size_t at = slice_find_last(pattern, '@');

    if (slice_eq(pattern, SLICE_LIT("*")))
        return true;
    if (address.domain.len == 0 || pattern.len == 0)
        return false;
    if (at != SIZE_MAX)
        return slice_eq(slice_first(pattern, at), address.local) &&
               slice_eq(slice_from(pattern, at + 1), address.domain);
    if (pattern.ptr[0] == '.')
        return address.domain.len > pattern.len && slice_ends_case(address.domain, pattern);
    return slice_eq(pattern, address.domain);
}
