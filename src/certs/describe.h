/* certs/describe.h: a certificate for people and for programs. */
#ifndef STERNPOST_CERTS_DESCRIBE_H
#define STERNPOST_CERTS_DESCRIBE_H

#include "certs/certificate.h"

#include <jansson.h>
#include <stdio.h>

/* The TLSA record that would match this certificate, as it stands in a zone file: "3 1 1" of the server's own (`is_leaf`),
 * "2 1 1" of an authority (RFC 7672 section 3.1). "" for another, or without a name. */
struct slice describe_tlsa(const struct certificate *c, bool is_leaf, struct slice host, uint16_t port,
                           struct arena *arena);

/* Where a certificate was met. */
struct describe_place {
    struct slice host; /* for TLSA records; "" leaves them out */
    uint16_t     port;
    bool         is_leaf;
    int64_t      now_s;
};

/* Lines of "name: value", each behind `indent` blanks. */
void describe_text(FILE *out, const struct certificate *c, const struct describe_place *place, int indent);
/* The caller owns it. */
json_t *describe_json(const struct certificate *c, const struct describe_place *place);
/* As openssl(1) prints it. */
void describe_pem(FILE *out, struct slice der);

/* "expired 3 days ago", "12 days left", "valid in 2 days". */
struct slice describe_validity(const struct certificate *c, int64_t now_s, struct arena *arena);

#endif
