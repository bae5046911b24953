/* domains/dns_update.h: dynamic updates of DNS (RFC 2136) signed with TSIG (RFC 8945), as bytes. Over ldns. */
#ifndef STERNPOST_DOMAINS_DNS_UPDATE_H
#define STERNPOST_DOMAINS_DNS_UPDATE_H

#include "domains/own_record.h"

struct dns_update_key {           /* strings borrowed */
    const char *name, *algorithm; /* "hmac-sha256" */
    struct slice secret;          /* base64 */
};

/* One change of one name and type. */
struct dns_update_step {
    struct slice owner;
    enum dns_type type;
    struct own_record_change change;
};

struct dns_update {
    struct slice message;   /* ready to be sent, in the arena */
    struct slice signature; /* what the answer's signature covers, too */
};

/* ERR_SYNTAX: the key or a name cannot be used. */
MUST_USE enum status dns_update_write(const struct dns_update_key *key, struct slice zone,
                                      const struct dns_update_step *steps, size_t steps_len, struct arena *arena,
                                      struct dns_update *out, struct fault *why);
/* OK: done, says the server, and signed it. ERR_PERMANENT: refused. ERR_SYNTAX: no answer that the key vouches for. */
MUST_USE enum status dns_update_judge(const struct dns_update_key *key, const struct dns_update *update,
                                      struct slice answer, struct fault *why);

/* The secret of a file: its first line. ERR_NOT_FOUND, ERR_TEMPORARY, ERR_SYNTAX (no base64). In `arena`. */
MUST_USE enum status dns_update_secret(const char *file, struct arena *arena, struct slice *out, struct fault *why);

#endif
