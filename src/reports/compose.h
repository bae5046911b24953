/* reports/compose.h: the report of one domain and day out of what was counted, and the mail that carries it. */
#ifndef STERNPOST_REPORTS_COMPOSE_H
#define STERNPOST_REPORTS_COMPOSE_H

#include "base/buf.h"
#include "settings/snapshot.h"
#include "tlsrpt/report.h"

enum { COMPOSE_MAIL_MAX = 16 * 1024 * 1024 };

struct composition {
    struct tlsrpt_report report;
    struct slice         domain, submitter; /* whom it is about; our domain, that of report-from */
    struct slice         json;
    uint64_t             success, failure;  /* sessions; under several policies they count more than once */
    bool                 has_failures;      /* of sessions, or on the way to a success */
    size_t               odd;               /* rows that could not be read */
};

/* `start_s`: the first second of the day. The report id is the same whenever this day's report is composed. While the settings
 * name no sender, `hostname` is our domain. Everything lives in `arena`; `domain` is borrowed. */
void report_compose(const struct tlsrpt_row *rows, size_t len, struct slice domain, int64_t start_s, const struct gateway *g,
                    struct slice hostname, struct arena *arena, struct composition *out);

/* Writes the mail with the gzipped report to these addresses, signed by the key of the settings. ERR_NOT_FOUND: they name no
 * key; else as mail/dkim.h and mail/report_mail.h have it. */
MUST_USE enum status report_compose_mail(const struct composition *c, struct slice gzip, const struct slice *to, size_t to_len,
                                         const struct gateway *g, int64_t now_s, struct buf *out, struct fault *why);

#endif
