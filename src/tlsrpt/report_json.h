/* tlsrpt/report_json.h: what of a report's JSON is read in more than one place. For report_*.c only. */
#ifndef STERNPOST_TLSRPT_REPORT_JSON_H
#define STERNPOST_TLSRPT_REPORT_JSON_H

#include "tlsrpt/json_read.h"
#include "tlsrpt/session.h"

/* A report being read; `st` stays at the first failure, and `why` says what it was. */
struct report_reader {
    struct arena *arena;
    bool is_ours;          /* our own rows: nothing is unwrapped */
    size_t unwrapped_left; /* strings that may still come out of arrays within strings */
    enum status st;
    struct fault why;
};

void report_reader_fail(struct report_reader *r, enum status st, const char *what, const char *wrong);

/* What stands under `key`, in any case of its letters; NULL when it is not there or null. */
json_t *report_member(const json_t *object, const char *key);
/* Empty when there is none; fails when it is neither string nor number. */
struct slice report_string(struct report_reader *r, const json_t *object, const char *key);
/* `missing` when there is none; fails when it is no count, as a number or as text. */
uint64_t report_number(struct report_reader *r, const json_t *object, const char *key, uint64_t missing);

/* The object "policy", and one of "failure-details". */
void report_read_policy(struct report_reader *r, const json_t *object, struct tlsrpt_policy *out);
void report_read_failure(struct report_reader *r, const json_t *object, struct tlsrpt_failure *out);

#endif
