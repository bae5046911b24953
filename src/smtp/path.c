#include "smtp/path.h"

#include "base/utf8.h"

#include <arpa/inet.h>

enum { LABEL_MAX = 63, IPV6_TEXT_MAX = 46 };

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_let_dig(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9');
}

/* RFC 5322 section 3.2.3. */
static bool is_atext(char c)
{
    return is_let_dig(c) || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/* Characters of two and three bytes that steer the display or are none, so that what is shown is
 * not what is meant: marks and overrides of direction, separators, the byte order mark (SRV-20). */
static const struct {
    const char *first, *last;
} hidden[] = {
    { "\xd8\x9c", "\xd8\x9c" },         /* U+061C */
    { "\xe2\x80\x8b", "\xe2\x80\x8b" }, /* U+200B; the joiners behind it are letters' helpers in some scripts */
    { "\xe2\x80\x8e", "\xe2\x80\x8f" }, /* U+200E, U+200F */
    { "\xe2\x80\xa8", "\xe2\x80\xae" }, /* U+2028 to U+202E */
    { "\xe2\x81\xa0", "\xe2\x81\xaf" }, /* U+2060 to U+206F */
    { "\xef\xb7\x90", "\xef\xb7\xaf" }, /* U+FDD0 to U+FDEF */
    { "\xef\xbb\xbf", "\xef\xbb\xbf" }, /* U+FEFF */
    { "\xef\xbf\xb9", "\xef\xbf\xbf" }, /* U+FFF9 to U+FFFF */
};

static bool is_hidden(struct slice c)
{
    for (size_t i = 0; i < COUNT_OF(hidden); i++)
        if (strlen(hidden[i].first) == c.len && memcmp(c.ptr, hidden[i].first, c.len) >= 0 &&
            memcmp(c.ptr, hidden[i].last, c.len) <= 0)
            return true;
    return false;
}

/* Bytes of the UTF8-non-ascii character (RFC 6531 section 3.3) at the front of `s`; 0: none that is allowed. */
static size_t foreign_len(struct slice s, bool utf8)
{
    size_t len = utf8 ? utf8_printable_len(s) : 0;

    return len > 1 && !is_hidden(slice_first(s, len)) ? len : 0;
}

/* Length of the atom at the front. */
static size_t atom_len(struct slice s, bool utf8)
{
    size_t at = 0;

    while (at < s.len) {
        size_t len = is_atext(s.ptr[at]) ? 1 : foreign_len(slice_from(s, at), utf8);

        if (len == 0)
            break;
        at += len;
    }
    return at;
}

static bool has_at(struct slice s, size_t at, char c)
{
    return at < s.len && s.ptr[at] == c;
}

/* Length of the Dot-string at the front; 0: there is none. */
static size_t dot_string_len(struct slice s, bool utf8)
{
    size_t at = atom_len(s, utf8);

    while (at > 0 && has_at(s, at, '.')) {
        size_t len = atom_len(slice_from(s, at + 1), utf8);

        if (len == 0)
            return 0;
        at += 1 + len;
    }
    return at;
}

/* Length of one QcontentSMTP at the front; 0: none. */
static size_t qcontent_len(struct slice s, bool utf8)
{
    if (s.ptr[0] == '\\')
        return s.len > 1 && s.ptr[1] >= 0x20 && s.ptr[1] < 0x7f ? 2 : 0;
    if (s.ptr[0] >= 0x20 && s.ptr[0] < 0x7f && s.ptr[0] != '"')
        return 1;
    return foreign_len(s, utf8);
}

/* Length of the Quoted-string at the front, with its quotes; 0: there is none. */
static size_t quoted_len(struct slice s, bool utf8)
{
    size_t at = 1;

    if (!has_at(s, 0, '"'))
        return 0;
    while (at < s.len && s.ptr[at] != '"') {
        size_t len = qcontent_len(slice_from(s, at), utf8);

        if (len == 0)
            return 0;
        at += len;
    }
    return at < s.len ? at + 1 : 0;
}

static bool is_ldh_or_foreign(struct slice s, bool utf8, size_t *len)
{
    *len = is_let_dig(s.ptr[0]) || s.ptr[0] == '-' ? 1 : foreign_len(s, utf8);
    return *len > 0;
}

/* Length of the sub-domain at the front; 0: there is none. */
static size_t label_len(struct slice s, bool utf8)
{
    size_t at = 0, len;

    while (at < s.len && is_ldh_or_foreign(slice_from(s, at), utf8, &len))
        at += len;
    if (at == 0 || s.ptr[0] == '-' || s.ptr[at - 1] == '-')
        return 0;
    /* The limit of the DNS is on the A-label, which only IDNA can tell of a U-label. */
    return at > LABEL_MAX && utf8_is_ascii(slice_first(s, at)) ? 0 : at;
}

/* Length of the Domain at the front; 0: there is none. */
static size_t domain_len(struct slice s, bool utf8)
{
    size_t at = label_len(s, utf8);

    while (at > 0 && has_at(s, at, '.')) {
        size_t len = label_len(slice_from(s, at + 1), utf8);

        if (len == 0)
            return 0;
        at += 1 + len;
    }
    return at;
}

bool smtp_domain_is_valid(struct slice domain, bool utf8)
{
    return domain.len > 0 && domain.len <= SMTP_DOMAIN_MAX && domain_len(domain, utf8) == domain.len;
}

bool smtp_is_address_literal(struct slice domain)
{
    struct slice tag = SLICE_LIT("IPv6:"), inner;
    char text[IPV6_TEXT_MAX];
    unsigned char address[16];
    int family = AF_INET;

    if (domain.len < 2 || domain.ptr[0] != '[' || domain.ptr[domain.len - 1] != ']')
        return false;
    inner = slice_of(domain.ptr + 1, domain.len - 2);
    if (slice_starts_case(inner, tag)) {
        inner = slice_from(inner, tag.len);
        family = AF_INET6;
    }
    return slice_to_cstr(inner, text, sizeof text) && inet_pton(family, text, address) == 1;
}

/* Length of the address literal at the front, with its brackets; 0: there is none. */
static size_t literal_len(struct slice s)
{
    size_t at = slice_find(s, ']');

    return at != SIZE_MAX && smtp_is_address_literal(slice_first(s, at + 1)) ? at + 1 : 0;
}

/* Reads a Mailbox at the front of `in`; *len is how long it is. */
static enum status mailbox_at_front(struct slice in, bool utf8, struct smtp_mailbox *out, size_t *len)
{
    struct slice rest;
    size_t local, domain;

    local = has_at(in, 0, '"') ? quoted_len(in, utf8) : dot_string_len(in, utf8);
    if (local == 0 || !has_at(in, local, '@'))
        return ERR_SYNTAX;
    rest = slice_from(in, local + 1);
    domain = has_at(rest, 0, '[') ? literal_len(rest) : domain_len(rest, utf8);
    if (domain == 0)
        return ERR_SYNTAX;
    if (local > SMTP_LOCAL_MAX || domain > SMTP_DOMAIN_MAX)
        return ERR_LIMIT;
    out->local = slice_first(in, local);
    out->domain = slice_first(rest, domain);
    *len = local + 1 + domain;
    return OK;
}

/* Length of the source route "@a,@b:" at the front, 0 without one; false when it is malformed. */
static bool route_len(struct slice s, bool utf8, size_t *len)
{
    size_t at = 0;

    *len = 0;
    if (!has_at(s, 0, '@'))
        return true;
    for (;;) {
        size_t domain = has_at(s, at, '@') ? domain_len(slice_from(s, at + 1), utf8) : 0;

        if (domain == 0)
            return false;
        at += 1 + domain;
        if (has_at(s, at, ':'))
            break;
        if (!has_at(s, at, ','))
            return false;
        at++;
    }
    *len = at + 1;
    return true;
}

/* "<>" or "<postmaster>", whichever may stand in place of a mailbox. */
static bool is_special(struct slice in, bool null_allowed, struct smtp_mailbox *out, struct slice *rest)
{
    struct slice special = null_allowed ? SLICE_LIT("<>") : SLICE_LIT("<postmaster>");

    if (!slice_starts_case(in, special))
        return false;
    out->local = slice_of(in.ptr + 1, special.len - 2);
    out->domain = slice_of(in.ptr + special.len - 1, 0);
    *rest = slice_from(in, special.len);
    return true;
}

enum status smtp_path_parse(struct slice in, bool null_allowed, bool utf8, struct smtp_mailbox *out,
                            struct slice *rest)
{
    struct smtp_mailbox box;
    size_t route, len;
    enum status st;

    if (is_special(in, null_allowed, out, rest))
        return OK;
    if (!has_at(in, 0, '<') || !route_len(slice_from(in, 1), utf8, &route))
        return ERR_SYNTAX;
    st = mailbox_at_front(slice_from(in, 1 + route), utf8, &box, &len);
    if (st != OK)
        return st;
    if (!has_at(in, 1 + route + len, '>'))
        return ERR_SYNTAX;
    if (route + len + 2 > SMTP_PATH_MAX)
        return ERR_LIMIT;
    *out = box;
    *rest = slice_from(in, route + len + 2);
    return OK;
}

enum status smtp_mailbox_parse(struct slice in, bool utf8, struct smtp_mailbox *out)
{
    struct smtp_mailbox box;
    size_t len;
    enum status st = mailbox_at_front(in, utf8, &box, &len);

    if (st != OK)
        return st;
    if (len != in.len)
        return ERR_SYNTAX;
    if (len + 2 > SMTP_PATH_MAX)
        return ERR_LIMIT;
    *out = box;
    return OK;
}

bool smtp_local_may_route(struct slice local)
{
    static const char signs[] = "@%!:";

    for (size_t i = 0; signs[i] != '\0'; i++)
        if (slice_find(local, signs[i]) != SIZE_MAX)
            return true;
    return false;
}
