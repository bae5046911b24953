/* certs/certificate.h: a certificate as plain data (RFC 5280). Every text in it is made harmless: what is not a printable
 * character stands as \xNN, so that no name acts on a terminal, a log or a page (TLS-24). */
#ifndef STERNPOST_CERTS_CERTIFICATE_H
#define STERNPOST_CERTS_CERTIFICATE_H

#include "base/arena.h"

#include <openssl/x509.h>

enum { CERTIFICATE_HEX_SHA256 = 65, CERTIFICATE_HEX_SHA1 = 41 };

struct certificate {
    struct slice        subject, issuer;  /* RFC 2253 text; "" for none */
    struct slice        common_name;      /* the last of the subject's; "" for none */
    const struct slice *names;            /* what it is for: DNS names as they stand, addresses as "IP:192.0.2.1" */
    size_t              names_len;
    struct slice        serial;           /* hex, lower case */
    int64_t             not_before_s, not_after_s; /* 0: what stands there is no time */
    struct slice        key;              /* "RSA", "EC P-256", "ED25519"; "unreadable" */
    int                 key_bits;         /* 0: unknown */
    struct slice        signature;        /* "sha256WithRSAEncryption" */
    bool                is_weakly_signed; /* with SHA-1, MD5 or worse */
    char                sha256[CERTIFICATE_HEX_SHA256], sha1[CERTIFICATE_HEX_SHA1]; /* of the whole, hex */
    char                spki[CERTIFICATE_HEX_SHA256]; /* SHA-256 of its public key: what TLSA records hold (RFC 6698) */
    bool                is_authority;     /* may issue others */
    bool                is_self_signed;   /* issuer and subject are the same, and its own key signed it */
    struct slice        usages;           /* extended key usages with commas: "serverAuth, clientAuth"; "" for none */
    struct slice        issuer_url;       /* where the issuer's certificate can be had (AIA); "": it does not say */
    struct slice        der;              /* in the arena */
};

/* Reads DER. ERR_SYNTAX when it is not a certificate, or something stands behind it. *out is written only on OK. */
MUST_USE enum status certificate_read(struct slice der, struct arena *arena, struct certificate *out, struct fault *why);
/* The same from the library's form. */
void certificate_of(X509 *cert, struct arena *arena, struct certificate *out);

/* Whole days until it ends, below 0 when it has: -1 in the first 24 hours behind the end. */
int64_t certificate_days_left(const struct certificate *c, int64_t now_s);

/* Foreign bytes as printable text in `arena`: others as \xNN, a backslash as \\. */
struct slice certificate_escape(struct slice bytes, struct arena *arena);

#endif
