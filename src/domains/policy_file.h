/* domains/policy_file.h: what a domain of ours publishes, as text: the MTA-STS policy file with the id of its record
 * (RFC 8461 sections 3.1 and 3.2), and both TXT records. Pure. */
#ifndef STERNPOST_DOMAINS_POLICY_FILE_H
#define STERNPOST_DOMAINS_POLICY_FILE_H

#include "policy/tls_record.h"
#include "settings/snapshot.h"

/* The policy: version first, then mode, the servers, max_age; lines end in CRLF. The servers are those of the
 * settings, else `found`, lower case, each once and in order, so that the same servers are the same text. Empty when
 * the mode needs a server and there is none. In `arena`. */
struct slice policy_file_write(const struct own_domain *d, const struct slice *found, size_t found_len,
                               struct arena *arena);

/* Do two policies differ in their servers alone? */
bool policy_file_differs_in_servers(struct slice a, struct slice b);

/* The id of a new policy: the time as YYYYMMDDhhmmss in UTC; when that is not later than `last`, the id of the policy
 * before (empty: none, or one of another make), the second behind it: two changes in a second differ, and a clock set
 * back repeats nothing (M8). */
void policy_id_new(int64_t now_s, struct slice last, char out[static STS_ID_TEXT]);

/* "v=STSv1; id=20190425085700" (M7) and "v=TLSRPTv1; rua=mailto:a@example.org,https://example.org/b" (M4, M5). */
struct slice sts_record_write(struct slice id, struct arena *arena);
struct slice tlsrpt_record_write(const struct own_domain *d, struct arena *arena); /* empty: there is no address */

#endif
