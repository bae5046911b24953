/* policy/tlsa.h: TLSA records as data (RFC 6698 section 2, RFC 7671, RFC 7672 section 3), and which of them count. */
#ifndef STERNPOST_POLICY_TLSA_H
#define STERNPOST_POLICY_TLSA_H

#include "base/arena.h"

enum { TLSA_MOST = 64 }; /* records looked at (DANE-08) */

struct tlsa_record {
    uint8_t      usage, selector, type;
    struct slice data;
};

/* What DNS says of DANE for one server. */
enum dane_state {
    DANE_UNKNOWN,  /* not looked up */
    DANE_NONE,     /* securely denied, unsigned, or not to be asked since its address is unsigned */
    DANE_USABLE,   /* at least one record can authenticate it */
    DANE_UNUSABLE, /* records, but none of them usable: TLS is mandatory, without authentication (RFC 7672 section 2.2) */
    DANE_FAILED,   /* no answer: the server must not be used now (section 2.1.1) */
    DANE_BOGUS,    /* forged, says DNSSEC: the same */
};
const char *dane_state_name(enum dane_state s); /* "usable" */

struct tlsa_set {
    const struct tlsa_record *records; /* usable, after digest agility (RFC 7671 section 9) */
    size_t                    records_len;
    const struct slice       *texts;   /* every record published, "3 1 1 HEX", lower-case hex: for reports and people */
    size_t                    texts_len;
    struct slice              base_domain; /* section 2.2.3: name for SNI and, in usage 2, for the certificate */
};

/* Sorts out what can be used from RDATA. DANE_USABLE or DANE_UNUSABLE (also for no records at all: do not ask then).
 * Everything lives in `arena`; base_domain is left alone. */
enum dane_state tlsa_choose(const struct slice *rdata, size_t len, struct arena *arena, struct tlsa_set *out);
/* "3 1 1 HEX" in `arena`. */
struct slice tlsa_text(const struct tlsa_record *r, struct arena *arena);

#endif
