/* domains/own_tlsa.h: the TLSA records that go with the certificates that this gateway serves (RFC 7672 section 3.1).
 */
#ifndef STERNPOST_DOMAINS_OWN_TLSA_H
#define STERNPOST_DOMAINS_OWN_TLSA_H

#include "settings/config.h"

enum { OWN_TLSA_MOST = 8 };

/* RDATA "3 1 1" of the key of each certificate of a listener of role mx that is for `host`, each key once; in `arena`.
 * A file that cannot be read is left out. */
size_t own_tlsa_list(const struct config *config, struct slice host, struct arena *arena,
                     struct slice out[static OWN_TLSA_MOST]);

#endif
