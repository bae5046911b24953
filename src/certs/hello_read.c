#include "certs/hello.h"

#include "base/utf8.h"

enum { CCS = 20, ALERT = 21, HANDSHAKE = 22, APPLICATION = 23, RECORD_HEADER = 5, MESSAGE_HEADER = 4 };
enum { RECORD_MAX = (1 << 14) + 2048, HANDSHAKE_FAILURE = 40, WARNING = 1 }; /* RFC 5246 section 6.2.3 */

/* Reads from the front; what is not there reads as zero and leaves is_short. */
struct cursor {
    const uint8_t *at;
    size_t len;
    bool is_short;
};

static struct cursor cursor_of(struct slice s)
{
    return (struct cursor){ .at = (const uint8_t *)s.ptr, .len = s.len };
}

static struct slice take(struct cursor *c, size_t len)
{
    struct slice s;

    if (len > c->len) {
        c->is_short = true;
        len = c->len;
    }
    s = slice_of((const char *)c->at, len);
    c->at += len;
    c->len -= len;
    return s;
}

static unsigned take_number(struct cursor *c, size_t width)
{
    struct slice s = take(c, width);
    unsigned n = 0;

    if (s.len < width)
        return 0;
    for (size_t i = 0; i < width; i++)
        n = n << 8 | (uint8_t)s.ptr[i];
    return n;
}

/* A vector with its length before it. */
static struct slice take_vector(struct cursor *c, size_t width)
{
    return take(c, take_number(c, width));
}

static enum hello_state break_off(struct hello_reader *r, const char *why)
{
    r->answer.broken = why;
    return r->state = HELLO_BROKEN;
}

static bool holds(const uint16_t *list, size_t len, uint16_t id)
{
    for (size_t i = 0; i < len; i++)
        if (list[i] == id)
            return true;
    return false;
}

static void set_group(struct hello_answer *a, uint16_t id)
{
    const struct tls_group *g = tls_group_find(id);

    a->group = id;
    a->group_bits = g == NULL ? 0 : g->bits;
}

static void on_version(struct hello_answer *a, struct cursor c)
{
    a->version = (uint16_t)take_number(&c, 2);
}

/* With a share of its own behind the group, or, when it asks for another try, without. */
static void on_key_share(struct hello_answer *a, struct cursor c)
{
    set_group(a, (uint16_t)take_number(&c, 2));
}

static void on_alpn(struct hello_answer *a, struct cursor c)
{
    struct slice name;

    (void)take_number(&c, 2);
    name = take_vector(&c, 1);
    a->alpn[utf8_printable(name, a->alpn, sizeof a->alpn - 1).len] = '\0';
}

static void on_master_secret(struct hello_answer *a, struct cursor c)
{
    (void)c;
    a->has_extended_master_secret = true;
}

static void on_renegotiation(struct hello_answer *a, struct cursor c)
{
    (void)c;
    a->has_secure_renegotiation = true;
}

static void on_heartbeat(struct hello_answer *a, struct cursor c)
{
    (void)c;
    a->has_heartbeat = true;
}

static const struct {
    unsigned type;
    void (*read)(struct hello_answer *a, struct cursor c);
} extensions[] = {
    { 15, on_heartbeat }, { 16, on_alpn },      { 23, on_master_secret },
    { 43, on_version },   { 51, on_key_share }, { 0xff01, on_renegotiation },
};

static void read_extensions(struct hello_answer *a, struct cursor *c)
{
    while (c->len > 0 && !c->is_short) {
        unsigned type = take_number(c, 2);
        struct slice body = take_vector(c, 2);

        for (size_t i = 0; i < COUNT_OF(extensions); i++)
            if (extensions[i].type == type && !c->is_short)
                extensions[i].read(a, cursor_of(body));
    }
}

/* RFC 8446 section 4.1.3: this random makes a ServerHello a HelloRetryRequest. */
static const uint8_t retry_random[32] = {
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
};

static enum hello_state check_choice(struct hello_reader *r)
{
    struct hello_answer *a = &r->answer;
    bool is_1_3 = a->version == WIRE_TLS1_3;

    if (a->version < WIRE_SSL3 || a->version > r->offer->version)
        return break_off(r, "it chose a version that was not offered");
    if (!holds(r->offer->suites, r->offer->suites_len, a->suite) || !suite_find(a->suite, &r->suite))
        return break_off(r, "it chose a suite that was not offered");
    if (is_1_3 != (r->suite.exchange == SUITE_BY_KEY_SHARE))
        return break_off(r, "it chose a suite of another version");
    if (is_1_3 && a->group != 0 && !holds(r->offer->groups, r->offer->groups_len, a->group))
        return break_off(r, "it chose a group that was not offered");
    a->has_choice = true;
    return r->state = is_1_3 ? HELLO_ANSWERED : HELLO_MORE;
}

static enum hello_state on_server_hello(struct hello_reader *r, struct cursor c)
{
    struct hello_answer *a = &r->answer;
    struct slice random;
    struct cursor ext;

    a->version = (uint16_t)take_number(&c, 2);
    random = take(&c, sizeof retry_random);
    if (take_vector(&c, 1).len > 32)
        return break_off(r, "its session id is too long");
    a->suite = (uint16_t)take_number(&c, 2);
    if (take_number(&c, 1) != 0)
        return break_off(r, "it chose a compression that was not offered");
    ext = c.len > 0 ? cursor_of(take_vector(&c, 2)) : c;
    if (c.is_short || c.len > 0)
        return break_off(r, "its ServerHello has the wrong length");
    read_extensions(a, &ext);
    if (ext.is_short)
        return break_off(r, "an extension of its ServerHello has the wrong length");
    a->is_retry = a->version == WIRE_TLS1_3 && memcmp(random.ptr, retry_random, sizeof retry_random) == 0;
    return check_choice(r);
}

static enum hello_state on_certificate(struct hello_reader *r, struct cursor c)
{
    struct hello_answer *a = &r->answer;
    struct cursor list = cursor_of(take_vector(&c, 3));

    while (list.len > 0 && !list.is_short) {
        struct slice cert = take_vector(&list, 3);

        if (a->certs_len < HELLO_CERTS_MOST && !list.is_short) {
            r->certs_at[a->certs_len] = (size_t)(cert.ptr - buf_slice(&r->messages).ptr);
            r->certs_size[a->certs_len++] = cert.len;
        }
    }
    return c.is_short || c.len > 0 || list.is_short ? break_off(r, "its Certificate has the wrong length")
                                                    : HELLO_MORE;
}

/* Where certificates lie is kept as offsets: the buffer moves when it grows. */
struct slice hello_cert(const struct hello_reader *r, size_t i)
{
    return slice_first(slice_from(buf_slice(&r->messages), r->certs_at[i]), r->certs_size[i]);
}

static unsigned bits_of(struct slice number)
{
    unsigned bits;

    while (number.len > 0 && number.ptr[0] == 0)
        number = slice_from(number, 1);
    bits = (unsigned)number.len * 8;
    for (unsigned top = 0x80; number.len > 0 && !((uint8_t)number.ptr[0] & top); top >>= 1)
        bits--;
    return bits;
}

/* RFC 5246 section 7.4.3: the prime, the generator, the share. */
static void read_finite(struct hello_answer *a, struct cursor *c)
{
    a->group_bits = bits_of(take_vector(c, 2));
    (void)take_vector(c, 2);
    (void)take_vector(c, 2);
}

/* RFC 5246's predecessor of export days: a modulus and an exponent. */
static void read_short_rsa(struct hello_answer *a, struct cursor *c)
{
    a->group_bits = bits_of(take_vector(c, 2));
    (void)take_vector(c, 2);
}

/* RFC 8422 section 5.4; a curve given by its numbers has no name, and ends what we can read. */
static void read_curve(struct hello_answer *a, struct cursor *c)
{
    enum { NAMED = 3 };

    if (take_number(c, 1) != NAMED) {
        (void)take(c, c->len);
        return;
    }
    set_group(a, (uint16_t)take_number(c, 2));
    (void)take_vector(c, 1);
}

static enum hello_state on_key_exchange(struct hello_reader *r, struct cursor c)
{
    static void (*const readers[])(struct hello_answer *, struct cursor *) = {
        [SUITE_BY_RSA_EXPORT] = read_short_rsa,
        [SUITE_BY_DHE] = read_finite,
        [SUITE_BY_ECDHE] = read_curve,
        [SUITE_BY_KEY_SHARE] = NULL,
    };

    if (readers[r->suite.exchange] == NULL)
        return break_off(r, "it sent a ServerKeyExchange that its suite does not have");
    readers[r->suite.exchange](&r->answer, &c);
    if (c.is_short)
        return break_off(r, "its ServerKeyExchange has the wrong length");
    if (r->suite.is_signed && r->answer.version == WIRE_TLS1_2 && c.len >= 2)
        r->answer.signature = (uint16_t)take_number(&c, 2);
    return HELLO_MORE;
}

static enum hello_state on_skipped(struct hello_reader *r, struct cursor c)
{
    (void)r, (void)c;
    return HELLO_MORE;
}

static enum hello_state on_done(struct hello_reader *r, struct cursor c)
{
    if (c.len > 0)
        return break_off(r, "its ServerHelloDone has the wrong length");
    return r->state = HELLO_ANSWERED;
}

/* In the order in which a server sends them; each at most once. */
static const struct message {
    uint8_t type;
    enum hello_state (*read)(struct hello_reader *r, struct cursor c);
} messages[] = {
    { 2, on_server_hello },  { 11, on_certificate }, { 22, on_skipped }, /* CertificateStatus */
    { 12, on_key_exchange }, { 13, on_skipped },                         /* CertificateRequest */
    { 14, on_done },
};

static enum hello_state read_message(struct hello_reader *r, uint8_t type, struct slice body)
{
    for (size_t i = 0; i < COUNT_OF(messages); i++) {
        if (messages[i].type != type)
            continue;
        if (r->done >> i != 0 || (i > 0 && r->done == 0))
            return break_off(r, "its handshake messages are out of order");
        r->done |= (uint8_t)(1U << i);
        return messages[i].read(r, cursor_of(body));
    }
    return break_off(r, "it sent a handshake message that has no place here");
}

static enum hello_state read_messages(struct hello_reader *r)
{
    while (r->state == HELLO_MORE) {
        struct cursor c = cursor_of(slice_from(buf_slice(&r->messages), r->at));
        unsigned type = take_number(&c, 1);
        size_t len = take_number(&c, 3);

        if (!c.is_short && len > HELLO_ANSWER_MAX)
            return break_off(r, "a handshake message of it is too long");
        if (c.is_short || c.len < len)
            break;
        r->at += MESSAGE_HEADER + len;
        (void)read_message(r, (uint8_t)type, take(&c, len));
    }
    return r->state;
}

static enum hello_state read_alert(struct hello_reader *r, struct cursor c)
{
    unsigned level = take_number(&c, 1);

    r->answer.alert = (uint8_t)take_number(&c, 1);
    if (c.is_short || c.len > 0)
        return break_off(r, "its alert has the wrong length");
    if (level == WARNING && r->answer.alert != 0) /* such as "unrecognized name": it goes on */
        return HELLO_MORE;
    return r->state = HELLO_ALERT;
}

static enum hello_state read_record(struct hello_reader *r, uint8_t type, struct slice body)
{
    if (type == ALERT)
        return read_alert(r, cursor_of(body));
    if (type != HANDSHAKE)
        return break_off(r, "it sent a record that has no place here");
    if (buf_add(&r->messages, body) != OK)
        return break_off(r, "its answer is too long");
    return read_messages(r);
}

/* SSL 2.0: SERVER-HELLO, or an error. A server without a cipher for us has refused. */
static enum hello_state read_ssl2(struct hello_reader *r, struct cursor c)
{
    enum { SERVER_HELLO = 4 };
    size_t len = take_number(&c, 2) & 0x7fffU;
    unsigned kinds;

    if (c.is_short || c.len < len)
        return HELLO_MORE;
    c = cursor_of(take(&c, len));
    if (take_number(&c, 1) != SERVER_HELLO) {
        r->answer.alert = HANDSHAKE_FAILURE;
        return r->state = HELLO_ALERT;
    }
    (void)take_number(&c, 2); /* session, kind of certificate */
    r->answer.version = (uint16_t)take_number(&c, 2);
    (void)take_number(&c, 2);
    kinds = take_number(&c, 2);
    if (c.is_short || r->answer.version != WIRE_SSL2)
        return break_off(r, "its SSLv2 answer cannot be read");
    r->answer.has_choice = kinds > 0;
    r->answer.alert = kinds > 0 ? 0 : HANDSHAKE_FAILURE;
    return r->state = kinds > 0 ? HELLO_ANSWERED : HELLO_ALERT;
}

static bool is_ssl2(const struct hello_reader *r, struct slice in)
{
    return r->offer->version == WIRE_SSL2 && in.len > 0 && ((uint8_t)in.ptr[0] & 0x80);
}

static enum hello_state read_records(struct hello_reader *r)
{
    while (r->state == HELLO_MORE) {
        struct slice in = buf_slice(&r->records);
        struct cursor c = cursor_of(in);
        unsigned type = take_number(&c, 1), major = take_number(&c, 1);
        size_t len;

        if (is_ssl2(r, in))
            return read_ssl2(r, cursor_of(in));
        if (in.len > 0 && (type < CCS || type > APPLICATION || (in.len > 1 && major != 3)))
            return break_off(r, "its answer is not TLS");
        (void)take_number(&c, 1);
        len = take_number(&c, 2);
        if (!c.is_short && len > RECORD_MAX)
            return break_off(r, "a record of it is too long");
        if (c.is_short || c.len < len)
            break;
        (void)read_record(r, (uint8_t)type, take(&c, len));
        buf_consume(&r->records, RECORD_HEADER + len);
    }
    return r->state;
}

enum hello_state hello_feed(struct hello_reader *r, struct slice in)
{
    while (r->state == HELLO_MORE && in.len > 0) {
        struct slice some = slice_first(in, RECORD_MAX);

        if (r->taken + some.len > HELLO_ANSWER_MAX)
            some = slice_first(some, HELLO_ANSWER_MAX - r->taken);
        if (some.len == 0 || buf_add(&r->records, some) != OK)
            return break_off(r, "its answer is too long");
        r->taken += some.len;
        in = slice_from(in, some.len);
        (void)read_records(r);
    }
    return r->state;
}

void hello_reader_init(struct hello_reader *r, const struct hello_offer *offer)
{
    *r = (struct hello_reader){ .offer = offer };
    buf_init(&r->records, HELLO_ANSWER_MAX);
    buf_init(&r->messages, HELLO_ANSWER_MAX);
}

void hello_reader_release(struct hello_reader *r)
{
    buf_release(&r->records);
    buf_release(&r->messages);
}

/* Those that refuse a hello, and a few that servers use for it all the same. */
static const struct {
    uint8_t alert;
    const char *name;
} alerts[] = {
    { 0, "close notify" },
    { 10, "unexpected message" },
    { 20, "bad record MAC" },
    { 22, "record overflow" },
    { 40, "handshake failure" },
    { 42, "bad certificate" },
    { 46, "certificate unknown" },
    { 47, "illegal parameter" },
    { 48, "unknown CA" },
    { 49, "access denied" },
    { 50, "decode error" },
    { 51, "decrypt error" },
    { 70, "protocol version" },
    { 71, "insufficient security" },
    { 80, "internal error" },
    { 86, "inappropriate fallback" },
    { 90, "user canceled" },
    { 109, "missing extension" },
    { 110, "unsupported extension" },
    { 112, "unrecognized name" },
    { 116, "certificate required" },
    { 120, "no application protocol" },
};

const char *hello_alert_name(uint8_t alert)
{
    for (size_t i = 0; i < COUNT_OF(alerts); i++)
        if (alerts[i].alert == alert)
            return alerts[i].name;
    return "unknown alert";
}
