/* policy/tls_result.h: the outcome of one connection's TLS, in the terms of RFC 8460 section 4.3. */
#ifndef STERNPOST_POLICY_TLS_RESULT_H
#define STERNPOST_POLICY_TLS_RESULT_H

enum tls_result {
    TLS_RESULT_OK,
    TLS_RESULT_STARTTLS_NOT_SUPPORTED,
    TLS_RESULT_CERTIFICATE_HOST_MISMATCH,
    TLS_RESULT_CERTIFICATE_EXPIRED,
    TLS_RESULT_CERTIFICATE_NOT_TRUSTED,
    TLS_RESULT_VALIDATION_FAILURE, /* all else: handshake failed, version too low */
    TLS_RESULT_TLSA_INVALID,
    TLS_RESULT_DNSSEC_INVALID,
    TLS_RESULT_DANE_REQUIRED,
    TLS_RESULT_STS_POLICY_FETCH_ERROR,
    TLS_RESULT_STS_POLICY_INVALID,
    TLS_RESULT_STS_WEBPKI_INVALID,
};

const char *tls_result_name(enum tls_result r); /* "starttls-not-supported" */

#endif
