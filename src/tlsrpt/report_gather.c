#include "tlsrpt/report.h"

#include "tlsrpt/order.h"
#include "tlsrpt/report_json.h"

#include <stdlib.h>

static const struct tlsrpt_json_bounds row_bounds = { .bytes = TLSRPT_TEXT_MAX,
                                                      .depth = 4,
                                                      .tokens = TLSRPT_TEXT_MAX };

static int compare_rows(const void *a, const void *b)
{
    const struct tlsrpt_row *x = *(const struct tlsrpt_row *const *)a, *y = *(const struct tlsrpt_row *const *)b;
    int order = tlsrpt_order(x->policy, y->policy);

    return order != 0 ? order : tlsrpt_order(x->detail, y->detail);
}

/* Most often counted first; among equals, as the texts of their rows are ordered: qsort() alone would not keep it. */
struct ranked {
    struct tlsrpt_failure failure;
    size_t rank;
};

static int compare_failures(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;

    if (x->failure.count != y->failure.count)
        return x->failure.count < y->failure.count ? 1 : -1;
    return (x->rank > y->rank) - (x->rank < y->rank);
}

/* Reads one text of a row with `read`; false when it is none. */
static bool read_text(struct arena *arena, struct slice text, struct tlsrpt_policy *policy,
                      struct tlsrpt_failure *failure)
{
    struct report_reader r = { .arena = arena, .is_ours = true };
    json_t *object = tlsrpt_json_read(text, JSON_OBJECT, &row_bounds, &r.st, NULL);

    if (object == NULL)
        return false;
    if (policy != NULL)
        report_read_policy(&r, object, policy);
    else
        report_read_failure(&r, object, failure);
    json_decref(object);
    return r.st == OK;
}

/* Rows of one policy, sorted by their details. */
struct group {
    const struct tlsrpt_row **rows;
    size_t len;
};

/* The rows that say the same as the first of `g`, and the sum of their counts. */
static size_t equal_rows(const struct group *g, uint64_t *sum)
{
    size_t len = 0;

    *sum = 0;
    while (len < g->len && slice_eq(g->rows[len]->detail, g->rows[0]->detail))
        *sum = tlsrpt_count_add(*sum, g->rows[len++]->count);
    return len;
}

static void keep_worst(struct ranked *ranked, size_t len, struct arena *arena, struct tlsrpt_policy *out)
{
    struct tlsrpt_failure *failures;

    if (len == 0)
        return;
    qsort(ranked, len, sizeof *ranked, compare_failures);
    out->failures_len = len < TLSRPT_DETAILS_MOST ? len : TLSRPT_DETAILS_MOST;
    failures = ARENA_ARRAY(arena, struct tlsrpt_failure, out->failures_len);
    for (size_t i = 0; i < out->failures_len; i++)
        failures[i] = ranked[i].failure;
    out->failures = failures;
}

static void gather_group(struct group g, struct arena *arena, struct tlsrpt_policy_report *out, size_t *odd)
{
    struct ranked *ranked = ARENA_ARRAY(arena, struct ranked, g.len);
    size_t ranked_len = 0;

    while (g.len > 0) {
        struct tlsrpt_failure f = { .count = 0 };
        struct slice detail = g.rows[0]->detail;
        uint64_t sum;
        size_t equal = equal_rows(&g, &sum);

        if (detail.len == 0) {
            out->success = sum;
        } else if (slice_eq(detail, SLICE_LIT("!"))) {
            out->failure = sum;
        } else if (read_text(arena, detail, NULL, &f)) {
            f.count = sum;
            ranked[ranked_len] = (struct ranked){ f, ranked_len };
            ranked_len++;
        } else {
            *odd += equal;
        }
        g.rows += equal;
        g.len -= equal;
    }
    keep_worst(ranked, ranked_len, arena, &out->policy);
}

static size_t group_len(const struct tlsrpt_row **rows, size_t len)
{
    size_t n = 1;

    while (n < len && slice_eq(rows[n]->policy, rows[0]->policy))
        n++;
    return n;
}

void tlsrpt_report_gather(const struct tlsrpt_row *rows, size_t len, struct arena *arena, struct tlsrpt_report *out,
                          size_t *odd)
{
    const struct tlsrpt_row **sorted = ARENA_ARRAY(arena, const struct tlsrpt_row *, len);
    struct tlsrpt_policy_report *policies = ARENA_ARRAY(arena, struct tlsrpt_policy_report, len);

    *odd = 0;
    out->policies = policies;
    out->policies_len = 0;
    for (size_t i = 0; i < len; i++)
        sorted[i] = &rows[i];
    if (len > 0)
        qsort(sorted, len, sizeof *sorted, compare_rows);
    for (size_t at = 0; at < len;) {
        struct group g = { sorted + at, group_len(sorted + at, len - at) };

        if (read_text(arena, g.rows[0]->policy, &policies[out->policies_len].policy, NULL))
            gather_group(g, arena, &policies[out->policies_len++], odd);
        else
            *odd += g.len;
        at += g.len;
    }
}
