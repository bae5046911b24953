#include "policy/caa.h"

#include "base/status.h"

#include <string.h>

enum { TAG_AT = 2, LETTERS_MOST = 512, LABEL_LEAST = 4, NAMES_MOST = 8 };

bool caa_record_read(struct slice rdata, struct caa_record *out)
{
    size_t tag_len = rdata.len < TAG_AT ? 0 : (unsigned char)rdata.ptr[1];

    if (tag_len == 0 || tag_len > rdata.len - TAG_AT)
        return false;
    *out = (struct caa_record){
        .flags = (uint8_t)rdata.ptr[0],
        .tag = slice_of(rdata.ptr + TAG_AT, tag_len),
        .value = slice_from(rdata, TAG_AT + tag_len),
    };
    return true;
}

struct slice caa_issuer(const struct caa_record *r)
{
    struct slice parameters;

    return slice_trim(slice_cut(r->value, ';', &parameters));
}

/* -- by which names authorities go ---------------------------------------------------------------------------- */

/* What stands in an issuer's name, lower-case letters and digits alone, and what the authority calls itself in CAA. */
static const struct {
    const char *in_name;
    const char *caa[NAMES_MOST];
} authorities[] = {
    { "letsencrypt", { "letsencrypt.org" } },
    { "internetsecurityresearchgroup", { "letsencrypt.org" } },
    { "digicert", { "digicert.com", "digicert.ne.jp", "symantec.com", "geotrust.com", "rapidssl.com", "thawte.com" } },
    { "geotrust", { "digicert.com", "geotrust.com" } },
    { "thawte", { "digicert.com", "thawte.com" } },
    { "sectigo", { "sectigo.com", "comodoca.com", "comodo.com", "usertrust.com", "trust-provider.com" } },
    { "comodo", { "sectigo.com", "comodoca.com", "comodo.com", "usertrust.com", "trust-provider.com" } },
    { "usertrust", { "sectigo.com", "comodoca.com", "comodo.com", "usertrust.com", "trust-provider.com" } },
    { "zerossl", { "sectigo.com", "zerossl.com", "comodoca.com", "comodo.com", "usertrust.com" } },
    { "googletrustservices", { "pki.goog", "google.com" } },
    { "globalsign", { "globalsign.com" } },
    { "oamazon", { "amazon.com", "amazontrust.com", "awstrust.com", "amazonaws.com" } },
    { "godaddy", { "godaddy.com", "starfieldtech.com" } },
    { "starfield", { "starfieldtech.com", "godaddy.com" } },
    { "entrust", { "entrust.net", "entrust.com", "affirmtrust.com", "sectigo.com" } },
    { "buypass", { "buypass.com", "buypass.no" } },
    { "sslcorp", { "ssl.com" } },
    { "actalis", { "actalis.it" } },
    { "microsoftcorporation", { "microsoft.com", "digicert.com" } },
    { "dtrust", { "d-trust.net", "dtrust.de", "d-trust.de" } },
    { "telekomsecurity", { "telesec.de" } },
    { "swisssign", { "swisssign.com" } },
    { "harica", { "harica.gr" } },
    { "hellenicacademic", { "harica.gr" } },
};

/* Letters and digits alone, in lower case. */
static struct slice letters_of(struct slice in, char out[static LETTERS_MOST])
{
    size_t len = 0;

    for (size_t i = 0; i < in.len && len < LETTERS_MOST; i++) {
        char c = in.ptr[i];

        if (c >= 'A' && c <= 'Z')
            out[len++] = (char)(c + ('a' - 'A'));
        else if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
            out[len++] = c;
    }
    return slice_of(out, len);
}

static bool holds(struct slice in, struct slice what)
{
    return what.len > 0 && in.len >= what.len && memmem(in.ptr, in.len, what.ptr, what.len) != NULL;
}

static bool is_listed(const char *const names[static NAMES_MOST], struct slice name)
{
    for (size_t i = 0; i < NAMES_MOST && names[i] != NULL; i++)
        if (slice_eq_case(name, slice_str(names[i])))
            return true;
    return false;
}

/* An authority that is not in the table most often has the name of its domain in its own. */
static bool resembles(struct slice issuer_letters, struct slice caa)
{
    char out[LETTERS_MOST];
    size_t dot = slice_find_last(caa, '.');
    struct slice label = slice_first(caa, dot == SIZE_MAX ? 0 : dot);
    size_t before = slice_find_last(label, '.');

    label = letters_of(before == SIZE_MAX ? label : slice_from(label, before + 1), out);
    return label.len >= LABEL_LEAST && holds(issuer_letters, label);
}

static bool is_issuer(struct slice letters, struct slice caa, bool *is_known)
{
    bool is_it = resembles(letters, caa);

    for (size_t i = 0; i < COUNT_OF(authorities); i++) {
        if (!holds(letters, slice_str(authorities[i].in_name)))
            continue;
        *is_known = true;
        is_it |= is_listed(authorities[i].caa, caa);
    }
    return is_it;
}

/* -- the judgement ---------------------------------------------------------------------------------------------- */

/* Section 4.1: who does not know a critical property does not issue. */
static bool is_known_tag(struct slice tag)
{
    static const char *const known[] = { "issue",        "issuewild",    "iodef",   "issuemail",
                                         "contactemail", "contactphone", "issuevmc" };

    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (slice_eq_case(tag, slice_str(known[i])))
            return true;
    return false;
}

static bool has_unknown_demand(const struct caa_record *records, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((records[i].flags & CAA_CRITICAL) && !is_known_tag(records[i].tag))
            return true;
    return false;
}

static bool has_tag(const struct caa_record *records, size_t len, struct slice tag)
{
    for (size_t i = 0; i < len; i++)
        if (slice_eq_case(records[i].tag, tag))
            return true;
    return false;
}

enum caa_answer caa_judge(const struct caa_record *records, size_t len, struct slice issuer, bool is_wildcard)
{
    const struct slice wild = SLICE_LIT("issuewild");
    struct slice tag = is_wildcard && has_tag(records, len, wild) ? wild : SLICE_LIT("issue");
    char out[LETTERS_MOST];
    struct slice letters = letters_of(issuer, out);
    bool is_any = false, is_named = false, is_known = false;

    if (has_unknown_demand(records, len))
        return CAA_NOBODY;
    for (size_t i = 0; i < len; i++) {
        if (!slice_eq_case(records[i].tag, tag))
            continue;
        is_any = true;
        is_named |= caa_issuer(&records[i]).len > 0;
        if (is_issuer(letters, caa_issuer(&records[i]), &is_known))
            return CAA_ALLOWED;
    }
    if (!is_any)
        return CAA_ANYBODY;
    if (!is_named)
        return CAA_NOBODY;
    return is_known ? CAA_OTHERS : CAA_UNCLEAR;
}
