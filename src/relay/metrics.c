#include "relay/metrics.h"

#include "base/status.h"

#include <assert.h>
#include <stdatomic.h>

#define TLS_FAILURE(cause)                                                                                        \
    { "sternpost_tls_out_failures_total", "Servers that failed of TLS or were passed over, by cause.", false,      \
      "result=\"" cause "\"" }

static const struct metric_info infos[METRIC_COUNT] = {
    [METRIC_SESSIONS_IN] = { "sternpost_sessions_in_total", "SMTP sessions accepted on all listeners." },
    [METRIC_SESSIONS_IN_OPEN] = { "sternpost_sessions_in_open", "SMTP sessions open now.", true },
    [METRIC_SESSIONS_IN_TLS] = { "sternpost_sessions_in_tls_total", "Inbound sessions that reached TLS." },
    [METRIC_SESSIONS_REFUSED] = { "sternpost_sessions_refused_total", "Connections turned away by a limit." },
    [METRIC_TLS_IN_FAILED] = { "sternpost_tls_in_failed_total", "Inbound TLS handshakes that failed." },
    [METRIC_AUTH_OK] = { "sternpost_auth_succeeded_total", "Users signed in." },
    [METRIC_AUTH_FAILED] = { "sternpost_auth_failed_total", "Sign-ins refused." },
    [METRIC_MESSAGES_IN] = { "sternpost_messages_received_total", "Messages accepted and on disk." },
    [METRIC_BYTES_IN] = { "sternpost_bytes_received_total", "Bytes of messages accepted." },
    [METRIC_MESSAGES_REFUSED] = { "sternpost_messages_refused_total", "Messages refused after their content." },
    [METRIC_MESSAGES_POISONED] = { "sternpost_messages_poisoned_total",
                                   "Messages refused for line ends that peers read differently." },
    [METRIC_RCPT_REFUSED_RELAY] = { "sternpost_recipients_refused_relay_total",
                                    "Recipients refused because we do not relay for the client." },
    [METRIC_RCPT_REFUSED_TLS] = { "sternpost_recipients_refused_tls_total",
                                  "Recipients refused because a rule requires TLS." },
    [METRIC_RULE_TESTING_HITS] = { "sternpost_rule_testing_hits_total",
                                   "Times a rule in testing would have refused mail, or made its demand on it." },
    [METRIC_STORE_FULL] = { "sternpost_store_full_total", "Messages put off because the disk is full." },
    [METRIC_CONNECTIONS_OUT] = { "sternpost_connections_out_total", "Connections opened to other servers." },
    [METRIC_CONNECTIONS_OUT_OPEN] = { "sternpost_connections_out_open", "Connections to other servers now.", true },
    [METRIC_CONNECTIONS_OUT_REUSED] = { "sternpost_connections_out_reused_total",
                                        "Deliveries over a connection that was open already." },
    [METRIC_TLS_OUT] = { "sternpost_tls_out_total", "Outbound TLS handshakes that succeeded." },
    [METRIC_TLS_OUT_RESUMED] = { "sternpost_tls_out_resumed_total", "Outbound TLS sessions resumed." },
    [METRIC_TLS_OUT_FAILED] = { "sternpost_tls_out_failed_total", "Outbound TLS handshakes that failed." },
    [METRIC_TLS_OUT_FAILURE + 0] = TLS_FAILURE("starttls-not-supported"),
    [METRIC_TLS_OUT_FAILURE + 1] = TLS_FAILURE("certificate-host-mismatch"),
    [METRIC_TLS_OUT_FAILURE + 2] = TLS_FAILURE("certificate-expired"),
    [METRIC_TLS_OUT_FAILURE + 3] = TLS_FAILURE("certificate-not-trusted"),
    [METRIC_TLS_OUT_FAILURE + 4] = TLS_FAILURE("validation-failure"),
    [METRIC_TLS_OUT_FAILURE + 5] = TLS_FAILURE("tlsa-invalid"),
    [METRIC_TLS_OUT_FAILURE + 6] = TLS_FAILURE("dnssec-invalid"),
    [METRIC_TLS_OUT_FAILURE + 7] = TLS_FAILURE("dane-required"),
    [METRIC_TLS_OUT_FALLBACK] = { "sternpost_tls_out_fallback_total",
                                  "Servers tried again in clear text after a failed handshake." },
    [METRIC_ATTEMPTS] = { "sternpost_attempts_total", "Delivery attempts at one server." },
    [METRIC_DELIVERED] = { "sternpost_delivered_total", "Recipients delivered to." },
    [METRIC_DELIVERED_CLEAR] = { "sternpost_delivered_clear_total", "Recipients delivered to without TLS." },
    [METRIC_DELIVERED_ENCRYPTED] = { "sternpost_delivered_encrypted_total",
                                     "Recipients delivered to over TLS with an unverified certificate." },
    [METRIC_DELIVERED_VERIFIED] = { "sternpost_delivered_verified_total",
                                    "Recipients delivered to over TLS with a verified certificate." },
    [METRIC_DELIVERED_DANE] = { "sternpost_delivered_dane_total",
                                "Recipients delivered to over TLS with a certificate that DNSSEC vouches for." },
    [METRIC_DELIVERED_ALTERNATE] = { "sternpost_delivered_alternate_total",
                                     "Recipients delivered to over the alternate secure route." },
    [METRIC_DEFERRED] = { "sternpost_deferred_total", "Deliveries put off for another attempt." },
    [METRIC_BOUNCED] = { "sternpost_bounced_total", "Deliveries given up." },
    [METRIC_DSN_SENT] = { "sternpost_dsn_sent_total", "Delivery status notifications written." },
    [METRIC_DSN_SUPPRESSED] = { "sternpost_dsn_suppressed_total", "Notifications not written because of a limit." },
    [METRIC_LOOPS] = { "sternpost_loops_total", "Messages refused because they travel in a loop." },
};

static _Atomic int64_t values[METRIC_COUNT];

void metric_add(enum metric m, int64_t n)
{
    atomic_fetch_add_explicit(&values[m], n, memory_order_relaxed);
}

enum metric metric_tls_failure(enum tls_result result)
{
    /* What concerns a policy file is no server's failure, and is counted where policies are kept. */
    bool is_of_server = result >= TLS_RESULT_STARTTLS_NOT_SUPPORTED && result <= TLS_RESULT_DANE_REQUIRED;

    return METRIC_TLS_OUT_FAILURE + (is_of_server ? result : TLS_RESULT_VALIDATION_FAILURE) -
           TLS_RESULT_STARTTLS_NOT_SUPPORTED;
}

int64_t metric_get(enum metric m)
{
    return atomic_load_explicit(&values[m], memory_order_relaxed);
}

const struct metric_info *metric_info(enum metric m)
{
    assert(infos[m].name != NULL);
    return &infos[m];
}
