/* reports/receive_private.h: what the files of reports/receive.h share. */
#ifndef STERNPOST_REPORTS_RECEIVE_PRIVATE_H
#define STERNPOST_REPORTS_RECEIVE_PRIVATE_H

#include "reports/receive.h"
#include "tlsrpt/report.h"

#include <jansson.h>

/* Texts that are kept of a report, and how many failures of one; what is beyond them is added up by result type. */
enum { RECEIVE_TEXT_MAX = 255, RECEIVE_FAILURES_MOST = 500, RECEIVE_NOTES_MOST = 20 };

/* Who a report is from. */
struct receive_sender {
    bool         is_verified;
    struct slice domain; /* that signed; empty unless verified */
    struct slice why;    /* not verified: one sentence */
};

/* receive_sender.c */
void receive_find_sender(const struct receive_found *found, const struct receive_context *c, struct arena *arena,
                         struct receive_sender *out);

/* receive_row.c: the policies of `r` with true in `taken`, as a row of the store. `text` is the JSON, `packed` how it came. */
struct receive_report {
    const struct tlsrpt_report  *report;
    struct slice                 text, packed;
    const struct receive_found  *found;
    const struct receive_context *c;
    const struct receive_sender *sender;
};
void receive_fill_row(const struct receive_report *r, struct slice domain, const bool *taken, json_t *notes,
                      struct arena *arena, struct received_row *out);
void receive_note(json_t *notes, struct slice sentence);

#endif
