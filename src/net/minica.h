/* net/minica.h: a small certificate authority for tests and for the demo, which brings up mail servers of its own. */
#ifndef STERNPOST_NET_MINICA_H
#define STERNPOST_NET_MINICA_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct minica;

enum minica_key { MINICA_P256, MINICA_RSA_2048, MINICA_RSA_1024 };

/* An authority, and which one it stands under. */
struct minica_authority {
    const char          *name;
    const struct minica *parent; /* NULL: a root. Borrowed until this authority is freed */
    enum minica_key      key;
    int64_t              valid_from_s, valid_for_s; /* from now; 0 for the length: from yesterday for ten years */
};

struct minica_leaf {
    const char *const *names;      /* DNS names; the first is the common name too */
    size_t             names_len;
    enum minica_key    key;
    int64_t            valid_from_s, valid_for_s; /* from now; 0 for the length: 30 days */
    bool               for_clients; /* clientAuth in place of serverAuth */
    bool               has_common_name_only; /* no DNS names in it: the first stands in the subject alone */
    bool               is_sha1;    /* signed with SHA-1 */
    bool               is_alone;   /* the chain file holds the leaf and nothing else */
    const char        *common;     /* the common name, when not the first of the names */
    const char        *issuer_url; /* where the issuer's certificate can be had (AIA); NULL: it does not say */
};

/* A root with a P-256 key, valid for ten years. */
struct minica *minica_new(const char *name);
struct minica *minica_new_authority(const struct minica_authority *how);
void minica_free(struct minica *ca);

/* The authority's own certificate in PEM: of a root, a bundle to trust. Files appear whole, by rename, and replace what was there. */
MUST_USE enum status minica_write_root(const struct minica *ca, const char *path, struct fault *why);

/* A new key and a certificate for it; `ca` NULL: self-signed. The chain file holds the leaf and, with a `ca`, it and all
 * above it up to the root; the key file is readable by the owner alone. */
MUST_USE enum status minica_issue(const struct minica *ca, const struct minica_leaf *leaf, const char *chain_file,
                                  const char *key_file, struct fault *why);

#endif
