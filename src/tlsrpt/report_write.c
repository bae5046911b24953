#include "tlsrpt/report.h"

#include "base/clock.h"
#include "base/siphash.h"
#include "tlsrpt/json_write.h"

#include <assert.h>
#include <time.h>

enum { FILE_ID_MAX = 40 };

static void put(struct tlsrpt_json *w, const char *key, struct slice s)
{
    (void)tlsrpt_json_string(w, key, s, SIZE_MAX);
}

static void put_unless_empty(struct tlsrpt_json *w, const char *key, struct slice s)
{
    if (s.len > 0)
        put(w, key, s);
}

static void put_list(struct tlsrpt_json *w, const char *key, const struct slice *items, size_t len)
{
    if (len == 0)
        return;
    tlsrpt_json_open(w, key, '[');
    for (size_t i = 0; i < len; i++)
        put(w, NULL, items[i]);
    tlsrpt_json_close(w, ']');
}

static void put_policy(struct tlsrpt_json *w, const struct tlsrpt_policy *p)
{
    tlsrpt_json_open(w, "policy", '{');
    put(w, "policy-type", p->type == TLSRPT_OTHER ? p->type_text : slice_str(tlsrpt_policy_type_name(p->type)));
    put_list(w, "policy-string", p->strings, p->strings_len);
    put_unless_empty(w, "policy-domain", p->domain);
    put_list(w, "mx-host", p->mx_hosts, p->mx_hosts_len);
    tlsrpt_json_close(w, '}');
}

static void put_failure(struct tlsrpt_json *w, const struct tlsrpt_failure *f)
{
    tlsrpt_json_open(w, NULL, '{');
    put(w, "result-type", f->result_type);
    put_unless_empty(w, "sending-mta-ip", f->sending_mta_ip);
    put_unless_empty(w, "receiving-mx-hostname", f->receiving_mx_hostname);
    put_unless_empty(w, "receiving-mx-helo", f->receiving_mx_helo);
    put_unless_empty(w, "receiving-ip", f->receiving_ip);
    tlsrpt_json_number(w, "failed-session-count", f->count);
    put_unless_empty(w, "additional-information", f->additional_information);
    put_unless_empty(w, "failure-reason-code", f->failure_reason_code);
    tlsrpt_json_close(w, '}');
}

static void put_one(struct tlsrpt_json *w, const struct tlsrpt_policy_report *p)
{
    tlsrpt_json_open(w, NULL, '{');
    put_policy(w, &p->policy);
    tlsrpt_json_open(w, "summary", '{');
    tlsrpt_json_number(w, "total-successful-session-count", p->success);
    tlsrpt_json_number(w, "total-failure-session-count", p->failure);
    tlsrpt_json_close(w, '}');
    if (p->policy.failures_len > 0) {
        tlsrpt_json_open(w, "failure-details", '[');
        for (size_t i = 0; i < p->policy.failures_len; i++)
            put_failure(w, &p->policy.failures[i]);
        tlsrpt_json_close(w, ']');
    }
    tlsrpt_json_close(w, '}');
}

static void put_range(struct tlsrpt_json *w, const struct tlsrpt_report *r)
{
    char text[CLOCK_TEXT];

    tlsrpt_json_open(w, "date-range", '{');
    put(w, "start-datetime", slice_str(clock_rfc3339(r->start_s, text)));
    put(w, "end-datetime", slice_str(clock_rfc3339(r->end_s, text)));
    tlsrpt_json_close(w, '}');
}

struct slice tlsrpt_report_write(const struct tlsrpt_report *r, struct arena *arena)
{
    struct buf out;
    struct tlsrpt_json w = { .out = &out };
    struct slice text;

    buf_init(&out, SIZE_MAX / 2);
    tlsrpt_json_open(&w, NULL, '{');
    put(&w, "organization-name", r->organization);
    put_range(&w, r);
    put(&w, "contact-info", r->contact);
    put(&w, "report-id", r->id);
    tlsrpt_json_open(&w, "policies", '[');
    for (size_t i = 0; i < r->policies_len; i++)
        put_one(&w, &r->policies[i]);
    tlsrpt_json_close(&w, ']');
    tlsrpt_json_close(&w, '}');
    assert(w.st == OK);
    text = arena_copy(arena, buf_slice(&out));
    buf_release(&out);
    return text;
}

struct slice tlsrpt_report_id(int64_t start_s, struct slice submitter, struct slice domain, struct arena *arena)
{
    static const uint64_t no_secret[2] = { 0, 0 };
    time_t t = (time_t)start_s;
    struct tm tm;

    gmtime_r(&t, &tm);
    return arena_printf(arena, "%04d%02d%02d.%016llx@%.*s", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                        (unsigned long long)siphash(no_secret, domain), SLICE_FMT(submitter));
}

static bool is_letter_or_digit(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

struct slice tlsrpt_report_file(const struct tlsrpt_report *r, struct slice submitter, struct slice domain,
                                struct arena *arena)
{
    char id[FILE_ID_MAX];
    size_t len = 0;

    for (size_t i = 0; i < r->id.len && r->id.ptr[i] != '@' && len < sizeof id; i++)
        if (is_letter_or_digit(r->id.ptr[i]))
            id[len++] = r->id.ptr[i];
    return arena_printf(arena, "%.*s!%.*s!%lld!%lld%s%.*s.json.gz", SLICE_FMT(submitter), SLICE_FMT(domain),
                        (long long)r->start_s, (long long)r->end_s, len > 0 ? "!" : "", (int)len, id);
}
