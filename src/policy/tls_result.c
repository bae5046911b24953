#include "policy/tls_result.h"

/* RFC 8460 section 4.3. */
static const char *const names[] = {
    [TLS_RESULT_OK] = "ok",
    [TLS_RESULT_STARTTLS_NOT_SUPPORTED] = "starttls-not-supported",
    [TLS_RESULT_CERTIFICATE_HOST_MISMATCH] = "certificate-host-mismatch",
    [TLS_RESULT_CERTIFICATE_EXPIRED] = "certificate-expired",
    [TLS_RESULT_CERTIFICATE_NOT_TRUSTED] = "certificate-not-trusted",
    [TLS_RESULT_VALIDATION_FAILURE] = "validation-failure",
    [TLS_RESULT_TLSA_INVALID] = "tlsa-invalid",
    [TLS_RESULT_DNSSEC_INVALID] = "dnssec-invalid",
    [TLS_RESULT_DANE_REQUIRED] = "dane-required",
    [TLS_RESULT_STS_POLICY_FETCH_ERROR] = "sts-policy-fetch-error",
    [TLS_RESULT_STS_POLICY_INVALID] = "sts-policy-invalid",
    [TLS_RESULT_STS_WEBPKI_INVALID] = "sts-webpki-invalid",
};

const char *tls_result_name(enum tls_result r)
{
    return names[r];
}
