#include "net/proxy_header.h"

#include <arpa/inet.h>

enum { V1_MAX = 107, V2_FIXED = 16, V4_BLOCK = 12, V6_BLOCK = 36 };
enum { COMMAND_LOCAL = 0, COMMAND_PROXY = 1, FAMILY_V4 = 1, FAMILY_V6 = 2, PROTOCOL_STREAM = 1 };

static const char v2_signature[12] = "\r\n\r\n\0\r\nQUIT\n";

static enum proxy_result refuse(struct fault *why, const char *what)
{
    (void)fault_set(why, ERR_SYNTAX, "bad PROXY header: %s; does the balancer speak to this listener?", what);
    return PROXY_ERROR;
}

static bool may_become(struct slice in, struct slice whole)
{
    return slice_eq(slice_first(in, whole.len), slice_first(whole, in.len));
}

/* Exactly one blank between words, so no leading one either (section 2.1). */
static struct slice next_word(struct slice *rest)
{
    return slice_cut(*rest, ' ', rest);
}

static bool read_port(struct slice word, uint16_t *out)
{
    uint64_t port;

    if (!slice_to_u64(word, &port) || port > UINT16_MAX || (word.len > 1 && word.ptr[0] == '0'))
        return false;
    *out = (uint16_t)port;
    return true;
}

static bool read_address(struct slice ip, struct slice port_word, int family, struct net_address *out)
{
    uint16_t port;

    return slice_find(ip, '[') == SIZE_MAX && read_port(port_word, &port) && net_address_parse(ip, port, out) == OK &&
           out->sa.any.sa_family == family;
}

static enum proxy_result parse_v1_words(struct slice line, struct proxy_header *out, struct fault *why)
{
    struct slice rest = line, protocol, source_ip, destination_ip, source_port, destination_port;
    int family;

    (void)next_word(&rest); /* PROXY */
    protocol = next_word(&rest);
    if (slice_eq(protocol, SLICE_LIT("UNKNOWN"))) {
        out->is_local = true;
        return PROXY_OK;
    }
    if (!slice_eq(protocol, SLICE_LIT("TCP4")) && !slice_eq(protocol, SLICE_LIT("TCP6")))
        return refuse(why, "the protocol is none of TCP4, TCP6 and UNKNOWN");
    family = protocol.ptr[3] == '4' ? AF_INET : AF_INET6;
    source_ip = next_word(&rest);
    destination_ip = next_word(&rest);
    source_port = next_word(&rest);
    destination_port = rest;
    if (!read_address(source_ip, source_port, family, &out->source) ||
        !read_address(destination_ip, destination_port, family, &out->destination))
        return refuse(why, "an address or a port is malformed");
    return PROXY_OK;
}

static enum proxy_result parse_v1(struct slice in, struct proxy_header *out, struct fault *why)
{
    struct slice seen = slice_first(in, V1_MAX);
    size_t end = slice_find(seen, '\n');

    if (end == SIZE_MAX)
        return seen.len == V1_MAX ? refuse(why, "a line of version 1 is too long") : PROXY_MORE;
    if (in.ptr[end - 1] != '\r')
        return refuse(why, "a line of version 1 does not end with CR LF");
    out->len = end + 1;
    return parse_v1_words(slice_first(in, end - 1), out, why);
}

static uint16_t u16(const char *at)
{
    return (uint16_t)((unsigned char)at[0] << 8 | (unsigned char)at[1]);
}

static void set_v4(struct net_address *out, const char *ip, const char *port)
{
    *out = (struct net_address){ .len = sizeof out->sa.v4 };
    out->sa.v4.sin_family = AF_INET;
    out->sa.v4.sin_port = htons(u16(port));
    memcpy(&out->sa.v4.sin_addr, ip, 4);
}

static void set_v6(struct net_address *out, const char *ip, const char *port)
{
    *out = (struct net_address){ .len = sizeof out->sa.v6 };
    out->sa.v6.sin6_family = AF_INET6;
    out->sa.v6.sin6_port = htons(u16(port));
    memcpy(&out->sa.v6.sin6_addr, ip, 16);
}

/* The addresses; TLVs behind them are skipped (section 2.2). */
static enum proxy_result parse_v2_block(unsigned family, struct slice block, struct proxy_header *out,
                                        struct fault *why)
{
    const char *at = block.ptr;

    if (family == (FAMILY_V4 << 4 | PROTOCOL_STREAM) && block.len >= V4_BLOCK) {
        set_v4(&out->source, at, at + 8);
        set_v4(&out->destination, at + 4, at + 10);
        return PROXY_OK;
    }
    if (family == (FAMILY_V6 << 4 | PROTOCOL_STREAM) && block.len >= V6_BLOCK) {
        set_v6(&out->source, at, at + 32);
        set_v6(&out->destination, at + 16, at + 34);
        return PROXY_OK;
    }
    if (family == 0) { /* unspecified: as UNKNOWN in version 1 */
        out->is_local = true;
        return PROXY_OK;
    }
    return refuse(why, "version 2 with a family that is not TCP, or without its addresses");
}

static enum proxy_result parse_v2(struct slice in, struct proxy_header *out, struct fault *why)
{
    unsigned version_command, family, len;

    if (in.len < V2_FIXED)
        return PROXY_MORE;
    version_command = (unsigned char)in.ptr[12];
    family = (unsigned char)in.ptr[13];
    len = u16(in.ptr + 14);
    if (version_command >> 4 != 2 || (version_command & 15) > COMMAND_PROXY)
        return refuse(why, "the version is not 2, or the command is unknown");
    if (len > PROXY_HEADER_MAX - V2_FIXED)
        return refuse(why, "a header of version 2 is too long");
    if (in.len < V2_FIXED + len)
        return PROXY_MORE;
    out->len = V2_FIXED + len;
    if ((version_command & 15) == COMMAND_LOCAL) {
        out->is_local = true;
        return PROXY_OK;
    }
    return parse_v2_block(family, slice_of(in.ptr + V2_FIXED, len), out, why);
}

enum proxy_result proxy_header_parse(struct slice in, struct proxy_header *out, struct fault *why)
{
    const struct slice v1 = SLICE_LIT("PROXY "), v2 = slice_of(v2_signature, sizeof v2_signature);

    *out = (struct proxy_header){ 0 };
    if (may_become(in, v1))
        return in.len < v1.len ? PROXY_MORE : parse_v1(in, out, why);
    if (may_become(in, v2))
        return parse_v2(in, out, why);
    return refuse(why, "the connection does not begin with one");
}
