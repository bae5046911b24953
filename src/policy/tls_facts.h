/* policy/tls_facts.h: what is known of one connection's TLS, as plain data. net/ fills it, policy/ judges it. */
#ifndef STERNPOST_POLICY_TLS_FACTS_H
#define STERNPOST_POLICY_TLS_FACTS_H

#include "base/slice.h"

enum tls_version { TLS_VERSION_NONE, TLS_VERSION_1_0, TLS_VERSION_1_1, TLS_VERSION_1_2, TLS_VERSION_1_3 };

/* The peer's certificate against the trust store and the names that were asked for. */
enum cert_verdict {
    CERT_ABSENT,        /* none was shown */
    CERT_TRUSTED,       /* the chain ends in a trusted root, is in its dates and for this use */
    CERT_EXPIRED,       /* leaf or an issuer */
    CERT_NOT_YET_VALID,
    CERT_SELF_SIGNED,
    CERT_UNTRUSTED,     /* unknown issuer, missing intermediate, weak key, wrong use: see verdict_text */
};

/* The peer's certificate against the TLSA records of its name. */
enum dane_verdict {
    DANE_NOT_CHECKED,   /* no records were given */
    DANE_MATCHED,
    DANE_MISMATCH,      /* no record matches */
    DANE_EXPIRED,       /* usage 2: a record matches an issuer, but it or one below it has expired */
    DANE_HOST_MISMATCH, /* usage 2: the same, but the names do not match */
    DANE_INVALID,       /* usage 2: the chain is broken otherwise, or not valid yet */
    DANE_ERROR,         /* the library could not check: nothing may be concluded (DANE-04) */
};
const char *dane_verdict_name(enum dane_verdict v); /* "matched" */

enum { TLS_FACTS_DANE_TEXT = 200 };

struct tls_facts {
    bool              is_tls, is_resumed;
    enum tls_version  version;
    char              cipher[48];  /* "TLS_AES_256_GCM_SHA384" */
    char              group[32];   /* key exchange: "X25519"; empty when the library cannot tell */
    int               cipher_bits;
    enum cert_verdict verdict;
    bool              name_matches;     /* a DNS name of the leaf matches one that was asked for (RFC 9525) */
    char              verdict_text[160]; /* the library's reason when not CERT_TRUSTED, and which certificate */
    char              matched_name[256]; /* the name that matched; empty otherwise */
    char              subject[256], issuer[256]; /* RFC 2253 text, made printable */
    char              fingerprint[65];  /* SHA-256 of the leaf, hex */
    int64_t           not_after_s;      /* the leaf's; 0 when there is none */
    enum dane_verdict dane;
    char              dane_text[TLS_FACTS_DANE_TEXT]; /* the record that matched, "3 1 1 HEX" (cut), or what is wrong */
    char              sni[256];         /* server side: what the client asked for; empty: nothing */
    char              handshake_error[160]; /* why there is no TLS although it was tried */
};

const char *tls_version_name(enum tls_version v); /* "TLSv1.3"; "none" */
/* "1.2", "TLSv1.2", "tls1.2" in any case; false on anything else. */
bool tls_version_parse(struct slice s, enum tls_version *out);
const char *cert_verdict_name(enum cert_verdict v); /* "trusted", "self-signed" */

#endif
