/* net/dns_message.h: the answer in a DNS message (RFC 1035 section 4), read from bytes that nobody vouches for. */
#ifndef STERNPOST_NET_DNS_MESSAGE_H
#define STERNPOST_NET_DNS_MESSAGE_H

#include "net/resolver.h"

enum { DNS_CNAMES_MAX = 16, DNS_TTL_MAX_S = 86400, DNS_NAME_TEXT = 1024 };

/* Follows CNAMEs from the question and gathers the records of `type` at their end; what is kept is copied into
 * `arena`. The outcome is that of the header; DNS_FAILED for a message that is malformed, or has a chain of more than
 * DNS_CNAMES_MAX names. is_secure is left false. */
void dns_message_read(struct slice message, enum dns_type type, struct arena *arena, struct dns_answer *out);

/* The name at *at, moved behind it, as text: lower case, no trailing dot, "" for the root; a byte that is not a letter,
 * digit, '-', '_', '*' or '/' as \DDD, so that it may be shown anywhere. `out` holds DNS_NAME_TEXT bytes. */
bool dns_message_name(struct slice message, size_t *at, char *out, struct slice *name);

#endif
