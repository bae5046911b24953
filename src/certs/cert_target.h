/* certs/cert_target.h: which server to look at, as a person writes it: "mx.example.org", "mx.example.org.:587", "192.0.2.1",
 * "[2001:db8::1]:25". */
#ifndef STERNPOST_CERTS_CERT_TARGET_H
#define STERNPOST_CERTS_CERT_TARGET_H

#include "base/arena.h"

struct cert_target {
    struct slice host; /* lower case, A-labels, no trailing dot (semantics C3); or an address without brackets */
    uint16_t     port;
    bool         is_address;
};

/* Slices live in `arena`. ERR_SYNTAX with the remedy; also when no port is given and `usual_port` is 0. */
MUST_USE enum status cert_target_parse(struct slice text, uint16_t usual_port, struct arena *arena,
                                       struct cert_target *out, struct fault *why);
/* "mx.example.org:25", "[2001:db8::1]:25" */
struct slice cert_target_text(const struct cert_target *t, struct arena *arena);

#endif
