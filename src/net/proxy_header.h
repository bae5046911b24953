/* net/proxy_header.h: the PROXY protocol, versions 1 and 2 (proxy-protocol.txt of HAProxy): a load balancer in front
 * of us tells whose connection it hands on. Only for listeners whose peer is a listed balancer (SRV-22). */
#ifndef STERNPOST_NET_PROXY_HEADER_H
#define STERNPOST_NET_PROXY_HEADER_H

#include "net/address.h"

/* A header of version 1 is at most 107 bytes; one of version 2 is at most 16 and what we take of addresses and TLVs. */
enum { PROXY_HEADER_MAX = 16 + 2048 };

enum proxy_result {
    PROXY_MORE,  /* not all there yet: read more and ask again with all of it */
    PROXY_OK,    /* *out tells */
    PROXY_ERROR, /* not a header, or longer than PROXY_HEADER_MAX: close without a word */
};

struct proxy_header {
    size_t             len;      /* bytes of the header; the client's own begin behind it */
    bool               is_local; /* LOCAL or UNKNOWN: a check of the balancer's; the connection's addresses count */
    struct net_address source, destination; /* the client, and where it connected to; when not is_local */
};

/* `in` is all that was read so far. Pure. *why (may be NULL) is set on PROXY_ERROR. */
enum proxy_result proxy_header_parse(struct slice in, struct proxy_header *out, struct fault *why);

#endif
