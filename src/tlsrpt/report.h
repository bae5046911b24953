/* tlsrpt/report.h: a TLS report as data, written and read as JSON (RFC 8460 section 4). */
#ifndef STERNPOST_TLSRPT_REPORT_H
#define STERNPOST_TLSRPT_REPORT_H

#include "tlsrpt/session.h"

struct tlsrpt_policy_report {
    struct tlsrpt_policy policy; /* is_failed means nothing here; failures with their counts */
    uint64_t             success, failure; /* sessions; they saturate at TLSRPT_COUNT_MAX (RPT-03) */
};

struct tlsrpt_report {
    struct slice                       organization, contact, id; /* id: "...@domain"; of others, whatever it is */
    int64_t                            start_s, end_s; /* a UTC day: 00:00:00 to 23:59:59; 0 when a report does not tell */
    const struct tlsrpt_policy_report *policies;
    size_t                             policies_len;
    size_t                             refused_len; /* policies left out when reading, each for itself */
};

/* Of one policy, the details that a report has at most: those that were counted most often. */
enum { TLSRPT_DETAILS_MOST = 1000 };

/* Gathers the rows of one domain and day under their policies, in an order that depends on nothing but the rows. Equal rows add
 * up. A row that cannot be read is left out and counted in `*odd`. Writes the policies of *out alone; they live in `arena`, or
 * are the rows' own. */
void tlsrpt_report_gather(const struct tlsrpt_row *rows, size_t len, struct arena *arena, struct tlsrpt_report *out,
                          size_t *odd);

/* The JSON text, in `arena`. Bytes that are not UTF-8 are replaced. */
struct slice tlsrpt_report_write(const struct tlsrpt_report *r, struct arena *arena);

/* Bounds of what is read (RPT-02). */
enum { TLSRPT_REPORT_MAX = 16 * 1024 * 1024, TLSRPT_REPORT_DEPTH = 16, TLSRPT_REPORT_TOKENS = 200000, TLSRPT_KEPT_MAX = 4096 };
/* Of that, all but the policies, a policy without its failures, and each failure. */
enum { TLSRPT_PIECE_MAX = 1024 * 1024 };

/* Reads what others write, with patience for their quirks: only `policies` must be there, null is as good as absent, keys are
 * told apart by letters and not by case, a string may stand for an array of one and hold an array itself, a number may be a
 * string, a time without zone is UTC, an end at midnight is the second before. Types that are not known stay as text. A policy
 * without a domain has an empty one: the report's is meant. Strings are cut at TLSRPT_KEPT_MAX bytes. A policy that cannot be read
 * is left out, and counted in refused_len; `why` then says what is wrong with the first. Whether the period and the names make
 * sense is for the caller to say.
 * ERR_SYNTAX: no JSON, no policies, times that are none or that end before they begin, or every policy is bad. ERR_LIMIT: over
 * the bounds above. Everything lives in `arena` or borrows from `json`; *out is written only on OK. */
MUST_USE enum status tlsrpt_report_read(struct slice json, struct arena *arena, struct tlsrpt_report *out,
                                        struct fault *why);

/* "20261124.9f1b62c0de3a4455@sender.example": the same whenever, and by whichever node, that day's report for `domain` is made
 * (section 5.6 tells doubles by it). `start_s` is the day's first second. */
struct slice tlsrpt_report_id(int64_t start_s, struct slice submitter, struct slice domain, struct arena *arena);
/* "sender.example!example.org!1764028800!1764115199!202611249f1b62c0de3a4455.json.gz" (section 5.1): letters and digits of the
 * id's left part stand for it. */
struct slice tlsrpt_report_file(const struct tlsrpt_report *r, struct slice submitter, struct slice domain,
                                struct arena *arena);
/* The report in a few lines for people: domain, period, totals, the worst failures. ASCII, lines end in LF. */
struct slice tlsrpt_report_words(const struct tlsrpt_report *r, struct slice submitter, struct slice domain,
                                 struct arena *arena);

#endif
