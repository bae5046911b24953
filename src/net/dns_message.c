#include "net/dns_message.h"

#include <stdio.h>

enum { HEADER = 12, NAME_WIRE_MAX = 255, POINTERS_MAX = 32, TYPE_SOA = 6, CLASS_IN = 1 };
enum { RCODE_OK = 0, RCODE_NXDOMAIN = 3 };

/* A record as it stands in the message. */
struct raw {
    char owner_text[DNS_NAME_TEXT];
    struct slice owner;
    uint16_t type, klass;
    uint32_t ttl;
    size_t data_at, data_len; /* within the message */
};

struct reading {
    struct slice message;
    size_t answers_at;
    unsigned answers, authorities;
    enum dns_type type;
    struct arena *arena;
    int64_t ttl_s; /* the lowest so far */
};

static bool get_u16(struct slice m, size_t *at, uint16_t *out)
{
    if (m.len < 2 || *at > m.len - 2)
        return false;
    *out = (uint16_t)((unsigned char)m.ptr[*at] << 8 | (unsigned char)m.ptr[*at + 1]);
    *at += 2;
    return true;
}

static bool get_u32(struct slice m, size_t *at, uint32_t *out)
{
    uint16_t high, low;

    if (!get_u16(m, at, &high) || !get_u16(m, at, &low))
        return false;
    *out = (uint32_t)high << 16 | low;
    return true;
}

static bool is_plain(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '*' || c == '/';
}

static size_t put_label(struct slice label, char *out)
{
    size_t len = 0;

    for (size_t i = 0; i < label.len; i++) {
        unsigned char c = (unsigned char)label.ptr[i];

        if (c >= 'A' && c <= 'Z')
            c = (unsigned char)(c + ('a' - 'A'));
        if (is_plain(c))
            out[len++] = (char)c;
        else
            len += (size_t)snprintf(out + len, sizeof "\\255", "\\%03u", c);
    }
    return len;
}

/* 255 bytes on the wire are at most 127 labels and 127 dots; each byte of a label is at most four of text. */
bool dns_message_name(struct slice message, size_t *at, char *out, struct slice *name)
{
    size_t here = *at, text = 0, wire = 1, after = 0;
    int pointers = 0;

    for (;;) {
        unsigned char len;

        if (here >= message.len)
            return false;
        len = (unsigned char)message.ptr[here++];
        if (len == 0)
            break;
        if (len >= 0xc0) {
            if (here >= message.len || ++pointers > POINTERS_MAX)
                return false;
            after = after == 0 ? here + 1 : after;
            here = (size_t)(len & 0x3f) << 8 | (unsigned char)message.ptr[here];
            continue;
        }
        wire += len + 1U;
        if (len > 63 || wire > NAME_WIRE_MAX || len > message.len - here)
            return false;
        if (text > 0)
            out[text++] = '.';
        text += put_label(slice_of(message.ptr + here, len), out + text);
        here += len;
    }
    *at = after == 0 ? here : after;
    *name = slice_of(out, text);
    return true;
}

static bool read_record(struct slice m, size_t *at, struct raw *out)
{
    uint16_t len;

    if (!dns_message_name(m, at, out->owner_text, &out->owner) || !get_u16(m, at, &out->type) ||
        !get_u16(m, at, &out->klass) || !get_u32(m, at, &out->ttl) || !get_u16(m, at, &len) || len > m.len - *at)
        return false;
    out->data_at = *at;
    out->data_len = len;
    *at += len;
    return true;
}

/* RFC 2181 section 8: a TTL with the highest bit set is none. */
static void note_ttl(struct reading *r, uint32_t ttl)
{
    int64_t s = ttl > INT32_MAX ? 0 : ttl;

    if (s < r->ttl_s)
        r->ttl_s = s;
}

/* The name that RDATA ends with; names inside may be compressed (RFC 1035 section 3.3). */
static bool read_target(struct reading *r, size_t at, const struct raw *raw, struct slice *out)
{
    char text[DNS_NAME_TEXT];
    struct slice name;

    if (!dns_message_name(r->message, &at, text, &name) || at != raw->data_at + raw->data_len)
        return false;
    *out = arena_copy(r->arena, name);
    return true;
}

static bool read_bytes(struct reading *r, const struct raw *raw, struct dns_record *out)
{
    out->bytes = arena_copy(r->arena, slice_of(r->message.ptr + raw->data_at, raw->data_len));
    return true;
}

static bool read_a(struct reading *r, const struct raw *raw, struct dns_record *out)
{
    return raw->data_len == 4 && read_bytes(r, raw, out);
}

static bool read_aaaa(struct reading *r, const struct raw *raw, struct dns_record *out)
{
    return raw->data_len == 16 && read_bytes(r, raw, out);
}

static bool read_name(struct reading *r, const struct raw *raw, struct dns_record *out)
{
    return read_target(r, raw->data_at, raw, &out->name);
}

static bool read_mx(struct reading *r, const struct raw *raw, struct dns_record *out)
{
    size_t at = raw->data_at;

    return raw->data_len > 2 && get_u16(r->message, &at, &out->preference) && read_target(r, at, raw, &out->name);
}

/* RFC 1035 section 3.3.14: one or more strings, each with its length before it; RFC 8461 and others join them. */
static bool read_txt(struct reading *r, const struct raw *raw, struct dns_record *out)
{
    const char *in = r->message.ptr + raw->data_at;
    char *joined = arena_alloc(r->arena, raw->data_len);
    size_t len = 0;

    for (size_t at = 0; at < raw->data_len;) {
        size_t part = (unsigned char)in[at++];

        if (part > raw->data_len - at)
            return false;
        memcpy(joined + len, in + at, part);
        len += part;
        at += part;
    }
    out->bytes = slice_of(joined, len);
    out->wire = arena_copy(r->arena, slice_of(in, raw->data_len));
    return true;
}

static const struct {
    enum dns_type type;
    bool (*read)(struct reading *r, const struct raw *raw, struct dns_record *out);
} readers[] = {
    { DNS_A, read_a },      { DNS_AAAA, read_aaaa }, { DNS_MX, read_mx },      { DNS_CNAME, read_name },
    { DNS_PTR, read_name }, { DNS_TXT, read_txt },   { DNS_TLSA, read_bytes }, { DNS_NS, read_name },
    { DNS_CAA, read_bytes },
};

static bool read_data(struct reading *r, const struct raw *raw, struct dns_record *out)
{
    for (size_t i = 0; i < COUNT_OF(readers); i++)
        if (readers[i].type == r->type)
            return readers[i].read(r, raw, out);
    return read_bytes(r, raw, out);
}

/* The CNAME of *name, if there is one, takes its place. False: malformed. */
static bool step(struct reading *r, struct slice *name, bool *moved)
{
    size_t at = r->answers_at;
    struct raw raw;

    *moved = false;
    for (unsigned i = 0; i < r->answers && !*moved; i++) {
        if (!read_record(r->message, &at, &raw))
            return false;
        if (raw.type != DNS_CNAME || raw.klass != CLASS_IN || !slice_eq(raw.owner, *name))
            continue;
        if (!read_target(r, raw.data_at, &raw, name))
            return false;
        note_ttl(r, raw.ttl);
        *moved = true;
    }
    return true;
}

static const char *follow(struct reading *r, struct slice *name)
{
    bool moved = r->type != DNS_CNAME;

    for (int i = 0; moved; i++) {
        if (i > DNS_CNAMES_MAX)
            return "the chain of CNAMEs is too long, or a loop";
        if (!step(r, name, &moved))
            return "the answer is malformed";
    }
    return NULL;
}

static bool gather(struct reading *r, struct slice name, struct dns_answer *out)
{
    struct dns_record *records = ARENA_ARRAY(r->arena, struct dns_record, r->answers);
    size_t at = r->answers_at;
    struct raw raw;

    for (unsigned i = 0; i < r->answers; i++) {
        if (!read_record(r->message, &at, &raw))
            return false;
        if (raw.type != r->type || raw.klass != CLASS_IN || !slice_eq(raw.owner, name))
            continue;
        if (!read_data(r, &raw, &records[out->records_len++]))
            return false;
        note_ttl(r, raw.ttl);
    }
    out->records = records;
    return true;
}

/* RFC 2308 section 5: a denial lives as long as the SOA beside it, and as its MINIMUM, says. */
static void note_denial(struct reading *r)
{
    size_t at = r->answers_at;
    uint32_t minimum;
    struct raw raw;

    for (unsigned i = 0; i < r->answers + r->authorities; i++) {
        if (!read_record(r->message, &at, &raw))
            break;
        if (i < r->answers || raw.type != TYPE_SOA || raw.data_len < 22)
            continue;
        at = raw.data_at + raw.data_len - 4;
        if (get_u32(r->message, &at, &minimum)) {
            note_ttl(r, raw.ttl);
            note_ttl(r, minimum);
            return;
        }
    }
    r->ttl_s = 0;
}

static void fail(struct dns_answer *out, const char *why)
{
    *out = (struct dns_answer){ .outcome = DNS_FAILED, .canonical = out->canonical, .why = why };
}

static const char *rcode_text(unsigned rcode)
{
    switch (rcode) {
    case 2: return "the name's servers do not answer, or answer with an error (SERVFAIL)";
    case 5: return "the name's servers refuse to answer (REFUSED)";
    default: return "the name's servers answer with an error";
    }
}

/* The question's name; the answers begin behind it. */
static bool read_header(struct reading *r, char *text, struct slice *name)
{
    uint16_t questions, answers, authorities, kind;
    size_t at = 4;

    if (!get_u16(r->message, &at, &questions) || !get_u16(r->message, &at, &answers) ||
        !get_u16(r->message, &at, &authorities))
        return false;
    at = HEADER;
    if (questions != 1 || !dns_message_name(r->message, &at, text, name) || !get_u16(r->message, &at, &kind) ||
        !get_u16(r->message, &at, &kind))
        return false;
    r->answers_at = at;
    r->answers = answers;
    r->authorities = authorities;
    return true;
}

void dns_message_read(struct slice message, enum dns_type type, struct arena *arena, struct dns_answer *out)
{
    struct reading r = { .message = message, .type = type, .arena = arena, .ttl_s = DNS_TTL_MAX_S };
    char text[DNS_NAME_TEXT];
    struct slice name;
    const char *why;
    unsigned rcode;

    *out = (struct dns_answer){ .outcome = DNS_NODATA };
    if (message.len < HEADER || !read_header(&r, text, &name)) {
        fail(out, "the answer is malformed");
        return;
    }
    rcode = (unsigned char)message.ptr[3] & 15U;
    why = rcode == RCODE_OK || rcode == RCODE_NXDOMAIN ? follow(&r, &name) : rcode_text(rcode);
    out->canonical = arena_copy(arena, name);
    if (why == NULL && !gather(&r, name, out))
        why = "the answer is malformed";
    if (why != NULL) {
        fail(out, why);
        return;
    }
    out->outcome = rcode == RCODE_NXDOMAIN ? DNS_NXDOMAIN : out->records_len > 0 ? DNS_FOUND : DNS_NODATA;
    if (out->outcome == DNS_NXDOMAIN)
        out->records_len = 0;
    if (out->outcome != DNS_FOUND)
        note_denial(&r);
    out->ttl_s = r.ttl_s;
}
