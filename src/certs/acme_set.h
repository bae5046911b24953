/* certs/acme_set.h: one certificate set that comes from an authority: its files, how it went last, when to ask again. */
#ifndef STERNPOST_CERTS_ACME_SET_H
#define STERNPOST_CERTS_ACME_SET_H

#include "settings/snapshot.h"

#include <jansson.h>

enum { ACME_RETRY_LEAST_S = 600, ACME_RETRY_MOST_S = 86400, ACME_SET_TEXT = 400 };

struct acme_set { /* what is known of one set; stays until the end */
    char *name;
    unsigned failures;                 /* in a row */
    int64_t tried_s, retry_s;          /* 0: never */
    int64_t not_before_s, not_after_s; /* of what is there; 0: nothing is */
    bool is_wanted;                    /* at an administrator's word */
    char text[ACME_SET_TEXT];          /* how it ended last */
};

/* The setting with the files that a set of ACME has; any other as it is. Strings live in `arena`. */
struct certificate_setting acme_files(const struct certificate_setting *s, const char *folder, struct arena *arena);

/* Reads what is there. */
void acme_set_look(struct acme_set *set, const struct certificate_setting *files);
/* When to ask next; 0: now. */
int64_t acme_set_next_s(const struct acme_set *set);
/* docs/api.md, GET /v1/acme. The caller owns it. */
json_t *acme_set_json(const struct acme_set *set, bool is_running);

/* A third of its life before its end. */
int64_t acme_renewal_s(int64_t not_before_s, int64_t not_after_s);
/* When to try again after so many failures in a row, the last at `now_s`: ten minutes, doubled each time, at most a
 * day. */
int64_t acme_retry_s(unsigned failures, int64_t now_s);

#endif
