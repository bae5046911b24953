/* tlsrpt/report_cut.h: the text of a report, cut where its policies and their failures begin and end. They are nearly all of
 * it, so whoever parses the pieces one by one has a tree of one of them in memory and never of the whole (RPT-02). Nothing is
 * judged here: each byte stands in a piece, in a skeleton or is a comma between pieces, so the text is JSON when they all are.
 * For report_*.c only. */
#ifndef STERNPOST_TLSRPT_REPORT_CUT_H
#define STERNPOST_TLSRPT_REPORT_CUT_H

#include "tlsrpt/json_read.h"

/* A piece that had an array cut out of it: what is left of it is `head` and `tail`. */
struct report_skeleton {
    bool         is_cut; /* false: there was no such array, and the head is all of it */
    struct slice head, tail; /* end with "[" and begin with "]" */
};

struct report_cut_policy {
    struct report_skeleton skeleton;
    size_t                 failures, failures_len; /* the first one, in report_cut.failures */
};

struct report_cut {
    struct report_skeleton          skeleton; /* cut: its "policies" */
    const struct report_cut_policy *policies; /* cut: their "failure-details" */
    size_t                          policies_len;
    const struct slice             *failures;
    size_t                          failures_len;
};

/* Measures the text and cuts it. Keys are told apart by letters and not by case, as they stand; of several the first counts.
 * ERR_LIMIT: over the bounds. ERR_SYNTAX: it ends within an array that is cut. Borrows from `json`, the lists are in `arena`. */
MUST_USE enum status report_cut(struct slice json, const struct tlsrpt_json_bounds *most, struct arena *arena,
                                struct report_cut *out, struct fault *why);

#endif
