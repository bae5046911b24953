/* certs/suite.h: cipher suites of SSLv3 to TLS 1.3 by number, as IANA registers them: names,
 * bits, and what they are worth. What the local library no longer knows is here as well. PSK, SRP and Kerberos are
 * not. */
#ifndef STERNPOST_CERTS_SUITE_H
#define STERNPOST_CERTS_SUITE_H

#include "base/slice.h"
#include "base/status.h"

/* A version as it stands in a hello: client_version, server_version, supported_versions. */
enum {
    WIRE_SSL2 = 0x0002,
    WIRE_SSL3 = 0x0300,
    WIRE_TLS1_0 = 0x0301,
    WIRE_TLS1_1 = 0x0302,
    WIRE_TLS1_2 = 0x0303,
    WIRE_TLS1_3 = 0x0304,
};
const char *wire_version_name(uint16_t version); /* "SSLv3", "TLSv1.3"; NULL: no version */

/* A suite's class is its worst property; the worst class stands first. */
enum suite_class {
    SUITE_NULL,      /* nothing is encrypted */
    SUITE_EXPORT,    /* 40 or 56 bits, weak by design (FREAK, Logjam) */
    SUITE_DES,       /* 56 bits */
    SUITE_ANONYMOUS, /* nobody proves who they are */
    SUITE_RC4,       /* forbidden by RFC 7465 */
    SUITE_3DES,      /* 3DES, IDEA: blocks of 64 bits (Sweet32) */
    SUITE_STATIC,    /* key exchange by RSA or fixed (EC)DH: no forward secrecy */
    SUITE_DHE,       /* forward secrecy in a group that the server made up */
    SUITE_ECDHE_CBC, /* forward secrecy, encryption and MAC apart */
    SUITE_ECDHE_AEAD,
    SUITE_TLS1_3,
    SUITE_CLASSES,
};
const char *suite_class_name(enum suite_class c); /* "3des": for JSON */
const char *suite_class_text(enum suite_class c); /* "3DES (112/168 bits)" */

/* How the keys come about, as ServerKeyExchange tells it. */
enum suite_exchange {
    SUITE_BY_RSA,        /* the client encrypts a secret: no ServerKeyExchange */
    SUITE_BY_RSA_EXPORT, /* the same with a short key of its own */
    SUITE_BY_FIXED_DH,   /* the certificate holds the share */
    SUITE_BY_DHE,
    SUITE_BY_ECDHE,
    SUITE_BY_KEY_SHARE, /* TLS 1.3: in the hellos */
};

struct suite {
    uint16_t id;
    enum suite_class class;
    enum suite_exchange exchange;
    bool is_signed; /* ServerKeyExchange carries a signature */
    bool is_elliptic;
    uint16_t since;     /* the first version that may use it: WIRE_SSL3 ... */
    const char *cipher; /* "3DES", "RC4", "AES", "ChaCha20" */
    unsigned bits;      /* of the key: 3DES 168, RC4 128 */
    unsigned strength;  /* what an attacker must search: 3DES 112 */
};

/* Keys of their own for each session: the server's key, known later, does not open them. */
static inline bool suite_has_forward_secrecy(const struct suite *s)
{
    return s->exchange >= SUITE_BY_DHE;
}

/* False: not one we know. */
bool suite_find(uint16_t id, struct suite *out);
enum { SUITE_NAME = 64 };
const char *suite_name(uint16_t id, char out[static SUITE_NAME]); /* "TLS_RSA_WITH_3DES_EDE_CBC_SHA"; "0xabcd" */

/* Numbers of the suites of `classes` (bits 1 << enum suite_class) that `version` can use, the strongest class first,
 * or the weakest; within a class the strongest first. Returns how many were written. */
enum { SUITE_MOST = 256 };
size_t suite_list(unsigned classes, uint16_t version, bool weakest_first, uint16_t out[static SUITE_MOST]);

#endif
