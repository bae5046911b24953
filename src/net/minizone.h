/* net/minizone.h: a small signed zone on a loopback port, for tests and for the demo: DANE without a name server. Signs
 * as it answers (ECDSA P-256); denials are NSEC records made for the question, so a name that is not there is answered
 * as one without that type (RFC 4470, and "black lies"). UDP alone. */
#ifndef STERNPOST_NET_MINIZONE_H
#define STERNPOST_NET_MINIZONE_H

#include "net/resolver.h"

struct minizone_record {
    const char   *name; /* "mx.example.test", in or below the zone */
    enum dns_type type;
    const char   *data; /* A, AAAA: an address; MX: "10 mx.example.test"; CNAME, PTR: a name; TXT: up to 255 bytes;
                         * TLSA: "3 1 1 0123abcd" */
};

struct minizone;

/* Borrows the loop and the records. ERR_SYNTAX for a record that cannot be read, ERR_TEMPORARY without a socket. */
MUST_USE enum status minizone_new(struct loop *loop, const char *zone, const struct minizone_record *records,
                                  size_t records_len, struct minizone **out, struct fault *why);
void minizone_free(struct minizone *z);

const char *minizone_stub(const struct minizone *z);   /* "example.test=127.0.0.1@40123", for dns_config.stubs */
const char *minizone_anchor(const struct minizone *z); /* its DNSKEY record, for dns_config.trust_anchors */
void minizone_set_ttl(struct minizone *z, unsigned ttl_s); /* of every answer from now on; 60 at first */
/* Other records from now on; ERR_SYNTAX leaves none. */
MUST_USE enum status minizone_replace(struct minizone *z, const struct minizone_record *records, size_t records_len,
                                      struct fault *why);
void minizone_forge(struct minizone *z, bool on);      /* signatures are wrong from now on: all of it is bogus */

/* What is wrong from now on with the answers to questions of one type; MINIZONE_SOUND: nothing. */
enum minizone_fault { MINIZONE_SOUND, MINIZONE_FORGES, MINIZONE_FAILS /* SERVFAIL */, MINIZONE_SILENT };
void minizone_spoil(struct minizone *z, enum dns_type type, enum minizone_fault fault);

#endif
