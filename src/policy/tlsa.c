#include "policy/tlsa.h"

#include "base/status.h"

enum { USAGE_DANE_TA = 2, USAGE_DANE_EE = 3, SELECTOR_CERT = 0, SELECTOR_SPKI = 1 };
enum { TYPE_FULL = 0, TYPE_SHA2_256 = 1, TYPE_SHA2_512 = 2, FIELDS = 3 };
enum { DER_BIT_STRING = 0x03, DER_SEQUENCE = 0x30 };

const char *dane_state_name(enum dane_state s)
{
    static const char *const names[] = {
        [DANE_UNKNOWN] = "unknown",   [DANE_NONE] = "none",     [DANE_USABLE] = "usable",
        [DANE_UNUSABLE] = "unusable", [DANE_FAILED] = "failed", [DANE_BOGUS] = "bogus",
    };

    return names[s];
}

/* Takes one DER element of this tag off *in; *content is what it holds. Definite lengths of up to four bytes. */
static bool take_der(struct slice *in, unsigned char tag, struct slice *content)
{
    size_t len, at = 2;

    if (in->len < 2 || (unsigned char)in->ptr[0] != tag)
        return false;
    len = (unsigned char)in->ptr[1];
    if (len >= 0x80) {
        size_t bytes = len & 0x7f;

        if (bytes == 0 || bytes > 4 || bytes > in->len - at)
            return false;
        for (len = 0; bytes > 0; bytes--)
            len = len << 8 | (unsigned char)in->ptr[at++];
    }
    if (len > in->len - at)
        return false;
    *content = slice_of(in->ptr + at, len);
    *in = slice_from(*in, at + len);
    return true;
}

/* RFC 5280 section 4.1: a Certificate is what is signed, the algorithm and the signature; a SubjectPublicKeyInfo is
 * the algorithm and the key. */
static bool has_shape(struct slice der, int sequences)
{
    struct slice inner, part;

    if (!take_der(&der, DER_SEQUENCE, &inner) || der.len > 0)
        return false;
    for (int i = 0; i < sequences; i++)
        if (!take_der(&inner, DER_SEQUENCE, &part))
            return false;
    return take_der(&inner, DER_BIT_STRING, &part) && part.len > 1 && inner.len == 0;
}

/* RFC 7672 section 3.1.3: usages 0 and 1 cannot be used with SMTP. */
static bool is_usable(const struct tlsa_record *r)
{
    if ((r->usage != USAGE_DANE_TA && r->usage != USAGE_DANE_EE) || r->selector > SELECTOR_SPKI)
        return false;
    switch (r->type) {
    case TYPE_FULL: return has_shape(r->data, r->selector == SELECTOR_CERT ? 2 : 1);
    case TYPE_SHA2_256: return r->data.len == 32;
    case TYPE_SHA2_512: return r->data.len == 64;
    default: return false;
    }
}

/* RFC 7671 section 9: of the digests of one usage and selector only the strongest counts; full data is no digest, and
 * always does. The numbers of the types rise with their strength. */
static bool is_outdone(const struct tlsa_record *r, const struct tlsa_record *all, size_t len)
{
    if (r->type == TYPE_FULL)
        return false;
    for (size_t i = 0; i < len; i++)
        if (all[i].usage == r->usage && all[i].selector == r->selector && all[i].type > r->type)
            return true;
    return false;
}

static struct slice hex(struct slice bytes, struct arena *arena)
{
    static const char digits[] = "0123456789abcdef";
    char *out = arena_alloc(arena, 2 * bytes.len + 1);

    for (size_t i = 0; i < bytes.len; i++) {
        out[2 * i] = digits[(unsigned char)bytes.ptr[i] >> 4];
        out[2 * i + 1] = digits[(unsigned char)bytes.ptr[i] & 15];
    }
    return slice_of(out, 2 * bytes.len);
}

struct slice tlsa_text(const struct tlsa_record *r, struct arena *arena)
{
    struct slice data = hex(r->data, arena);

    return arena_printf(arena, "%u %u %u %.*s", r->usage, r->selector, r->type, SLICE_FMT(data));
}

/* What is too short for its fields, in the form of RFC 3597 section 5. */
static struct slice unknown_text(struct slice rdata, struct arena *arena)
{
    struct slice data = hex(rdata, arena);

    return arena_printf(arena, "\\# %zu %.*s", rdata.len, SLICE_FMT(data));
}

static struct tlsa_record read_record(struct slice rdata)
{
    return (struct tlsa_record){
        .usage = (uint8_t)rdata.ptr[0],
        .selector = (uint8_t)rdata.ptr[1],
        .type = (uint8_t)rdata.ptr[2],
        .data = slice_from(rdata, FIELDS),
    };
}

enum dane_state tlsa_choose(const struct slice *rdata, size_t len, struct arena *arena, struct tlsa_set *out)
{
    size_t most = len < TLSA_MOST ? len : TLSA_MOST, usable = 0, kept = 0;
    struct tlsa_record *records = ARENA_ARRAY(arena, struct tlsa_record, most);
    struct slice *texts = ARENA_ARRAY(arena, struct slice, most);
    struct tlsa_record all[TLSA_MOST];

    for (size_t i = 0; i < most; i++) {
        if (rdata[i].len < FIELDS) {
            texts[i] = unknown_text(rdata[i], arena);
            continue;
        }
        all[usable] = read_record(rdata[i]);
        texts[i] = tlsa_text(&all[usable], arena);
        if (is_usable(&all[usable]))
            usable++;
    }
    for (size_t i = 0; i < usable; i++) {
        if (is_outdone(&all[i], all, usable))
            continue;
        records[kept] = all[i];
        records[kept++].data = arena_copy(arena, all[i].data);
    }
    out->records = records;
    out->records_len = kept;
    out->texts = texts;
    out->texts_len = most;
    return kept > 0 ? DANE_USABLE : DANE_UNUSABLE;
}
