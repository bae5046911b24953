/* policy/mta_sts.h: an MTA-STS policy as data (RFC 8461 section 3.2), and which servers it allows. */
#ifndef STERNPOST_POLICY_MTA_STS_H
#define STERNPOST_POLICY_MTA_STS_H

#include "base/arena.h"

enum sts_mode { STS_MODE_NONE, STS_MODE_TESTING, STS_MODE_ENFORCE };
const char *sts_mode_name(enum sts_mode m); /* "enforce" */

enum { STS_POLICY_MAX = 64 * 1024, STS_MX_MOST = 256, STS_MAX_AGE_MOST_S = 31557600 };

struct sts_policy {
    enum sts_mode       mode;
    int64_t             max_age_s;   /* 0 to STS_MAX_AGE_MOST_S; 0: not to be kept */
    const struct slice *mx;          /* patterns, lower case: a host name, or "*." and one */
    size_t              mx_len;
    const struct slice *lines;       /* "version: STSv1", "mode: enforce", "mx: ...", "max_age: ...": what counted, in this
                                      * order, one blank behind the colon: for reports and people */
    size_t              lines_len;
};

/* The text of a policy file, as fetched, by the grammar of section 3.2: lines end with LF or CRLF, the last need not;
 * no blank line, BOM or control character. The first of a repeated field wins, mx repeats, unknown fields are skipped;
 * names and modes are in lower case. enforce and testing need an mx; mx are host names in A-labels. Everything lives
 * in `arena`. ERR_SYNTAX, or ERR_LIMIT when it is longer than STS_POLICY_MAX or has more than STS_MX_MOST mx; `why`
 * names the line or the field. *out is written only on OK. */
MUST_USE enum status sts_policy_parse(struct slice text, struct arena *arena, struct sts_policy *out,
                                      struct fault *why);

/* May mail go to the server of this name (section 4.1)? A pattern "*.example.org" stands for exactly one label. Case
 * and a trailing dot of `mx` do not count. True for mode none, which allows everything. */
bool sts_policy_allows(const struct sts_policy *p, struct slice mx);

#endif
