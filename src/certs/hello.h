/* certs/hello.h: the first words of TLS written by hand, and the answer read without any cryptography: for asking a
 * server about versions and suites that the local library no longer speaks. No socket, no clock.
 *
 * A question is one hello; the answer is read up to where a client would have to compute something, and the connection
 * is then given up. Nothing that was asked for is ever used to carry data. */
#ifndef STERNPOST_CERTS_HELLO_H
#define STERNPOST_CERTS_HELLO_H

#include "base/buf.h"
#include "certs/tls_group.h"

struct hello_offer {        /* what a ClientHello offers; borrowed while it is written and while its answer is read */
    uint16_t version;       /* the highest; WIRE_TLS1_3 offers TLS 1.0 to 1.2 too when `suites` has some for them;
                             * WIRE_SSL2 has a format of its own and ignores all else (RFC 6101 appendix E) */
    const uint16_t *suites; /* in the order of preference, at most SUITE_MOST */
    size_t suites_len;
    const uint16_t *groups; /* likewise, at most TLS_GROUP_MOST; for suites with curves and for TLS 1.3 */
    size_t groups_len;
    struct slice sni;  /* a host name; empty: none */
    struct slice alpn; /* one protocol, "http/1.1"; empty: none */
    bool is_fallback;  /* marked as a second try below what the client speaks (RFC 7507) */
    bool has_heartbeat; /* offers heartbeats, and says that none may be sent (RFC 6520) */
    uint8_t random[32];
};

/* The records to send, whole. Extensions from TLS 1.0 on; SSLv3 gets the renegotiation suite in their place (RFC
 * 5746). TLS 1.3 comes without a key share, so that the server asks for one and tells by it what it would use (RFC
 * 8446 section 4.2.8). */
enum { HELLO_MAX = 2048 };
struct slice hello_write(const struct hello_offer *offer, uint8_t out[static HELLO_MAX]);

enum hello_state {
    HELLO_MORE,     /* the answer is not whole */
    HELLO_ANSWERED, /* the server chose from the offer, and said all that it says before we would have to answer */
    HELLO_ALERT,    /* it refused with `alert`; when `has_choice` it chose before, and gave up then */
    HELLO_BROKEN,   /* `broken` says in words what is wrong with the answer; `has_choice` as above */
};

enum { HELLO_ANSWER_MAX = 64 * 1024, HELLO_CERTS_MOST = 16, HELLO_ALPN = 32 };

struct hello_answer {
    bool has_choice;     /* version and suite are from the offer, or SSLv2 */
    bool is_retry;       /* TLS 1.3: HelloRetryRequest, group is the one the server wants */
    uint16_t version;    /* WIRE_SSL2 ... WIRE_TLS1_3 */
    uint16_t suite;      /* 0 for SSLv2 */
    uint16_t group;      /* named group of the key exchange; 0: none, or not named */
    unsigned group_bits; /* of the DH prime, the curve, or the export key; 0: unknown */
    uint16_t signature;  /* TLS 1.2: SignatureScheme of ServerKeyExchange; 0: none */
    bool has_secure_renegotiation, has_extended_master_secret, has_heartbeat;
    char alpn[HELLO_ALPN]; /* printable; empty: none */
    size_t certs_len;      /* see hello_cert(); none in TLS 1.3, where certificates are encrypted */
    uint8_t alert;
    const char *broken; /* a literal */
};

struct hello_reader {           /* embed; fields but `answer` are private */
    struct hello_answer answer; /* complete when the state is not HELLO_MORE */
    const struct hello_offer *offer;
    enum hello_state state;
    struct suite suite;
    struct buf records, messages;
    size_t taken, at; /* bytes fed; of `messages` what was read */
    uint8_t done;     /* the messages seen, as bits in the order of hello_read.c */
    size_t certs_at[HELLO_CERTS_MOST], certs_size[HELLO_CERTS_MOST]; /* in `messages` */
};

void hello_reader_init(struct hello_reader *r, const struct hello_offer *offer); /* borrows the offer */
void hello_reader_release(struct hello_reader *r);
/* What comes after the end of an answer is dropped. HELLO_ANSWER_MAX bytes without an end are HELLO_BROKEN. */
enum hello_state hello_feed(struct hello_reader *r, struct slice in);

/* Certificate number `i` < certs_len in DER as sent, the leaf first; lives until the reader is released or fed. */
struct slice hello_cert(const struct hello_reader *r, size_t i);

/* A fatal alert, to take leave with. */
struct slice hello_goodbye(uint16_t version, uint8_t out[static 7]);
const char *hello_alert_name(uint8_t alert); /* "handshake failure"; "unknown alert" */

#endif
