#include "tlsrpt/report.h"

#include "base/buf.h"
#include "base/clock.h"
#include "policy/tls_result.h"

#include <assert.h>

/* Bounds of the text: policies, failures of each, bytes of a foreign string. */
enum { POLICIES_MOST = 20, FAILURES_MOST = 5, WORDS_MAX = 128 * 1024, FOREIGN_MAX = 120 };

static const char *const type_words[] = {
    [TLSRPT_TLSA] = "DANE of",
    [TLSRPT_STS] = "MTA-STS of",
    [TLSRPT_NO_POLICY] = "No policy found for",
    [TLSRPT_OTHER] = "Another policy of",
};

static const struct {
    enum tls_result result;
    const char *words;
} failure_words[] = {
    { TLS_RESULT_STARTTLS_NOT_SUPPORTED, "STARTTLS was not offered, or refused" },
    { TLS_RESULT_CERTIFICATE_HOST_MISMATCH, "the certificate is for other names" },
    { TLS_RESULT_CERTIFICATE_EXPIRED, "the certificate has expired" },
    { TLS_RESULT_CERTIFICATE_NOT_TRUSTED, "the certificate is from nobody we trust" },
    { TLS_RESULT_VALIDATION_FAILURE, "TLS failed" },
    { TLS_RESULT_TLSA_INVALID, "the TLSA records are of no use" },
    { TLS_RESULT_DNSSEC_INVALID, "DNSSEC gave no valid answer" },
    { TLS_RESULT_DANE_REQUIRED, "DANE is demanded, and there are no TLSA records" },
    { TLS_RESULT_STS_POLICY_FETCH_ERROR, "the MTA-STS policy could not be fetched" },
    { TLS_RESULT_STS_POLICY_INVALID, "the MTA-STS policy is malformed" },
    { TLS_RESULT_STS_WEBPKI_INVALID, "the certificate of the MTA-STS policy host is not valid" },
};

static void say(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The bounds above leave room for all of it. */
static void say(struct buf *b, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    int len;

    va_start(ap, fmt);
    len = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    assert((size_t)len < sizeof text);
    if (buf_add(b, slice_str(text)) != OK)
        abort();
}

/* Foreign text, as ASCII on one line. */
static const char *plain(struct slice s, char out[static FOREIGN_MAX + 1])
{
    size_t len = s.len < FOREIGN_MAX ? s.len : FOREIGN_MAX;

    for (size_t i = 0; i < len; i++)
        out[i] = s.ptr[i] >= ' ' && s.ptr[i] < 0x7f ? s.ptr[i] : '?';
    out[len] = '\0';
    return out;
}

/* The result type in words, or as it came. */
static const char *result_words(struct slice type, char out[static FOREIGN_MAX + 1])
{
    for (size_t i = 0; i < COUNT_OF(failure_words); i++)
        if (slice_eq_case(type, slice_str(tls_result_name(failure_words[i].result))))
            return failure_words[i].words;
    return plain(type, out);
}

static void say_failure(struct buf *b, const struct tlsrpt_failure *f)
{
    char type[FOREIGN_MAX + 1], host[FOREIGN_MAX + 1], ip[FOREIGN_MAX + 1], reason[FOREIGN_MAX + 1];

    say(b, "  - %llu: %s", (unsigned long long)f->count, result_words(f->result_type, type));
    if (f->receiving_mx_hostname.len > 0)
        say(b, ", at %s", plain(f->receiving_mx_hostname, host));
    if (f->receiving_ip.len > 0)
        say(b, " [%s]", plain(f->receiving_ip, ip));
    if (f->failure_reason_code.len > 0)
        say(b, " (%s)", plain(f->failure_reason_code, reason));
    say(b, "\n");
}

static void say_policy(struct buf *b, const struct tlsrpt_policy_report *p, struct slice domain)
{
    size_t len = p->policy.failures_len < FAILURES_MOST ? p->policy.failures_len : FAILURES_MOST;
    struct slice whose = p->policy.domain.len > 0 ? p->policy.domain : domain;
    char name[FOREIGN_MAX + 1];

    say(b, "\n%s %s: %llu sessions succeeded, %llu failed.\n", type_words[p->policy.type], plain(whose, name),
        (unsigned long long)p->success, (unsigned long long)p->failure);
    for (size_t i = 0; i < len; i++)
        say_failure(b, &p->policy.failures[i]);
    if (len < p->policy.failures_len)
        say(b, "  - and %zu more kinds of failure\n", p->policy.failures_len - len);
}

static void say_period(struct buf *b, const struct tlsrpt_report *r)
{
    char start[CLOCK_TEXT], end[CLOCK_TEXT];

    say(b, "Period: %s to %s\n", clock_rfc3339(r->start_s, start), clock_rfc3339(r->end_s, end));
}

struct slice tlsrpt_report_words(const struct tlsrpt_report *r, struct slice submitter, struct slice domain,
                                 struct arena *arena)
{
    size_t len = r->policies_len < POLICIES_MOST ? r->policies_len : POLICIES_MOST;
    char name[FOREIGN_MAX + 1];
    struct slice text;
    struct buf b;

    buf_init(&b, WORDS_MAX);
    say(&b, "This is a report of how connections that brought mail for %s were secured by TLS (RFC 8460).\n\n",
        plain(domain, name));
    say(&b, "Submitter: %s\n", plain(submitter, name));
    say_period(&b, r);
    if (r->contact.len > 0)
        say(&b, "Contact: %s\n", plain(r->contact, name));
    if (r->policies_len > 1)
        say(&b, "\nA session counts under each policy that applied to it.\n");
    for (size_t i = 0; i < len; i++)
        say_policy(&b, &r->policies[i], domain);
    if (len < r->policies_len)
        say(&b, "\nAnd %zu more policies, in the report itself.\n", r->policies_len - len);
    say(&b, "\nAll of it, for programs, is in the attached report.\n");
    text = arena_copy(arena, buf_slice(&b));
    buf_release(&b);
    return text;
}
