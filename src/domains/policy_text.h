/* domains/policy_text.h: a policy file line by line, to say what is odd in it. Whether it is a policy at all, and
 * which, says policy/mta_sts.h; this finds the words to mend it with. */
#ifndef STERNPOST_DOMAINS_POLICY_TEXT_H
#define STERNPOST_DOMAINS_POLICY_TEXT_H

#include "base/arena.h"

struct policy_line {
    struct slice name, value; /* trimmed; a line without colon has no name */
    size_t       number;      /* from 1 */
};

struct policy_text {
    const struct policy_line *lines; /* that are not blank; at most POLICY_LINES_MOST */
    size_t                    lines_len;
    size_t                    blank; /* number of the first blank line; 0: none */
    bool                      has_bom, has_nul, has_mixed_ends;
};

enum { POLICY_LINES_MOST = 1000 };

/* Everything lives in `arena` or borrows from `text`. */
void policy_text_read(struct slice text, struct arena *arena, struct policy_text *out);
/* The first line of this name, which counts; NULL: there is none. */
const struct policy_line *policy_text_first(const struct policy_text *t, const char *name);

#endif
