/* certs/ocsp.h: what a stapled OCSP response says of a server's certificate (RFC 6960, RFC 6066 section 8). */
#ifndef STERNPOST_CERTS_OCSP_H
#define STERNPOST_CERTS_OCSP_H

#include "base/slice.h"

enum ocsp_state {
    OCSP_ABSENT,   /* none was sent: nothing is wrong with that */
    OCSP_GOOD,
    OCSP_REVOKED,
    OCSP_UNKNOWN,  /* the authority does not know the certificate */
    OCSP_UNUSABLE, /* malformed, for another certificate, out of its dates, or signed by nobody who may: see `text` */
};
const char *ocsp_state_name(enum ocsp_state s); /* "good" */

enum { OCSP_TEXT = 160 };

struct ocsp_facts {
    enum ocsp_state state;
    char            text[OCSP_TEXT]; /* one sentence, printable */
    int64_t         until_s;         /* when it is to be renewed; 0: it does not say */
};

/* `chain` is DER, the leaf first; its issuer must be among it. Dates are held against the clock. */
void ocsp_read(struct slice staple, const struct slice *chain, size_t chain_len, struct ocsp_facts *out);

#endif
