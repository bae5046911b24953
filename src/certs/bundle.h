/* certs/bundle.h: a bundle of roots against a trust store: which of them would not be trusted (semantics C6). */
#ifndef STERNPOST_CERTS_BUNDLE_H
#define STERNPOST_CERTS_BUNDLE_H

#include "certs/certificate.h"

#include <stdio.h>

enum bundle_state {
    BUNDLE_TRUSTED,  /* the store has it, or another certificate of the same name and key */
    BUNDLE_MISSING,
    BUNDLE_EXPIRED,  /* it would not be trusted anywhere: not counted as missing */
    BUNDLE_NO_ROOT,  /* not self-signed: something else stands in the bundle */
};
const char *bundle_state_name(enum bundle_state s); /* "missing" */

struct bundle_root {
    struct certificate certificate;
    enum bundle_state  state;
};

/* `file` is PEM, at most BUNDLE_MOST certificates; the store is that of `ca_file`, NULL: the system's. ERR_NOT_FOUND,
 * ERR_TEMPORARY, ERR_SYNTAX (no certificate in it, or one that cannot be read) or ERR_LIMIT. Lives in `arena`. */
enum { BUNDLE_MOST = 5000 };
MUST_USE enum status bundle_compare(const char *file, const char *ca_file, int64_t now_s, struct arena *arena,
                                    struct bundle_root **out, size_t *len, struct fault *why);

/* One line for each root, or one object with --json; true when none is missing. */
bool bundle_show(FILE *out, const struct bundle_root *roots, size_t len, bool as_json);

#endif
