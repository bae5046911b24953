/* reports/target.h: where one report goes and how that went, as data and as the JSON that the store keeps. */
#ifndef STERNPOST_REPORTS_TARGET_H
#define STERNPOST_REPORTS_TARGET_H

#include "policy/tls_record.h"

enum report_target_state {
    TARGET_WAITING, /* to be posted */
    TARGET_POSTED,  /* taken by the web server */
    TARGET_QUEUED,  /* as a message in our queue: `note` is its id */
    TARGET_FAILED,  /* given up: `note` says why */
};
const char *report_target_state_name(enum report_target_state s); /* "waiting" */

struct report_target {
    enum tlsrpt_scheme       scheme;
    struct slice             uri;        /* as published */
    struct slice             host, path; /* HTTPS */
    enum report_target_state state;
    unsigned                 tries;
    struct slice             note;       /* one line; of WAITING: why the last try failed */
};

/* [{"uri": "https://...", "host": ..., "path": ..., "state": "waiting", "tries": 2, "note": "..."}], in `arena`. */
struct slice report_targets_write(const struct report_target *targets, size_t len, struct arena *arena);
/* ERR_SYNTAX. What is read lives in `arena`. */
MUST_USE enum status report_targets_read(struct slice json, struct arena *arena, struct report_target **out, size_t *len);

#endif
