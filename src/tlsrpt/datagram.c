#include "tlsrpt/datagram.h"

#include "policy/tls_result.h"
#include "smtp/path.h"
#include "tlsrpt/json_read.h"

#include <stdio.h>

/* Policies in one datagram, items of a list and failures of a policy that are kept. */
enum { POLICIES_MOST = 32, LIST_MOST = 256 };

/* Repair of a byte that is not UTF-8 makes three of one. */
static const struct tlsrpt_json_bounds bounds = { .bytes = 3 * TLSRPT_DATAGRAM_MAX, .depth = 8, .tokens = 64 * 1024 };

static const struct {
    json_int_t code;
    enum tlsrpt_policy_type type;
} policy_types[] = {
    { 1, TLSRPT_TLSA },
    { 2, TLSRPT_STS },
    { 9, TLSRPT_NO_POLICY },
};

static const struct {
    json_int_t code;
    enum tls_result result;
} failure_codes[] = {
    { 201, TLS_RESULT_STARTTLS_NOT_SUPPORTED },
    { 202, TLS_RESULT_CERTIFICATE_HOST_MISMATCH },
    { 203, TLS_RESULT_CERTIFICATE_NOT_TRUSTED },
    { 204, TLS_RESULT_CERTIFICATE_EXPIRED },
    { 205, TLS_RESULT_VALIDATION_FAILURE },
    { 301, TLS_RESULT_STS_POLICY_FETCH_ERROR },
    { 302, TLS_RESULT_STS_POLICY_INVALID },
    { 303, TLS_RESULT_STS_WEBPKI_INVALID },
    { 304, TLS_RESULT_TLSA_INVALID },
    { 305, TLS_RESULT_DNSSEC_INVALID },
    { 306, TLS_RESULT_DANE_REQUIRED },
};

/* A datagram being read; `st` stays at the first refusal, and then `why` says what it was. */
struct reader {
    struct arena *arena;
    struct fault *why;
    bool has_warning;
    enum status st;
};

static void refuse(struct reader *r, const char *what, const char *wrong)
{
    if (r->st == OK)
        r->st = fault_set(r->why, ERR_SYNTAX, "'%s' %s", what, wrong);
}

static void warn(struct reader *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The first oddity is told. */
static void warn(struct reader *r, const char *fmt, ...)
{
    va_list ap;

    if (r->st != OK || r->has_warning)
        return;
    r->has_warning = true;
    va_start(ap, fmt);
    if (r->why != NULL)
        (void)vsnprintf(r->why->text, sizeof r->why->text, fmt, ap);
    va_end(ap);
}

static struct slice text_of(struct reader *r, const json_t *value)
{
    return arena_copy(r->arena, slice_of(json_string_value(value), json_string_length(value)));
}

/* Empty when it is not there. */
static struct slice string_at(struct reader *r, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    if (value == NULL)
        return slice_of("", 0);
    if (!json_is_string(value)) {
        refuse(r, key, "is no string");
        return slice_of("", 0);
    }
    return text_of(r, value);
}

static json_int_t number_at(struct reader *r, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_integer(value))
        refuse(r, key, value == NULL ? "is missing" : "is no whole number");
    return json_integer_value(value);
}

/* NULL when it is not there, or is no array. */
static const json_t *array_at(struct reader *r, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    if (value != NULL && !json_is_array(value)) {
        refuse(r, key, "is no array");
        return NULL;
    }
    return value;
}

/* How many of an array's items are kept. */
static size_t kept_len(struct reader *r, const json_t *array, const char *key)
{
    size_t len = json_array_size(array);

    if (len <= LIST_MOST)
        return len;
    warn(r, "'%s' has %zu items; the first %d are kept", key, len, LIST_MOST);
    return LIST_MOST;
}

static const struct slice *strings_at(struct reader *r, const json_t *object, const char *key, size_t *len)
{
    const json_t *array = array_at(r, object, key);
    struct slice *out;

    *len = kept_len(r, array, key);
    out = ARENA_ARRAY(r->arena, struct slice, *len);
    for (size_t i = 0; i < *len; i++) {
        const json_t *item = json_array_get(array, i);

        if (!json_is_string(item)) {
            refuse(r, key, "holds something that is no string");
            break;
        }
        out[i] = text_of(r, item);
    }
    return out;
}

/* Lower case, without the dot of an absolute name. */
static struct slice domain_of(struct reader *r, struct slice s)
{
    if (s.len > 1 && s.ptr[s.len - 1] == '.')
        s = slice_first(s, s.len - 1);
    return slice_lower(s, arena_alloc(r->arena, s.len));
}

/* The library's code as RFC 8460 section 4.3 names it. One we do not know keeps its number before the reason given. */
static void read_code(struct reader *r, const json_t *object, struct tlsrpt_failure *f)
{
    json_int_t code = number_at(r, object, "c");

    for (size_t i = 0; i < COUNT_OF(failure_codes); i++) {
        if (failure_codes[i].code == code) {
            f->result_type = slice_str(tls_result_name(failure_codes[i].result));
            return;
        }
    }
    f->result_type = slice_str(tls_result_name(TLS_RESULT_VALIDATION_FAILURE));
    f->failure_reason_code = arena_printf(r->arena, f->failure_reason_code.len > 0 ? "%lld %.*s" : "%lld%.*s",
                                          (long long)code, SLICE_FMT(f->failure_reason_code));
    warn(r, "failure code %lld is not known", (long long)code);
}

/* Of a reply in several lines, the first. */
static struct slice first_line(struct slice s)
{
    struct slice rest;

    return slice_trim(slice_cut(slice_cut(s, '\n', &rest), '\r', &rest));
}

static struct tlsrpt_failure read_failure(struct reader *r, const json_t *object)
{
    struct tlsrpt_failure f = { .count = 1 };

    if (!json_is_object(object)) {
        refuse(r, "failure-details", "holds something that is no object");
        return f;
    }
    f.sending_mta_ip = string_at(r, object, "s");
    f.receiving_mx_hostname = string_at(r, object, "n");
    f.receiving_mx_helo = first_line(string_at(r, object, "h"));
    f.receiving_ip = string_at(r, object, "r");
    f.additional_information = string_at(r, object, "a");
    f.failure_reason_code = string_at(r, object, "f");
    read_code(r, object, &f);
    return f;
}

static const struct tlsrpt_failure *read_failures(struct reader *r, const json_t *policy, size_t *len)
{
    const json_t *array = array_at(r, policy, "failure-details"), *told = json_object_get(policy, "t");
    struct tlsrpt_failure *out;

    if (!json_is_integer(told) || (uint64_t)json_integer_value(told) != json_array_size(array))
        warn(r, "'t' is not the number of failures, %zu", json_array_size(array));
    *len = kept_len(r, array, "failure-details");
    out = ARENA_ARRAY(r->arena, struct tlsrpt_failure, *len);
    for (size_t i = 0; i < *len && r->st == OK; i++)
        out[i] = read_failure(r, json_array_get(array, i));
    return out;
}

static enum tlsrpt_policy_type read_type(struct reader *r, const json_t *policy)
{
    json_int_t code = number_at(r, policy, "policy-type");

    for (size_t i = 0; i < COUNT_OF(policy_types); i++)
        if (policy_types[i].code == code)
            return policy_types[i].type;
    refuse(r, "policy-type", "is none of 1, 2 and 9");
    return TLSRPT_NO_POLICY;
}

static bool read_result(struct reader *r, const json_t *policy)
{
    json_int_t result = number_at(r, policy, "f");

    if (result != 0 && result != 1)
        refuse(r, "f", "is neither 0 nor 1");
    return result != 0;
}

/* `domain`: the datagram's, which stands for a policy's that is not told. */
static struct tlsrpt_policy read_policy(struct reader *r, const json_t *object, struct slice domain)
{
    struct tlsrpt_policy p = { .domain = domain };

    if (!json_is_object(object)) {
        refuse(r, "policies", "holds something that is no object");
        return p;
    }
    if (json_object_get(object, "policy-domain") != NULL)
        p.domain = domain_of(r, string_at(r, object, "policy-domain"));
    if (!smtp_domain_is_valid(p.domain, false)) {
        warn(r, "'policy-domain' is no domain name");
        p.domain = domain;
    }
    p.type = read_type(r, object);
    p.strings = strings_at(r, object, "policy-string", &p.strings_len);
    p.mx_hosts = strings_at(r, object, "mx-host", &p.mx_hosts_len);
    p.is_failed = read_result(r, object);
    p.failures = read_failures(r, object, &p.failures_len);
    return p;
}

static void read_policies(struct reader *r, const json_t *top, struct tlsrpt_session *out)
{
    const json_t *array = array_at(r, top, "policies");
    size_t len = json_array_size(array);
    struct tlsrpt_policy *policies;

    if (len == 0)
        refuse(r, "policies", array == NULL ? "is missing" : "is empty");
    if (len > POLICIES_MOST)
        refuse(r, "policies", "has more than 32 items");
    if (r->st != OK)
        return;
    policies = ARENA_ARRAY(r->arena, struct tlsrpt_policy, len);
    for (size_t i = 0; i < len && r->st == OK; i++)
        policies[i] = read_policy(r, json_array_get(array, i), out->domain);
    out->policies = policies;
    out->policies_len = len;
}

/* A library before 0.5.0 tells no version; what another one changes is not known, so it is told and tried. */
static void check_version(struct reader *r, const json_t *top)
{
    const json_t *version = json_object_get(top, "dpv");

    if (version != NULL && (!json_is_string(version) || strcmp(json_string_value(version), "1") != 0))
        warn(r, "the protocol's version ('dpv') is not \"1\"");
}

static void read_top(struct reader *r, const json_t *top, struct tlsrpt_session *out)
{
    check_version(r, top);
    out->domain = domain_of(r, string_at(r, top, "d"));
    if (!smtp_domain_is_valid(out->domain, false))
        refuse(r, "d", json_object_get(top, "d") == NULL ? "is missing" : "is no domain name");
    out->record = string_at(r, top, "pr");
    read_policies(r, top, out);
}

enum status tlsrpt_datagram_parse(struct slice bytes, struct arena *arena, struct tlsrpt_session *out,
                                  bool *has_warning, struct fault *why)
{
    struct reader r = { .arena = arena, .why = why };
    struct tlsrpt_session session = { .policies_len = 0 };
    json_t *top;

    *has_warning = false;
    if (bytes.len > TLSRPT_DATAGRAM_MAX)
        return fault_set(why, ERR_SYNTAX, "longer than %d bytes", TLSRPT_DATAGRAM_MAX);
    top = tlsrpt_json_read(tlsrpt_utf8_repair(bytes, arena), JSON_OBJECT, &bounds, &r.st, why);
    if (top == NULL)
        return ERR_SYNTAX;
    read_top(&r, top, &session);
    json_decref(top);
    if (r.st != OK)
        return r.st;
    *out = session;
    *has_warning = r.has_warning;
    return OK;
}
