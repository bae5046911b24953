/* net/address.h: IP addresses with ports, as values. */
#ifndef STERNPOST_NET_ADDRESS_H
#define STERNPOST_NET_ADDRESS_H

#include "base/slice.h"
#include "base/status.h"

#include <netinet/in.h>
#include <sys/socket.h>

struct net_address {
    union {
        struct sockaddr         any;
        struct sockaddr_in      v4;
        struct sockaddr_in6     v6;
        struct sockaddr_storage storage;
    } sa;
    socklen_t len;
};

enum { NET_ADDRESS_TEXT = 64 };

/* "192.0.2.1", "2001:db8::1" (brackets allowed) with a port of its own. ERR_SYNTAX. */
MUST_USE enum status net_address_parse(struct slice ip, uint16_t port, struct net_address *out);
/* "192.0.2.1:25", "[::]:25"; ERR_SYNTAX with the remedy in `why`. */
/* From the bytes of an A or AAAA record, 4 or 16. ERR_SYNTAX for another length. */
MUST_USE enum status net_address_of_bytes(struct slice bytes, uint16_t port, struct net_address *out);
MUST_USE enum status net_address_parse_with_port(struct slice text, struct net_address *out, struct fault *why);
const char *net_address_ip(const struct net_address *a, char out[static NET_ADDRESS_TEXT]);   /* "2001:db8::1" */
const char *net_address_text(const struct net_address *a, char out[static NET_ADDRESS_TEXT]); /* "[2001:db8::1]:25" */
uint16_t net_address_port(const struct net_address *a);
bool net_address_same_ip(const struct net_address *a, const struct net_address *b); /* mapped v4 equals v4 */
bool net_address_is_loopback(const struct net_address *a); /* 127.0.0.0/8 or ::1 */
/* Global unicast: not loopback, private (RFC 1918, RFC 4193), link-local, shared (RFC 6598), documentation,
 * benchmarking, multicast, unspecified, mapped or NAT64 forms of such (STS-22, DNS-10). */
bool net_address_is_global(const struct net_address *a);
/* The network that limits count by: a whole IPv4 address, the /64 of an IPv6 one. Writes a key. */
struct slice net_address_limit_key(const struct net_address *a, char out[static NET_ADDRESS_TEXT]);

struct net_network { /* "192.0.2.0/24", "2001:db8::/32", or one address */
    struct net_address base;
    unsigned           bits;
};
MUST_USE enum status net_network_parse(struct slice text, struct net_network *out, struct fault *why);
bool net_network_holds(const struct net_network *n, const struct net_address *a);

#endif
