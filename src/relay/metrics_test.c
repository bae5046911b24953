#include "relay/metrics.h"

#include "base/test.h"

static bool are_same(const struct metric_info *a, const struct metric_info *b)
{
    return strcmp(a->name, b->name) == 0 && (a->label == NULL || b->label == NULL || strcmp(a->label, b->label) == 0);
}

/* What Prometheus and its conventions ask of a name: a counter ends in _total, a gauge does not; names differ. */
TEST(every_metric_is_described)
{
    for (int m = 0; m < METRIC_COUNT; m++) {
        const struct metric_info *info = metric_info((enum metric)m);
        struct slice name = slice_str(info->name);

        CHECK_CASE(info->name, slice_starts(name, SLICE_LIT("sternpost_")));
        CHECK_CASE(info->name, slice_ends_case(name, SLICE_LIT("_total")) == !info->is_gauge);
        CHECK_CASE(info->name, strlen(info->help) > 0 && strpbrk(info->help, "\\\n") == NULL);
        for (int other = 0; other < m; other++)
            CHECK_CASE(info->name, !are_same(info, metric_info((enum metric)other)));
    }
}

TEST(failures_are_counted_by_cause)
{
    for (enum tls_result r = TLS_RESULT_STARTTLS_NOT_SUPPORTED; r <= TLS_RESULT_DANE_REQUIRED; r++)
        CHECK_CASE(tls_result_name(r), strstr(metric_info(metric_tls_failure(r))->label, tls_result_name(r)) != NULL);
    CHECK_INT(metric_tls_failure(TLS_RESULT_STS_POLICY_INVALID), metric_tls_failure(TLS_RESULT_VALIDATION_FAILURE));
    CHECK_INT(metric_tls_failure(TLS_RESULT_DANE_REQUIRED), METRIC_TLS_OUT_FAILURE_LAST);
}

TEST(counting)
{
    metric_add(METRIC_SESSIONS_IN_OPEN, 3);
    metric_add(METRIC_SESSIONS_IN_OPEN, -1);
    CHECK_INT(metric_get(METRIC_SESSIONS_IN_OPEN), 2);
}

RUN_TESTS(T(every_metric_is_described), T(failures_are_counted_by_cause), T(counting))
