#include "policy/tls_record.h"

#include "base/utf8.h"
#include "mail/address.h"
#include "policy/field_name.h"
#include "smtp/path.h"

enum { SHOWN_MAX = 80 };

static const char *const outcome_names[] = {
    [RECORD_NONE] = "none",
    [RECORD_VALID] = "valid",
    [RECORD_MANY] = "many",
    [RECORD_INVALID] = "invalid",
};

const char *record_outcome_name(enum record_outcome o)
{
    return outcome_names[o];
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct slice skip_blanks(struct slice s)
{
    while (s.len > 0 && is_blank(s.ptr[0]))
        s = slice_from(s, 1);
    return s;
}

/* -- the grammar that both records share: version, then fields with ";" between ------------------------------ */

static bool has_version(struct slice text, struct slice version)
{
    struct slice rest = skip_blanks(slice_from(text, version.len));

    return slice_starts(text, version) && rest.len > 0 && rest.ptr[0] == ';';
}

/* Of the records the one that begins with the version; the others are somebody else's. */
static enum record_outcome choose(const struct slice *records, size_t len, struct slice version, struct slice *out,
                                  struct fault *why)
{
    size_t found = 0;

    for (size_t i = 0; i < len; i++) {
        if (!has_version(records[i], version))
            continue;
        found++;
        *out = records[i];
    }
    if (found == 1)
        return RECORD_VALID;
    if (found == 0)
        (void)fault_set(why, ERR_NOT_FOUND, "no TXT record begins with '%.*s;'", SLICE_FMT(version));
    else
        (void)fault_set(why, ERR_SYNTAX, "%zu TXT records begin with '%.*s;', so none counts", found,
                        SLICE_FMT(version));
    return found == 0 ? RECORD_NONE : RECORD_MANY;
}

/* tlsrpt-ext-value and sts-ext-value; ";" cannot occur any more. */
static bool is_extension_value(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] <= ' ' || s.ptr[i] >= 0x7f || s.ptr[i] == '=')
            return false;
    return s.len > 0;
}

/* Takes one field off the front of *rest, which begins at a ";". False at the end; a final ";" is no field. */
static bool next_field(struct slice *rest, struct slice *field)
{
    struct slice s = skip_blanks(slice_from(*rest, 1));
    size_t end = slice_find(s, ';');

    *rest = slice_from(s, end);
    *field = slice_first(s, end);
    if (end != SIZE_MAX)
        while (field->len > 0 && is_blank(field->ptr[field->len - 1]))
            *field = slice_first(*field, field->len - 1);
    return s.len > 0;
}

static enum record_outcome refuse(struct slice field, const char *flaw, struct fault *why)
{
    char shown[SHOWN_MAX];
    struct slice s = utf8_printable(field, shown, sizeof shown);

    (void)fault_set(why, ERR_SYNTAX, "the TXT record is malformed: %s: '%.*s'", flaw, SLICE_FMT(s));
    return RECORD_INVALID;
}

/* Finds the first field called `wanted`, and holds all others against the grammar of extensions. */
static enum record_outcome find_field(struct slice text, struct slice version, struct slice wanted, struct slice *out,
                                      struct fault *why)
{
    struct slice rest = skip_blanks(slice_from(text, version.len)), field;
    bool is_found = false;

    while (next_field(&rest, &field)) {
        struct slice value, name = slice_cut(field, '=', &value);
        bool is_wanted = slice_eq(name, wanted);

        if (!field_name_is_valid(name) || name.len == field.len)
            return refuse(field, "a field is no name=value", why);
        if (!is_wanted && !is_extension_value(value))
            return refuse(field, "a value is empty or holds a blank, '=' or a control character", why);
        if (is_wanted && !is_found)
            *out = value;
        is_found = is_found || is_wanted;
    }
    if (is_found)
        return RECORD_VALID;
    (void)fault_set(why, ERR_SYNTAX, "the TXT record that begins with '%.*s;' has no '%.*s='", SLICE_FMT(version),
                    SLICE_FMT(wanted));
    return RECORD_INVALID;
}

/* -- _mta-sts ----------------------------------------------------------------------------------------------- */

enum record_outcome sts_record_choose(const struct slice *records, size_t len, char id[static STS_ID_TEXT],
                                      struct fault *why)
{
    struct slice version = SLICE_LIT("v=STSv1"), text = { 0 }, value = { 0 };
    enum record_outcome outcome = choose(records, len, version, &text, why);

    if (outcome == RECORD_VALID)
        outcome = find_field(text, version, SLICE_LIT("id"), &value, why);
    if (outcome != RECORD_VALID)
        return outcome;
    for (size_t i = 0; i < value.len; i++)
        if (!is_letter_or_digit(value.ptr[i]))
            return refuse(value, "the id has other characters than letters and digits", why);
    if (value.len == 0 || !slice_to_cstr(value, id, STS_ID_TEXT))
        return refuse(value, "the id has not 1 to 32 characters", why);
    return RECORD_VALID;
}

/* -- _smtp._tls --------------------------------------------------------------------------------------------- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* RFC 3986 appendix A, without '[' and ']', and without ',', '!' and ';' (RFC 8460 section 3). */
static bool is_uri_char(char c)
{
    return is_letter_or_digit(c) || (c != '\0' && strchr("-._~:/?#@$&'()*+=%", c) != NULL);
}

static bool is_uri_text(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is_uri_char(s.ptr[i]))
            return false;
        if (s.ptr[i] == '%' && (s.len - i < 3 || hex_digit(s.ptr[i + 1]) < 0 || hex_digit(s.ptr[i + 2]) < 0))
            return false;
    }
    return true;
}

/* Of text that is_uri_text(). */
static struct slice percent_decode(struct slice s, struct arena *arena)
{
    char *out = arena_alloc(arena, s.len + 1);
    size_t at = 0;

    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] != '%') {
            out[at++] = s.ptr[i];
            continue;
        }
        out[at++] = (char)(hex_digit(s.ptr[i + 1]) << 4 | hex_digit(s.ptr[i + 2]));
        i += 2;
    }
    return slice_of(out, at);
}

/* A mail address without header fields, which could set Bcc, Subject and more (RFC 6068 section 7). The grammar of the
 * address leaves no CR, LF, NUL or other control character that percent-encoding brings. */
static bool read_mailto(struct slice rest, struct arena *arena, struct tlsrpt_uri *uri)
{
    struct slice text = slice_first(rest, slice_find(rest, '#'));
    struct mail_address parsed;

    text = percent_decode(slice_first(text, slice_find(text, '?')), arena);
    if (!utf8_is_ascii(text) || mail_address_parse(arena, text, &parsed, NULL) != OK)
        return false;
    uri->address = text;
    return parsed.local.len > 0 && parsed.domain.len > 0 && !parsed.is_literal;
}

/* A name whose last label is a number reads as an IPv4 address somewhere ("127.1", "0x7f.1"). */
static bool is_like_address(struct slice host)
{
    struct slice label = slice_from(host, slice_find_last(host, '.') + 1);

    return label.ptr[0] >= '0' && label.ptr[0] <= '9';
}

/* The port may be the one of https alone, and there is no user: a domain does not choose what else of ours, or of our
 * neighbours, gets a request (RPT-10). */
static bool read_authority(struct slice authority, struct arena *arena, struct tlsrpt_uri *uri)
{
    struct slice port, host = slice_cut(authority, ':', &port);

    if (host.len < authority.len && port.len > 0 && !slice_eq(port, SLICE_LIT("443")))
        return false;
    if (!smtp_domain_is_valid(host, false) || is_like_address(host))
        return false;
    uri->host = slice_lower(host, arena_alloc(arena, host.len));
    return true;
}

static bool read_https(struct slice rest, struct arena *arena, struct tlsrpt_uri *uri)
{
    struct slice text = slice_first(rest, slice_find(rest, '#')), path;
    size_t end = 0;

    while (end < text.len && text.ptr[end] != '/' && text.ptr[end] != '?')
        end++;
    path = slice_from(text, end);
    uri->path =
        path.len > 0 && path.ptr[0] == '/' ? arena_copy(arena, path) : arena_printf(arena, "/%.*s", SLICE_FMT(path));
    return read_authority(slice_first(text, end), arena, uri);
}

static const struct scheme {
    const char *prefix;
    enum tlsrpt_scheme scheme;
    bool (*read)(struct slice rest, struct arena *arena, struct tlsrpt_uri *uri);
} schemes[] = {
    { "mailto:", TLSRPT_MAILTO, read_mailto },
    { "https://", TLSRPT_HTTPS, read_https },
};

/* False: not one of ours, or not well-formed. */
static bool read_uri(struct slice text, struct arena *arena, struct tlsrpt_uri *uri)
{
    if (text.len > TLSRPT_URI_LENGTH_MOST || !is_uri_text(text))
        return false;
    for (size_t i = 0; i < COUNT_OF(schemes); i++) {
        struct slice prefix = slice_str(schemes[i].prefix);

        if (!slice_starts_case(text, prefix))
            continue;
        *uri = (struct tlsrpt_uri){ .scheme = schemes[i].scheme, .uri = arena_copy(arena, text) };
        return schemes[i].read(slice_from(text, prefix.len), arena, uri);
    }
    return false;
}

static bool is_printable(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((s.ptr[i] < ' ' || s.ptr[i] >= 0x7f) && s.ptr[i] != '\t')
            return false;
    return true;
}

static bool is_same_target(const struct tlsrpt_uri *a, const struct tlsrpt_uri *b)
{
    return a->scheme == b->scheme && slice_eq(a->address, b->address) && slice_eq(a->host, b->host) &&
           slice_eq(a->path, b->path);
}

/* Who is named twice gets one report. */
static bool is_named(const struct tlsrpt_uri *uris, size_t len, const struct tlsrpt_uri *uri)
{
    for (size_t i = 0; i < len; i++)
        if (is_same_target(&uris[i], uri))
            return true;
    return false;
}

static void read_uris(struct slice list, struct arena *arena, struct tlsrpt_record *out)
{
    struct tlsrpt_uri *uris = ARENA_ARRAY(arena, struct tlsrpt_uri, TLSRPT_URI_MOST);

    while (list.len > 0 && out->uris_len < TLSRPT_URI_MOST) {
        struct slice text = slice_trim(slice_cut(list, ',', &list));
        struct tlsrpt_uri *uri = &uris[out->uris_len];

        if (read_uri(text, arena, uri) && !is_named(uris, out->uris_len, uri))
            out->uris_len++;
    }
    out->uris = uris;
}

enum record_outcome tlsrpt_record_choose(const struct slice *records, size_t len, struct arena *arena,
                                         struct tlsrpt_record *out, struct fault *why)
{
    struct slice version = SLICE_LIT("v=TLSRPTv1"), text = { 0 }, value = { 0 };
    enum record_outcome outcome = choose(records, len, version, &text, why);

    if (outcome == RECORD_VALID)
        outcome = find_field(text, version, SLICE_LIT("rua"), &value, why);
    if (outcome == RECORD_VALID && text.len > TLSRPT_RECORD_MOST)
        outcome = refuse(text, "it is longer than 4096 bytes", why);
    if (outcome == RECORD_VALID && !is_printable(value))
        outcome = refuse(value, "'rua' holds what is no printable ASCII", why);
    if (outcome != RECORD_VALID)
        return outcome;
    *out = (struct tlsrpt_record){ .text = arena_copy(arena, text) };
    read_uris(value, arena, out);
    return RECORD_VALID;
}
