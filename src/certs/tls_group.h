/* certs/tls_group.h: the groups of key exchanges by number, as IANA registers them (supported_groups). */
#ifndef STERNPOST_CERTS_TLS_GROUP_H
#define STERNPOST_CERTS_TLS_GROUP_H

#include "certs/suite.h"

struct tls_group {
    uint16_t id;
    const char *name; /* "X25519", "P-256", "ffdhe2048" */
    unsigned bits;    /* of the field */
    bool is_old;      /* below 224 bits, or characteristic two: taken out by RFC 8422 */
    bool is_finite;   /* finite field (RFC 7919): only offered for TLS 1.3, else it changes what servers do */
    bool is_hybrid;   /* TLS 1.3 alone */
};
const struct tls_group *tls_group_find(uint16_t id); /* NULL: unknown */
/* Those that a hello of `version` offers, the best first. */
enum { TLS_GROUP_MOST = 48 };
size_t tls_group_list(uint16_t version, uint16_t out[static TLS_GROUP_MOST]);

#endif
