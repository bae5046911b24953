/* certs/tlsa_guard.h: may a certificate be served as far as DANE goes? Who validates us by TLSA must find a record for it, in
 * every cache, before it is served (RFC 7671 section 8.1; DANE rollover). Pure. */
#ifndef STERNPOST_CERTS_TLSA_GUARD_H
#define STERNPOST_CERTS_TLSA_GUARD_H

#include <stdbool.h>
#include <stdint.h>

enum guard_verdict {
    GUARD_FREE,         /* nobody validates by TLSA here, or a record stands for it long enough */
    GUARD_UNKNOWN,      /* DNS has not answered */
    GUARD_NEEDS_RECORD, /* records are published, and none is for it */
    GUARD_WAITS_TTL,    /* one is, but answers without it may still be in caches */
};

struct guard_case { /* one question, such as _25._tcp.mx.example.org, and one certificate */
    bool    is_known;          /* there is an answer */
    bool    has_records;       /* validated, usable ones: senders demand a match */
    bool    matches;           /* one of them matches the certificate */
    int64_t seen_s;            /* when the match was first seen, or since when there are no records after there were; 0: never */
    int64_t ttl_s;             /* how long, from then, older answers live in caches */
    bool    incumbent_matches; /* what is served now matches a record, too: waiting costs nothing */
};

/* *until_s: the moment from which it is free (GUARD_WAITS_TTL). */
enum guard_verdict guard_judge(const struct guard_case *c, int64_t now_s, int64_t *until_s);

#endif
