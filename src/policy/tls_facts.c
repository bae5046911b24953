#include "policy/tls_facts.h"

static const char *const version_names[] = { [TLS_VERSION_NONE] = "none",
                                             [TLS_VERSION_1_0] = "TLSv1.0",
                                             [TLS_VERSION_1_1] = "TLSv1.1",
                                             [TLS_VERSION_1_2] = "TLSv1.2",
                                             [TLS_VERSION_1_3] = "TLSv1.3" };

static const char *const verdict_names[] = {
    [CERT_ABSENT] = "absent",           [CERT_TRUSTED] = "trusted",
    [CERT_EXPIRED] = "expired",         [CERT_NOT_YET_VALID] = "not-yet-valid",
    [CERT_SELF_SIGNED] = "self-signed", [CERT_UNTRUSTED] = "untrusted",
};

static const char *const dane_names[] = {
    [DANE_NOT_CHECKED] = "not-checked",
    [DANE_MATCHED] = "matched",
    [DANE_MISMATCH] = "mismatch",
    [DANE_EXPIRED] = "expired",
    [DANE_HOST_MISMATCH] = "host-mismatch",
    [DANE_INVALID] = "invalid",
    [DANE_ERROR] = "error",
};

const char *tls_version_name(enum tls_version v)
{
    return version_names[v];
}

bool tls_version_parse(struct slice s, enum tls_version *out)
{
    if (slice_starts_case(s, SLICE_LIT("tls")))
        s = slice_from(s, s.len > 3 && (s.ptr[3] == 'v' || s.ptr[3] == 'V') ? 4 : 3);
    for (enum tls_version v = TLS_VERSION_1_0; v <= TLS_VERSION_1_3; v++) {
        if (slice_eq(s, slice_str(version_names[v] + 4))) {
            *out = v;
            return true;
        }
    }
    return false;
}

const char *cert_verdict_name(enum cert_verdict v)
{
    return verdict_names[v];
}

const char *dane_verdict_name(enum dane_verdict v)
{
    return dane_names[v];
}
