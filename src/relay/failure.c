#include "relay/failure.h"

#include <string.h>

struct code_pair {
    const char *temporary, *permanent;
};

static const struct code_pair by_result[] = {
    [TLS_RESULT_OK] = { "4.7.5", "5.7.5" },
    [TLS_RESULT_STARTTLS_NOT_SUPPORTED] = { "4.7.4", "5.7.4" },
    [TLS_RESULT_CERTIFICATE_HOST_MISMATCH] = { "4.7.5", "5.7.5" },
    [TLS_RESULT_CERTIFICATE_EXPIRED] = { "4.7.5", "5.7.5" },
    [TLS_RESULT_CERTIFICATE_NOT_TRUSTED] = { "4.7.5", "5.7.5" },
    [TLS_RESULT_VALIDATION_FAILURE] = { "4.7.5", "5.7.5" },
    [TLS_RESULT_TLSA_INVALID] = { "4.7.323", "5.7.323" },
    [TLS_RESULT_DNSSEC_INVALID] = { "4.7.324", "5.7.324" },
    [TLS_RESULT_DANE_REQUIRED] = { "4.7.323", "5.7.323" },
    [TLS_RESULT_STS_POLICY_FETCH_ERROR] = { "4.7.5", "5.7.5" },
    [TLS_RESULT_STS_POLICY_INVALID] = { "4.7.5", "5.7.5" },
    [TLS_RESULT_STS_WEBPKI_INVALID] = { "4.7.5", "5.7.5" },
};

/* Where TLSA records made the demand. */
static const struct code_pair by_result_of_dane[] = {
    [TLS_RESULT_STARTTLS_NOT_SUPPORTED] = { "4.7.321", "5.7.321" },
    [TLS_RESULT_CERTIFICATE_HOST_MISMATCH] = { "4.7.325", "5.7.325" },
    [TLS_RESULT_CERTIFICATE_EXPIRED] = { "4.7.322", "5.7.322" },
};

static const struct code_pair not_in_policy = { "4.4.8", "5.4.8" }, no_requiretls = { "4.7.30", "5.7.30" };

static const struct code_pair *pair_of(const struct connection_failure *f)
{
    if (f->lacks_requiretls)
        return &no_requiretls;
    if (f->code != NULL && strcmp(f->code, "mx-not-in-policy") == 0)
        return &not_in_policy;
    if (f->by_dane && f->result < sizeof by_result_of_dane / sizeof *by_result_of_dane &&
        by_result_of_dane[f->result].temporary != NULL)
        return &by_result_of_dane[f->result];
    return &by_result[f->result];
}

const char *failure_status(const struct connection_failure *f, bool is_permanent)
{
    const struct code_pair *pair = pair_of(f);

    return is_permanent ? pair->permanent : pair->temporary;
}
