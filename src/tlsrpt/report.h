/* tlsrpt/report.h: a TLS report as data, written and read as JSON (RFC 8460 section 4). */
#ifndef STERNPOST_TLSRPT_REPORT_H
#define STERNPOST_TLSRPT_REPORT_H

#include "tlsrpt/session.h"

struct tlsrpt_policy_report {
    struct tlsrpt_policy policy; /* is_failed means nothing here; failures with their counts */
    uint64_t             success, failure; /* sessions; they saturate (RPT-03) */
};

struct tlsrpt_report {
    struct slice                       organization, contact, id;
    int64_t                            start_s, end_s; /* a UTC day: 00:00:00 to 23:59:59 */
    const struct tlsrpt_policy_report *policies;
    size_t                             policies_len;
};

/* Gathers the rows of one domain and day under their policies. A row that cannot be read is left out and counted in `*odd`. */
void tlsrpt_report_gather(const struct tlsrpt_row *rows, size_t len, struct arena *arena, struct tlsrpt_report *out,
                          size_t *odd);

/* The JSON text, in `arena`. */
struct slice tlsrpt_report_write(const struct tlsrpt_report *r, struct arena *arena);
/* Reads what others write, with patience for their quirks. ERR_SYNTAX, ERR_LIMIT. Everything lives in `arena`. */
MUST_USE enum status tlsrpt_report_read(struct slice json, struct arena *arena, struct tlsrpt_report *out,
                                        struct fault *why);

/* "sender.example!example.org!1764028800!1764115199!ID.json.gz" (section 5.1). */
struct slice tlsrpt_report_file(const struct tlsrpt_report *r, struct slice submitter, struct slice domain,
                                struct arena *arena);
/* The report in a few lines for people: domain, period, totals, the worst failures. ASCII, lines end in LF. */
struct slice tlsrpt_report_words(const struct tlsrpt_report *r, struct slice submitter, struct slice domain,
                                 struct arena *arena);

#endif
