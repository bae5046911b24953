/* settings/domain_name.h: domain names as administrators type them, brought into the one form that is stored. */
#ifndef STERNPOST_SETTINGS_DOMAIN_NAME_H
#define STERNPOST_SETTINGS_DOMAIN_NAME_H

#include "base/arena.h"

/* "Bücher.Example." gives "xn--bcher-kva.example": lower case, A-labels (RFC 5891), without a dot at the end. *out
 * lives in `arena`. ERR_SYNTAX; an IP address is not a domain. */
MUST_USE enum status domain_name_normalise(struct slice text, struct arena *arena, struct slice *out,
                                           struct fault *why);

/* The domain inside a pattern of policy/rule.h, the rest as it is: "Jo@EXAMPLE.org" gives "Jo@example.org". A
 * pattern that is not valid is ERR_SYNTAX. */
MUST_USE enum status domain_name_normalise_pattern(struct slice pattern, bool lists_allowed, struct arena *arena,
                                                   struct slice *out, struct fault *why);

#endif
