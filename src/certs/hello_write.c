#include "certs/hello.h"

#include <assert.h>

/* Everything is written through this: a hello is far below HELLO_MAX with all that an offer may hold. */
struct writer {
    uint8_t *out;
    size_t len;
};

static void put(struct writer *w, const void *bytes, size_t len)
{
    assert(len <= HELLO_MAX - w->len);
    if (len > 0)
        memcpy(w->out + w->len, bytes, len);
    w->len += len;
}

static void put8(struct writer *w, unsigned n)
{
    put(w, &(uint8_t){ (uint8_t)n }, 1);
}

static void put16(struct writer *w, unsigned n)
{
    put8(w, n >> 8 & 0xff);
    put8(w, n & 0xff);
}

/* Lengths are written behind what they count: begin() leaves room for one, end() fills it in. */
static size_t begin(struct writer *w, size_t width)
{
    static const uint8_t zero[3];

    put(w, zero, width);
    return w->len;
}

static void end(struct writer *w, size_t begun, size_t width)
{
    size_t len = w->len - begun;

    for (size_t i = 1; i <= width; i++, len >>= 8)
        w->out[begun - i] = (uint8_t)len;
}

static void put_list(struct writer *w, const uint16_t *list, size_t len)
{
    size_t at = begin(w, 2);

    for (size_t i = 0; i < len; i++)
        put16(w, list[i]);
    end(w, at, 2);
}

/* RFC 6066 section 3 */
static void put_sni(struct writer *w, const struct hello_offer *o)
{
    size_t list, name;

    list = begin(w, 2);
    put8(w, 0);
    name = begin(w, 2);
    put(w, o->sni.ptr, o->sni.len);
    end(w, name, 2);
    end(w, list, 2);
}

static void put_groups(struct writer *w, const struct hello_offer *o)
{
    put_list(w, o->groups, o->groups_len);
}

/* RFC 8422 section 5.1.2: all three, since old servers with curves of characteristic two want theirs. */
static void put_point_formats(struct writer *w, const struct hello_offer *o)
{
    static const uint8_t formats[] = { 3, 0, 1, 2 };

    (void)o;
    put(w, formats, sizeof formats);
}

/* The sound ones first: who takes SHA-1 has nothing better. */
static void put_signatures(struct writer *w, const struct hello_offer *o)
{
    static const uint16_t schemes[] = {
        0x0403, 0x0503, 0x0603,         /* ecdsa with SHA-256, -384, -512 */
        0x0807, 0x0808,                 /* ed25519, ed448 */
        0x0804, 0x0805, 0x0806,         /* rsa_pss_rsae */
        0x0809, 0x080a, 0x080b,         /* rsa_pss_pss */
        0x0401, 0x0501, 0x0601,         /* rsa_pkcs1 */
        0x0402, 0x0303, 0x0301, 0x0302, /* dsa with SHA-256; SHA-224 */
        0x0203, 0x0201, 0x0202,         /* SHA-1 */
    };

    (void)o;
    put_list(w, schemes, COUNT_OF(schemes));
}

/* RFC 7301 section 3.1 */
static void put_alpn(struct writer *w, const struct hello_offer *o)
{
    size_t list = begin(w, 2), name = begin(w, 1);

    put(w, o->alpn.ptr, o->alpn.len);
    end(w, name, 1);
    end(w, list, 2);
}

static void put_nothing(struct writer *w, const struct hello_offer *o)
{
    (void)w, (void)o;
}

static void put_no_renegotiation(struct writer *w, const struct hello_offer *o)
{
    (void)o;
    put8(w, 0);
}

/* TLS 1.3 has suites of its own: those below are offered only along with theirs. */
static bool offers_older(const struct hello_offer *o)
{
    struct suite s;

    for (size_t i = 0; i < o->suites_len; i++)
        if (suite_find(o->suites[i], &s) && s.since < WIRE_TLS1_3)
            return true;
    return false;
}

static void put_versions(struct writer *w, const struct hello_offer *o)
{
    unsigned lowest = offers_older(o) ? WIRE_TLS1_0 : WIRE_TLS1_3;
    size_t at = begin(w, 1);

    for (unsigned v = WIRE_TLS1_3; v >= lowest; v--)
        put16(w, v);
    end(w, at, 1);
}

static void put_key_share(struct writer *w, const struct hello_offer *o)
{
    (void)o;
    put16(w, 0);
}

static void put_heartbeat(struct writer *w, const struct hello_offer *o)
{
    enum { PEER_NOT_ALLOWED_TO_SEND = 2 };

    (void)o;
    put8(w, PEER_NOT_ALLOWED_TO_SEND);
}

static bool has_heartbeat(const struct hello_offer *o)
{
    return o->has_heartbeat;
}

static bool has_sni(const struct hello_offer *o)
{
    return o->sni.len > 0;
}

static bool has_alpn(const struct hello_offer *o)
{
    return o->alpn.len > 0;
}

static bool has_groups(const struct hello_offer *o)
{
    return o->groups_len > 0;
}

static bool is_1_2(const struct hello_offer *o)
{
    return o->version >= WIRE_TLS1_2;
}

static bool is_1_3(const struct hello_offer *o)
{
    return o->version == WIRE_TLS1_3;
}

static bool always(const struct hello_offer *o)
{
    (void)o;
    return true;
}

static const struct extension {
    uint16_t type;
    bool (*is_wanted)(const struct hello_offer *o);
    void (*put)(struct writer *w, const struct hello_offer *o);
} extensions[] = {
    { 0, has_sni, put_sni },        { 0xff01, always, put_no_renegotiation }, /* RFC 5746 */
    { 10, has_groups, put_groups }, { 11, has_groups, put_point_formats },
    { 13, is_1_2, put_signatures }, { 15, has_heartbeat, put_heartbeat },
    { 16, has_alpn, put_alpn },
    { 23, always, put_nothing }, /* extended master secret, RFC 7627 */
    { 43, is_1_3, put_versions },   { 51, is_1_3, put_key_share },
};

enum { PADDING = 21, BAD_FROM = 256, BAD_TO = 511 };

/* Some load balancers hang on hellos of 256 to 511 bytes (RFC 7685). */
static void put_padding(struct writer *w, size_t message)
{
    static const uint8_t zeros[BAD_TO + 1];
    size_t len = w->len - message, pad;

    if (len < BAD_FROM || len > BAD_TO)
        return;
    pad = len + 4 > BAD_TO ? 0 : BAD_TO + 1 - len - 4;
    put16(w, PADDING);
    put16(w, (unsigned)pad);
    put(w, zeros, pad);
}

static void put_extensions(struct writer *w, const struct hello_offer *o, size_t message)
{
    size_t all = begin(w, 2);

    for (size_t i = 0; i < COUNT_OF(extensions); i++) {
        size_t one;

        if (!extensions[i].is_wanted(o))
            continue;
        put16(w, extensions[i].type);
        one = begin(w, 2);
        extensions[i].put(w, o);
        end(w, one, 2);
    }
    put_padding(w, message);
    end(w, all, 2);
}

enum { RENEGOTIATION_SUITE = 0x00ff, FALLBACK_SUITE = 0x5600, HANDSHAKE = 22, ALERT = 21, CLIENT_HELLO = 1 };

static void put_suites(struct writer *w, const struct hello_offer *o)
{
    size_t at = begin(w, 2);

    for (size_t i = 0; i < o->suites_len; i++)
        put16(w, o->suites[i]);
    if (o->version == WIRE_SSL3)
        put16(w, RENEGOTIATION_SUITE);
    if (o->is_fallback)
        put16(w, FALLBACK_SUITE);
    end(w, at, 2);
}

static void put_hello(struct writer *w, const struct hello_offer *o, size_t message)
{
    put16(w, o->version < WIRE_TLS1_2 ? o->version : WIRE_TLS1_2);
    put(w, o->random, sizeof o->random);
    put8(w, 0); /* no session */
    put_suites(w, o);
    put8(w, 1);
    put8(w, 0); /* no compression */
    if (o->version >= WIRE_TLS1_0)
        put_extensions(w, o, message);
}

/* SSL 2.0: CLIENT-HELLO with all seven kinds of cipher and a challenge of 16 bytes. */
static void put_ssl2_hello(struct writer *w, const struct hello_offer *o)
{
    static const uint8_t kinds[] = {
        0x07, 0x00, 0xc0, 0x05, 0x00, 0x80, 0x03, 0x00, 0x80, 0x01, 0x00,
        0x80, 0x06, 0x00, 0x40, 0x04, 0x00, 0x80, 0x02, 0x00, 0x80,
    };
    size_t at = begin(w, 2);

    put8(w, 1);
    put16(w, WIRE_SSL2);
    put16(w, sizeof kinds);
    put16(w, 0);
    put16(w, 16);
    put(w, kinds, sizeof kinds);
    put(w, o->random, 16);
    end(w, at, 2);
    w->out[0] |= 0x80;
}

struct slice hello_write(const struct hello_offer *o, uint8_t out[static HELLO_MAX])
{
    struct writer w = { .out = out };
    size_t record, message;

    assert(o->suites_len <= SUITE_MOST && o->groups_len <= TLS_GROUP_MOST && o->sni.len < 256 && o->alpn.len < 256);
    if (o->version == WIRE_SSL2) {
        put_ssl2_hello(&w, o);
        return slice_of((const char *)out, w.len);
    }
    put8(&w, HANDSHAKE);
    put16(&w, o->version == WIRE_SSL3 ? WIRE_SSL3 : WIRE_TLS1_0); /* RFC 5246 appendix E.1 */
    record = begin(&w, 2);
    put8(&w, CLIENT_HELLO);
    message = begin(&w, 3);
    put_hello(&w, o, record);
    end(&w, message, 3);
    end(&w, record, 2);
    return slice_of((const char *)out, w.len);
}

struct slice hello_goodbye(uint16_t version, uint8_t out[static 7])
{
    struct writer w = { .out = out };
    enum { FATAL = 2, USER_CANCELED = 90, HANDSHAKE_FAILURE = 40 };

    put8(&w, ALERT);
    put16(&w, version < WIRE_TLS1_2 ? version : WIRE_TLS1_2);
    put16(&w, 2);
    put8(&w, FATAL);
    put8(&w, version == WIRE_SSL3 ? HANDSHAKE_FAILURE : USER_CANCELED); /* SSLv3 knows no 90 */
    return slice_of((const char *)out, w.len);
}
