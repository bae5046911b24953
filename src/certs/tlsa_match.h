/* certs/tlsa_match.h: TLSA records and certificates of ours: which record stands for which. */
#ifndef STERNPOST_CERTS_TLSA_MATCH_H
#define STERNPOST_CERTS_TLSA_MATCH_H

#include "net/tls_certificate.h"
#include "policy/tlsa.h"

/* RDATA as fields; data is borrowed. False: too short. */
bool tlsa_read(struct slice rdata, struct tlsa_record *out);
/* Would a server with this certificate and chain be authenticated by the record (RFC 7671 section 5)? Usage 3 is about
 * the certificate itself, 2 about one that stands behind it in the chain; others never match in SMTP (RFC 7672
 * section 3.1.3). */
bool tlsa_matches(const struct tlsa_record *r, const struct tls_certificate *c);
/* The record to publish for it, 3 1 1, as RDATA; and as text, "3 1 1 HEX". */
struct slice tlsa_rdata_for(const struct tls_certificate *c, struct arena *arena);
struct slice tlsa_for(const struct tls_certificate *c, struct arena *arena);

#endif
