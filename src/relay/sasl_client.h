/* relay/sasl_client.h: our side of SMTP AUTH (RFC 4954), by GNU SASL. Only ever inside TLS. */
#ifndef STERNPOST_RELAY_SASL_CLIENT_H
#define STERNPOST_RELAY_SASL_CLIENT_H

#include "base/slice.h"
#include "base/status.h"

struct sasl_client;

/* Picks the best mechanism both sides know: SCRAM-SHA-256, PLAIN, LOGIN. ERR_NOT_FOUND when there is none. */
MUST_USE enum status sasl_client_new(struct slice offered, struct slice username, struct slice password,
                                     struct sasl_client **out, struct fault *why);
void sasl_client_free(struct sasl_client *s);
const char *sasl_client_mechanism(const struct sasl_client *s);
/* One step; both sides in base64. *out lives until the next call. ERR_PERMANENT when the server does not keep to the
 * mechanism. */
MUST_USE enum status sasl_client_step(struct sasl_client *s, struct slice challenge, struct slice *out,
                                      struct fault *why);
/* May success be believed? SCRAM's server shows that it knows the password too (RFC 5802 section 3). */
bool sasl_client_is_proven(const struct sasl_client *s);

#endif
