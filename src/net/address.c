#include "net/address.h"

#include <arpa/inet.h>
#include <stdio.h>

enum { V4_BITS = 32, V6_BITS = 128, MAPPED_BITS = 96 };

static const uint8_t mapped_prefix[12] = { [10] = 0xff, [11] = 0xff };

static void set_v4(struct net_address *out, const void *ip, uint16_t port)
{
    *out = (struct net_address){ .len = sizeof out->sa.v4 };
    out->sa.v4.sin_family = AF_INET;
    out->sa.v4.sin_port = htons(port);
    memcpy(&out->sa.v4.sin_addr, ip, sizeof out->sa.v4.sin_addr);
}

static void set_v6(struct net_address *out, const void *ip, uint16_t port)
{
    *out = (struct net_address){ .len = sizeof out->sa.v6 };
    out->sa.v6.sin6_family = AF_INET6;
    out->sa.v6.sin6_port = htons(port);
    memcpy(&out->sa.v6.sin6_addr, ip, sizeof out->sa.v6.sin6_addr);
}

enum status net_address_of_bytes(struct slice bytes, uint16_t port, struct net_address *out)
{
    if (bytes.len == sizeof out->sa.v4.sin_addr)
        set_v4(out, bytes.ptr, port);
    else if (bytes.len == sizeof out->sa.v6.sin6_addr)
        set_v6(out, bytes.ptr, port);
    else
        return ERR_SYNTAX;
    return OK;
}

enum status net_address_parse(struct slice ip, uint16_t port, struct net_address *out)
{
    char text[INET6_ADDRSTRLEN];
    uint8_t bytes[sizeof(struct in6_addr)];

    if (ip.len >= 2 && ip.ptr[0] == '[' && ip.ptr[ip.len - 1] == ']') {
        ip = slice_of(ip.ptr + 1, ip.len - 2);
        if (slice_find(ip, ':') == SIZE_MAX)
            return ERR_SYNTAX;
    }
    if (!slice_to_cstr(ip, text, sizeof text))
        return ERR_SYNTAX;
    if (inet_pton(AF_INET, text, bytes) == 1)
        set_v4(out, bytes, port);
    else if (inet_pton(AF_INET6, text, bytes) == 1)
        set_v6(out, bytes, port);
    else
        return ERR_SYNTAX;
    return OK;
}

enum status net_address_parse_with_port(struct slice text, struct net_address *out, struct fault *why)
{
    size_t colon = slice_find_last(text, ':');
    struct slice ip = slice_first(text, colon);
    uint64_t port = 0;

    if (colon == SIZE_MAX || !slice_to_u64(slice_from(text, colon + 1), &port) || port > UINT16_MAX)
        return fault_set(why, ERR_SYNTAX, "'%.*s' has no port: write it as 192.0.2.1:25 or [2001:db8::1]:25",
                         SLICE_FMT(text));
    if (slice_find(ip, ':') != SIZE_MAX && ip.ptr[0] != '[')
        return fault_set(why, ERR_SYNTAX, "'%.*s' is not clear: write an IPv6 address in brackets, [2001:db8::1]:25",
                         SLICE_FMT(text));
    if (net_address_parse(ip, (uint16_t)port, out) != OK)
        return fault_set(why, ERR_SYNTAX, "'%.*s' is not an IP address with a port (names are not looked up here)",
                         SLICE_FMT(text));
    return OK;
}

/* The IPv4 address in `a`, be it written as IPv4 or as a mapped IPv6 address; NULL for any other. */
static const uint8_t *v4_bytes(const struct net_address *a)
{
    const uint8_t *v6 = a->sa.v6.sin6_addr.s6_addr;

    if (a->sa.any.sa_family == AF_INET)
        return (const uint8_t *)&a->sa.v4.sin_addr;
    if (a->sa.any.sa_family == AF_INET6 && memcmp(v6, mapped_prefix, sizeof mapped_prefix) == 0)
        return v6 + sizeof mapped_prefix;
    return NULL;
}

const char *net_address_ip(const struct net_address *a, char out[static NET_ADDRESS_TEXT])
{
    const void *bytes =
        a->sa.any.sa_family == AF_INET ? (const void *)&a->sa.v4.sin_addr : (const void *)&a->sa.v6.sin6_addr;

    if (inet_ntop(a->sa.any.sa_family, bytes, out, NET_ADDRESS_TEXT) == NULL)
        (void)snprintf(out, NET_ADDRESS_TEXT, "unknown");
    return out;
}

const char *net_address_text(const struct net_address *a, char out[static NET_ADDRESS_TEXT])
{
    char ip[NET_ADDRESS_TEXT];
    const char *form = a->sa.any.sa_family == AF_INET6 ? "[%s]:%u" : "%s:%u";

    net_address_ip(a, ip);
    (void)snprintf(out, NET_ADDRESS_TEXT, form, ip, (unsigned)net_address_port(a));
    return out;
}

uint16_t net_address_port(const struct net_address *a)
{
    switch (a->sa.any.sa_family) {
    case AF_INET: return ntohs(a->sa.v4.sin_port);
    case AF_INET6: return ntohs(a->sa.v6.sin6_port);
    default: return 0;
    }
}

bool net_address_same_ip(const struct net_address *a, const struct net_address *b)
{
    const uint8_t *v4_a = v4_bytes(a), *v4_b = v4_bytes(b);

    if (v4_a != NULL || v4_b != NULL)
        return v4_a != NULL && v4_b != NULL && memcmp(v4_a, v4_b, 4) == 0;
    return a->sa.any.sa_family == AF_INET6 && b->sa.any.sa_family == AF_INET6 &&
           memcmp(&a->sa.v6.sin6_addr, &b->sa.v6.sin6_addr, 16) == 0;
}

struct range {
    uint8_t bytes[16];
    unsigned bits;
};

/* From the IANA registries of special-purpose addresses (RFC 6890). */
static const struct range v4_special[] = {
    { { 0 }, 8 },             /* "this network", RFC 791 */
    { { 10 }, 8 },            /* private, RFC 1918 */
    { { 100, 64 }, 10 },      /* shared, RFC 6598 */
    { { 127 }, 8 },           /* loopback */
    { { 169, 254 }, 16 },     /* link-local, RFC 3927; cloud metadata lives here */
    { { 172, 16 }, 12 },      /* private */
    { { 192, 0, 0 }, 24 },    /* IETF protocol assignments, RFC 6890 */
    { { 192, 0, 2 }, 24 },    /* documentation, RFC 5737 */
    { { 192, 88, 99 }, 24 },  /* 6to4 relays, RFC 7526 */
    { { 192, 168 }, 16 },     /* private */
    { { 198, 18 }, 15 },      /* benchmarking, RFC 2544 */
    { { 198, 51, 100 }, 24 }, /* documentation */
    { { 203, 0, 113 }, 24 },  /* documentation */
    { { 224 }, 4 },           /* multicast */
    { { 240 }, 4 },           /* reserved, and broadcast */
};

static const struct range v6_global = { { 0x20 }, 3 }; /* RFC 4291 section 2.4: all that is assigned today */

static const struct range v6_special[] = {
    { { 0x20, 0x01, 0x00 }, 23 },       /* IETF protocol assignments, Teredo, benchmarking, ORCHID */
    { { 0x20, 0x01, 0x0d, 0xb8 }, 32 }, /* documentation, RFC 3849 */
    { { 0x3f, 0xff, 0x00 }, 20 },       /* documentation, RFC 9637 */
};

/* Where an IPv4 address is carried inside: what counts is where that one leads. */
static const struct {
    struct range range;
    size_t at;
} v6_carriers[] = {
    { { { [10] = 0xff, [11] = 0xff }, 96 }, 12 }, /* mapped, RFC 4291 section 2.5.5.2 */
    { { { 0x00, 0x64, 0xff, 0x9b }, 96 }, 12 },   /* NAT64, RFC 6052 */
    { { { 0x20, 0x02 }, 16 }, 2 },                /* 6to4, RFC 3056 */
};

static bool in_range(const uint8_t *ip, const uint8_t *base, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;

    if (memcmp(ip, base, whole) != 0)
        return false;
    return rest == 0 || ((ip[whole] ^ base[whole]) >> (8 - rest)) == 0;
}

static bool in_any(const uint8_t *ip, const struct range *ranges, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (in_range(ip, ranges[i].bytes, ranges[i].bits))
            return true;
    return false;
}

bool net_address_is_loopback(const struct net_address *a)
{
    const uint8_t *v4 = v4_bytes(a);

    if (v4 != NULL)
        return v4[0] == 127;
    return a->sa.any.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&a->sa.v6.sin6_addr);
}

static bool is_global_v4(const uint8_t *ip)
{
    return !in_any(ip, v4_special, COUNT_OF(v4_special));
}

static bool is_global_v6(const uint8_t *ip)
{
    for (size_t i = 0; i < COUNT_OF(v6_carriers); i++)
        if (in_range(ip, v6_carriers[i].range.bytes, v6_carriers[i].range.bits))
            return is_global_v4(ip + v6_carriers[i].at);
    return in_range(ip, v6_global.bytes, v6_global.bits) && !in_any(ip, v6_special, COUNT_OF(v6_special));
}

bool net_address_is_global(const struct net_address *a)
{
    switch (a->sa.any.sa_family) {
    case AF_INET: return is_global_v4((const uint8_t *)&a->sa.v4.sin_addr);
    case AF_INET6: return is_global_v6(a->sa.v6.sin6_addr.s6_addr);
    default: return false;
    }
}

struct slice net_address_limit_key(const struct net_address *a, char out[static NET_ADDRESS_TEXT])
{
    const uint8_t *v4 = v4_bytes(a);
    uint8_t net[16] = { 0 };

    if (v4 != NULL) {
        (void)inet_ntop(AF_INET, v4, out, NET_ADDRESS_TEXT);
        return slice_str(out);
    }
    memcpy(net, a->sa.v6.sin6_addr.s6_addr, 8);
    (void)inet_ntop(AF_INET6, net, out, NET_ADDRESS_TEXT - sizeof "/64");
    memcpy(out + strlen(out), "/64", sizeof "/64");
    return slice_str(out);
}

static uint8_t *ip_bytes(struct net_address *a, unsigned *bits)
{
    *bits = a->sa.any.sa_family == AF_INET ? V4_BITS : V6_BITS;
    return a->sa.any.sa_family == AF_INET ? (uint8_t *)&a->sa.v4.sin_addr : a->sa.v6.sin6_addr.s6_addr;
}

/* Clears what lies behind the prefix; true when something was set there. */
static bool mask(uint8_t *ip, unsigned all_bits, unsigned bits)
{
    bool was_set = false;

    for (unsigned i = 0; i < all_bits / 8; i++) {
        unsigned kept = bits >= (i + 1) * 8 ? 8 : bits <= i * 8 ? 0 : bits - i * 8;
        uint8_t keep = (uint8_t)(0xff00U >> kept);

        was_set = was_set || (ip[i] & ~keep) != 0;
        ip[i] &= keep;
    }
    return was_set;
}

enum status net_network_parse(struct slice text, struct net_network *out, struct fault *why)
{
    struct slice bits_text, ip = slice_cut(text, '/', &bits_text);
    bool has_bits = ip.len < text.len;
    struct net_network n;
    char right[NET_ADDRESS_TEXT];
    unsigned all_bits;
    uint64_t bits;
    uint8_t *bytes;

    if (net_address_parse(ip, 0, &n.base) != OK)
        return fault_set(why, ERR_SYNTAX, "'%.*s' is not a network: write 192.0.2.0/24, 2001:db8::/32 or one address",
                         SLICE_FMT(text));
    bytes = ip_bytes(&n.base, &all_bits);
    bits = all_bits;
    if (has_bits && (!slice_to_u64(bits_text, &bits) || bits > all_bits))
        return fault_set(why, ERR_SYNTAX, "'%.*s' has no good prefix length: a number from 0 to %u stands behind '/'",
                         SLICE_FMT(text), all_bits);
    n.bits = (unsigned)bits;
    if (mask(bytes, all_bits, n.bits))
        return fault_set(why, ERR_SYNTAX, "'%.*s' has bits set behind its prefix: did you mean %s/%u?",
                         SLICE_FMT(text), net_address_ip(&n.base, right), n.bits);
    if (all_bits == V6_BITS && n.bits >= MAPPED_BITS && v4_bytes(&n.base) != NULL) {
        struct net_address v4;

        set_v4(&v4, v4_bytes(&n.base), 0);
        n = (struct net_network){ .base = v4, .bits = n.bits - MAPPED_BITS };
    }
    *out = n;
    return OK;
}

bool net_network_holds(const struct net_network *n, const struct net_address *a)
{
    const uint8_t *v4 = v4_bytes(a);

    if (n->base.sa.any.sa_family == AF_INET)
        return v4 != NULL && in_range(v4, (const uint8_t *)&n->base.sa.v4.sin_addr, n->bits);
    return v4 == NULL && a->sa.any.sa_family == AF_INET6 &&
           in_range(a->sa.v6.sin6_addr.s6_addr, n->base.sa.v6.sin6_addr.s6_addr, n->bits);
}
