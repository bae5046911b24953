/* relay/metrics.h: what is counted, in one table. Counting is a relaxed atomic add, from any thread. */
#ifndef STERNPOST_RELAY_METRICS_H
#define STERNPOST_RELAY_METRICS_H

#include "base/slice.h"
#include "policy/tls_result.h"

enum metric {
    METRIC_SESSIONS_IN,
    METRIC_SESSIONS_IN_OPEN, /* gauge */
    METRIC_SESSIONS_IN_TLS,
    METRIC_SESSIONS_REFUSED,
    METRIC_TLS_IN_FAILED,
    METRIC_AUTH_OK,
    METRIC_AUTH_FAILED,
    METRIC_MESSAGES_IN,
    METRIC_BYTES_IN,
    METRIC_MESSAGES_REFUSED,
    METRIC_MESSAGES_POISONED,
    METRIC_RCPT_REFUSED_RELAY,
    METRIC_RCPT_REFUSED_TLS,
    METRIC_RULE_TESTING_HITS,
    METRIC_STORE_FULL,
    METRIC_CONNECTIONS_OUT,
    METRIC_CONNECTIONS_OUT_OPEN, /* gauge */
    METRIC_CONNECTIONS_OUT_REUSED,
    METRIC_TLS_OUT,
    METRIC_TLS_OUT_RESUMED,
    METRIC_TLS_OUT_FAILED,
    METRIC_TLS_OUT_FAILURE, /* by cause: metric_tls_failure() */
    METRIC_TLS_OUT_FAILURE_LAST = METRIC_TLS_OUT_FAILURE + 7,
    METRIC_TLS_OUT_FALLBACK, /* retried in clear after a failed handshake */
    METRIC_ATTEMPTS,
    METRIC_DELIVERED,
    METRIC_DELIVERED_CLEAR,
    METRIC_DELIVERED_ENCRYPTED,
    METRIC_DELIVERED_VERIFIED,
    METRIC_DELIVERED_DANE,
    METRIC_DELIVERED_ALTERNATE,
    METRIC_DEFERRED,
    METRIC_BOUNCED,
    METRIC_DSN_SENT,
    METRIC_DSN_SUPPRESSED,
    METRIC_LOOPS,
    METRIC_COUNT,
};

/* Adds `n`, which is negative where a gauge goes down. */
void metric_add(enum metric m, int64_t n);
int64_t metric_get(enum metric m);

/* The metric of servers that failed of TLS, or were passed over, for this cause. `result` is not TLS_RESULT_OK. */
enum metric metric_tls_failure(enum tls_result result);

struct metric_info {
    const char *name; /* "sternpost_messages_received_total"; several in a row may share it and differ by label */
    const char *help;
    bool        is_gauge;
    const char *label; /* "result=\"tlsa-invalid\""; NULL: none */
};
const struct metric_info *metric_info(enum metric m);

#endif
