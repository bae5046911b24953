#include "relay/metrics.h"

#include "base/test.h"

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
            CHECK_CASE(info->name, strcmp(info->name, metric_info((enum metric)other)->name) != 0);
    }
}

TEST(counting)
{
    metric_add(METRIC_SESSIONS_IN_OPEN, 3);
    metric_add(METRIC_SESSIONS_IN_OPEN, -1);
    CHECK_INT(metric_get(METRIC_SESSIONS_IN_OPEN), 2);
}

RUN_TESTS(T(every_metric_is_described), T(counting))
