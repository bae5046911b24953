#include "net/minizone.h"

#include "base/clock.h"
#include "base/memory.h"
#include "net/address.h"
#include "net/tls_setup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <unistd.h>

enum { TYPE_SOA = 6, TYPE_OPT = 41, TYPE_RRSIG = 46, TYPE_NSEC = 47, TYPE_DNSKEY = 48, CLASS_IN = 1 };
enum { ECDSA_P256 = 13, KEY_FLAGS = 257, KEY_BYTES = 64, SIGNATURE_BYTES = 64, TTL_S = 60, MESSAGE_MAX = 1232 };
enum { NAME_MAX_WIRE = 255, DATA_MAX = 300 };

/* Bytes being put together. Room for all that is made here was counted beforehand: zones are small. */
struct bytes {
    uint8_t at[MESSAGE_MAX];
    size_t len;
};

struct owned {
    uint8_t name[NAME_MAX_WIRE];
    size_t name_len;
    unsigned type;
    uint8_t data[DATA_MAX];
    size_t data_len;
};

struct minizone {
    struct loop_io io;
    struct loop *loop;
    struct owned *records;
    size_t records_len;
    uint8_t apex[NAME_MAX_WIRE];
    size_t apex_len;
    EVP_PKEY *key;
    uint16_t key_tag;
    unsigned ttl_s;
    bool is_forging;
    unsigned spoilt_type;
    enum minizone_fault fault;
    bool is_false; /* the answer being made */
    char stub[320], anchor[512];
};

static void put(struct bytes *b, const void *bytes, size_t len)
{
    if (len > sizeof b->at - b->len)
        abort();
    memcpy(b->at + b->len, bytes, len);
    b->len += len;
}

static void put_u8(struct bytes *b, unsigned v)
{
    put(b, &(uint8_t){ (uint8_t)v }, 1);
}

static void put_u16(struct bytes *b, unsigned v)
{
    put_u8(b, v >> 8);
    put_u8(b, v & 0xff);
}

static void put_u32(struct bytes *b, uint32_t v)
{
    put_u16(b, v >> 16);
    put_u16(b, v & 0xffff);
}

static bool name_to_wire(struct slice text, uint8_t *out, size_t *len)
{
    *len = 0;
    while (text.len > 0) {
        struct slice label = slice_cut(text, '.', &text);

        if (label.len == 0 || label.len > 63 || *len + label.len + 2 > NAME_MAX_WIRE)
            return false;
        out[(*len)++] = (uint8_t)label.len;
        (void)slice_lower(label, (char *)out + *len);
        *len += label.len;
    }
    out[(*len)++] = 0;
    return true;
}

static bool read_tlsa(struct slice text, struct owned *o)
{
    for (int i = 0; i < 3; i++) {
        uint64_t v;

        if (!slice_to_u64(slice_cut(text, ' ', &text), &v) || v > 255)
            return false;
        o->data[i] = (uint8_t)v;
    }
    o->data_len = 3;
    for (; text.len >= 2 && o->data_len < sizeof o->data; text = slice_from(text, 2)) {
        char hex[3] = { text.ptr[0], text.ptr[1], '\0' }, *end;

        o->data[o->data_len++] = (uint8_t)strtoul(hex, &end, 16);
        if (*end != '\0')
            return false;
    }
    return text.len == 0;
}

static bool read_mx(struct slice text, struct owned *o)
{
    uint64_t preference;
    size_t len;

    if (!slice_to_u64(slice_cut(text, ' ', &text), &preference) || preference > UINT16_MAX)
        return false;
    o->data[0] = (uint8_t)(preference >> 8);
    o->data[1] = (uint8_t)preference;
    if (!name_to_wire(slice_eq(text, SLICE_LIT(".")) ? slice_of("", 0) : text, o->data + 2, &len))
        return false;
    o->data_len = len + 2;
    return true;
}

static bool read_txt(struct slice text, struct owned *o)
{
    if (text.len > 255)
        return false;
    o->data[0] = (uint8_t)text.len;
    memcpy(o->data + 1, text.ptr, text.len);
    o->data_len = text.len + 1;
    return true;
}

static bool read_data(const struct minizone_record *r, struct owned *o)
{
    switch (r->type) {
    case DNS_A: o->data_len = 4; return inet_pton(AF_INET, r->data, o->data) == 1;
    case DNS_AAAA: o->data_len = 16; return inet_pton(AF_INET6, r->data, o->data) == 1;
    case DNS_MX: return read_mx(slice_str(r->data), o);
    case DNS_TXT: return read_txt(slice_str(r->data), o);
    case DNS_TLSA: return read_tlsa(slice_str(r->data), o);
    default: return name_to_wire(slice_str(r->data), o->data, &o->data_len);
    }
}

static enum status read_records(struct minizone *z, const struct minizone_record *records, size_t len,
                                struct fault *why)
{
    z->records = mem_new(len, sizeof *z->records);
    z->records_len = len;
    for (size_t i = 0; i < len; i++) {
        struct owned *o = &z->records[i];

        o->type = records[i].type;
        if (!name_to_wire(slice_str(records[i].name), o->name, &o->name_len) || !read_data(&records[i], o))
            return fault_set(why, ERR_SYNTAX, "cannot read the record '%s' of '%s'", records[i].data, records[i].name);
    }
    return OK;
}

/* RFC 6605: the public key is x and y. */
static void key_data(const struct minizone *z, struct bytes *b)
{
    unsigned char *point = NULL;

    put_u16(b, KEY_FLAGS);
    put_u8(b, 3);
    put_u8(b, ECDSA_P256);
    tls_must(EVP_PKEY_get1_encoded_public_key(z->key, &point) == KEY_BYTES + 1);
    put(b, point + 1, KEY_BYTES);
    OPENSSL_free(point);
}

/* RFC 4034 appendix B. */
static uint16_t tag_of(const struct bytes *b)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < b->len; i++)
        sum += i & 1 ? b->at[i] : (uint32_t)b->at[i] << 8;
    return (uint16_t)(sum + (sum >> 16));
}

static void make_key(struct minizone *z, const char *zone)
{
    unsigned char text[128];
    struct bytes data = { .len = 0 };

    z->key = EVP_EC_gen("P-256");
    tls_must(z->key != NULL);
    key_data(z, &data);
    z->key_tag = tag_of(&data);
    EVP_EncodeBlock(text, data.at + 4, KEY_BYTES);
    (void)snprintf(z->anchor, sizeof z->anchor, "%s. IN DNSKEY %d 3 %d %s", zone, KEY_FLAGS, ECDSA_P256, text);
}

/* The signature is r and s, 32 bytes each (RFC 6605 section 4). */
static void sign(const struct minizone *z, const struct bytes *data, uint8_t out[static SIGNATURE_BYTES])
{
    unsigned char der[128];
    const unsigned char *at = der;
    size_t len = sizeof der;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    ECDSA_SIG *sig;

    tls_must(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, z->key));
    tls_must(EVP_DigestSign(ctx, der, &len, data->at, data->len));
    sig = d2i_ECDSA_SIG(NULL, &at, (long)len);
    tls_must(sig != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, SIGNATURE_BYTES / 2) > 0 &&
             BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + SIGNATURE_BYTES / 2, SIGNATURE_BYTES / 2) > 0);
    out[0] ^= z->is_false ? 1 : 0;
    ECDSA_SIG_free(sig);
    EVP_MD_CTX_free(ctx);
}

static void put_record(const struct minizone *z, struct bytes *b, const uint8_t *name, size_t name_len, unsigned type, const void *data,
                       size_t data_len)
{
    put(b, name, name_len);
    put_u16(b, type);
    put_u16(b, CLASS_IN);
    put_u32(b, z->ttl_s);
    put_u16(b, (unsigned)data_len);
    put(b, data, data_len);
}

static unsigned labels_of(const uint8_t *name)
{
    unsigned labels = 0;

    for (; *name != 0; name += *name + 1)
        labels++;
    return labels;
}

/* RFC 4034 section 3.1.8.1: the RRSIG's own data, then the set in canonical form and order. */
static void put_signature(const struct minizone *z, struct bytes *b, const uint8_t *name, size_t name_len,
                          unsigned type, const struct bytes *set)
{
    uint32_t now = (uint32_t)clock_wall_s();
    struct bytes rrsig = { .len = 0 }, covered;
    uint8_t signature[SIGNATURE_BYTES];

    put_u16(&rrsig, type);
    put_u8(&rrsig, ECDSA_P256);
    put_u8(&rrsig, labels_of(name));
    put_u32(&rrsig, z->ttl_s);
    put_u32(&rrsig, now + 86400);
    put_u32(&rrsig, now - 86400);
    put_u16(&rrsig, z->key_tag);
    put(&rrsig, z->apex, z->apex_len);
    covered = rrsig;
    put(&covered, set->at, set->len);
    sign(z, &covered, signature);
    put(&rrsig, signature, sizeof signature);
    put_record(z, b, name, name_len, TYPE_RRSIG, rrsig.at, rrsig.len);
}

static bool is_at(const struct owned *o, const uint8_t *name, size_t name_len, unsigned type)
{
    return o->type == type && o->name_len == name_len && memcmp(o->name, name, name_len) == 0;
}

static int by_data(const void *a, const void *b)
{
    const struct owned *x = *(const struct owned *const *)a, *y = *(const struct owned *const *)b;
    size_t shorter = x->data_len < y->data_len ? x->data_len : y->data_len;
    int order = memcmp(x->data, y->data, shorter);

    return order != 0 ? order : (x->data_len > y->data_len) - (x->data_len < y->data_len);
}

/* How many records were put: 0 when there is no such set. */
static unsigned put_set(const struct minizone *z, struct bytes *b, const uint8_t *name, size_t name_len, unsigned type)
{
    const struct owned **found = mem_new(z->records_len, sizeof *found);
    struct bytes set = { .len = 0 };
    unsigned count = 0;

    for (size_t i = 0; i < z->records_len; i++)
        if (is_at(&z->records[i], name, name_len, type))
            found[count++] = &z->records[i];
    qsort(found, count, sizeof(const struct owned *), by_data);
    for (unsigned i = 0; i < count; i++)
        put_record(z, &set, name, name_len, type, found[i]->data, found[i]->data_len);
    free(found);
    if (count == 0)
        return 0;
    put(b, set.at, set.len);
    put_signature(z, b, name, name_len, type, &set);
    return count + 1;
}

static void put_signed(const struct minizone *z, struct bytes *b, const uint8_t *name, size_t name_len, unsigned type,
                       const struct bytes *data)
{
    struct bytes set = { .len = 0 };

    put_record(z, &set, name, name_len, type, data->at, data->len);
    put(b, set.at, set.len);
    put_signature(z, b, name, name_len, type, &set);
}

/* The types at a name as NSEC has them (RFC 4034 section 4.1.2); all of ours lie in the first window. */
static void put_types(const struct minizone *z, struct bytes *b, const uint8_t *name, size_t name_len)
{
    uint8_t map[8] = { 0 };

    map[TYPE_RRSIG / 8] |= (uint8_t)(0x80 >> TYPE_RRSIG % 8);
    map[TYPE_NSEC / 8] |= (uint8_t)(0x80 >> TYPE_NSEC % 8);
    for (size_t i = 0; i < z->records_len; i++)
        if (is_at(&z->records[i], name, name_len, z->records[i].type))
            map[z->records[i].type / 8] |= (uint8_t)(0x80 >> z->records[i].type % 8);
    put_u8(b, 0);
    put_u8(b, sizeof map);
    while (map[b->at[b->len - 1] - 1] == 0)
        b->at[b->len - 1]--;
    put(b, map, b->at[b->len - 1]);
}

static unsigned put_denial(const struct minizone *z, struct bytes *b, const uint8_t *name, size_t name_len)
{
    struct bytes soa = { .len = 0 }, nsec = { .len = 0 };

    put(&soa, z->apex, z->apex_len);
    put(&soa, z->apex, z->apex_len);
    for (int i = 0; i < 5; i++)
        put_u32(&soa, z->ttl_s);
    put_signed(z, b, z->apex, z->apex_len, TYPE_SOA, &soa);
    put(&nsec, "\1", 2); /* the next name is \000 below this one */
    put(&nsec, name, name_len);
    put_types(z, &nsec, name, name_len);
    put_signed(z, b, name, name_len, TYPE_NSEC, &nsec);
    return 4;
}

struct question {
    uint16_t id;
    uint8_t name[NAME_MAX_WIRE]; /* as asked: the case is the question's own */
    size_t name_len;
    unsigned type;
};

static bool read_question(const uint8_t *in, size_t len, struct question *q)
{
    size_t at = 12;

    if (len < 17)
        return false;
    while (at < len && in[at] != 0 && in[at] < 64)
        at += in[at] + 1U;
    if (at + 5 > len || in[at] != 0 || at + 1 - 12 > sizeof q->name)
        return false;
    q->id = (uint16_t)(in[0] << 8 | in[1]);
    q->name_len = at + 1 - 12;
    memcpy(q->name, in + 12, q->name_len);
    q->type = (unsigned)in[at + 1] << 8 | in[at + 2];
    return true;
}

static void answer(const struct minizone *z, const struct question *q, struct bytes *out)
{
    unsigned answers = 0, authorities = 0;
    struct bytes body = { .len = 0 }, key = { .len = 0 };
    uint8_t name[NAME_MAX_WIRE];

    (void)slice_lower(slice_of((const char *)q->name, q->name_len), (char *)name);
    if (q->type == TYPE_DNSKEY && q->name_len == z->apex_len && memcmp(name, z->apex, z->apex_len) == 0) {
        key_data(z, &key);
        put_signed(z, &body, z->apex, z->apex_len, TYPE_DNSKEY, &key);
        answers = 2;
    }
    if (answers == 0)
        answers = put_set(z, &body, name, q->name_len, q->type);
    if (answers == 0)
        answers = put_set(z, &body, name, q->name_len, DNS_CNAME);
    if (answers == 0)
        authorities = put_denial(z, &body, name, q->name_len);
    put_u16(out, q->id);
    put_u16(out, 0x8400); /* an authoritative answer */
    put_u16(out, 1);
    put_u16(out, answers);
    put_u16(out, authorities);
    put_u16(out, 1);
    put(out, q->name, q->name_len);
    put_u16(out, q->type);
    put_u16(out, CLASS_IN);
    put(out, body.at, body.len);
    put_u8(out, 0); /* EDNS with DO (RFC 6891, RFC 3225) */
    put_u16(out, TYPE_OPT);
    put_u16(out, MESSAGE_MAX);
    put_u32(out, 0x8000);
    put_u16(out, 0);
}

static void fail(const struct question *q, struct bytes *out)
{
    put_u16(out, q->id);
    put_u16(out, 0x8402); /* SERVFAIL */
    put_u16(out, 1);
    put_u16(out, 0);
    put_u32(out, 0);
    put(out, q->name, q->name_len);
    put_u16(out, q->type);
    put_u16(out, CLASS_IN);
}

static void on_question(struct loop_io *io, unsigned events)
{
    struct minizone *z = CONTAINER_OF(io, struct minizone, io);
    uint8_t in[MESSAGE_MAX];
    struct net_address from = { .len = sizeof from.sa };
    ssize_t len = recvfrom(io->fd, in, sizeof in, 0, &from.sa.any, &from.len);
    struct bytes out = { .len = 0 };
    enum minizone_fault fault;
    struct question q;

    (void)events;
    if (len < 0 || !read_question(in, (size_t)len, &q))
        return;
    fault = q.type == z->spoilt_type ? z->fault : MINIZONE_SOUND;
    z->is_false = z->is_forging || fault == MINIZONE_FORGES;
    if (fault == MINIZONE_SILENT)
        return;
    if (fault == MINIZONE_FAILS)
        fail(&q, &out);
    else
        answer(z, &q, &out);
    (void)!sendto(io->fd, out.at, out.len, 0, &from.sa.any, from.len);
}

static enum status listen_on_loopback(struct minizone *z, const char *zone, struct fault *why)
{
    struct net_address at;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (net_address_parse(SLICE_LIT("127.0.0.1"), 0, &at) != OK || fd < 0 || bind(fd, &at.sa.any, at.len) != 0 ||
        getsockname(fd, &at.sa.any, &at.len) != 0) {
        enum status st = fault_errno(why, "cannot open a port for the zone '%s'", zone);

        if (fd >= 0)
            close(fd);
        return st;
    }
    z->io.ready = on_question;
    loop_watch(z->loop, &z->io, fd, LOOP_READ);
    (void)snprintf(z->stub, sizeof z->stub, "%s=127.0.0.1@%u", zone, (unsigned)net_address_port(&at));
    return OK;
}

void minizone_set_ttl(struct minizone *z, unsigned ttl_s)
{
    z->ttl_s = ttl_s;
}

enum status minizone_replace(struct minizone *z, const struct minizone_record *records, size_t records_len,
                             struct fault *why)
{
    enum status st;

    free(z->records);
    st = read_records(z, records, records_len, why);
    if (st != OK)
        z->records_len = 0;
    return st;
}

enum status minizone_new(struct loop *loop, const char *zone, const struct minizone_record *records,
                         size_t records_len, struct minizone **out, struct fault *why)
{
    struct minizone *z = NEW(struct minizone);
    enum status st;

    tls_setup();
    z->loop = loop;
    z->io.fd = -1;
    z->ttl_s = TTL_S;
    make_key(z, zone);
    st = read_records(z, records, records_len, why);
    if (st == OK && !name_to_wire(slice_str(zone), z->apex, &z->apex_len))
        st = fault_set(why, ERR_SYNTAX, "'%s' is not the name of a zone", zone);
    if (st == OK)
        st = listen_on_loopback(z, zone, why);
    if (st != OK) {
        minizone_free(z);
        return st;
    }
    *out = z;
    return OK;
}

void minizone_free(struct minizone *z)
{
    int fd;

    if (z == NULL)
        return;
    fd = z->io.fd;
    loop_unwatch(z->loop, &z->io);
    if (fd >= 0)
        close(fd);
    EVP_PKEY_free(z->key);
    free(z->records);
    free(z);
}

const char *minizone_stub(const struct minizone *z)
{
    return z->stub;
}

const char *minizone_anchor(const struct minizone *z)
{
    return z->anchor;
}

void minizone_forge(struct minizone *z, bool on)
{
    z->is_forging = on;
}

void minizone_spoil(struct minizone *z, enum dns_type type, enum minizone_fault fault)
{
    z->spoilt_type = type;
    z->fault = fault;
}
