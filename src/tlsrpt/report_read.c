#include "tlsrpt/report.h"

#include "tlsrpt/report_json.h"

#include <time.h>

enum { UNWRAPPED_MOST = 20000, DAY_S = 86400, ZONE_H_MAX = 23 };
#define YEAR_10000_S INT64_C(253402300800)

/* The number of exactly `digits` digits at the front, within its bounds; *s is what lies behind. */
static bool take_number(struct slice *s, size_t digits, int least, int most, int *out)
{
    uint64_t n;

    if (s->len < digits || !slice_to_u64(slice_first(*s, digits), &n) || n > (uint64_t)most || (int)n < least)
        return false;
    *out = (int)n;
    *s = slice_from(*s, digits);
    return true;
}

static bool take_char(struct slice *s, const char *any_of)
{
    if (s->len == 0 || s->ptr[0] == '\0' || strchr(any_of, s->ptr[0]) == NULL)
        return false;
    *s = slice_from(*s, 1);
    return true;
}

/* "Z", "+01:00" or nothing, which is UTC. */
static bool take_zone(struct slice *s, int *offset_s)
{
    int hours, minutes, sign;

    *offset_s = 0;
    if (s->len == 0 || take_char(s, "Zz"))
        return true;
    sign = s->ptr[0] == '-' ? -1 : 1;
    if (!take_char(s, "+-") || !take_number(s, 2, 0, ZONE_H_MAX, &hours) || !take_char(s, ":") ||
        !take_number(s, 2, 0, 59, &minutes))
        return false;
    *offset_s = sign * (hours * 3600 + minutes * 60);
    return true;
}

/* RFC 3339 section 5.6, from 1970 on. */
static bool read_time(struct slice s, int64_t *out)
{
    struct tm tm = { 0 };
    int offset_s, ignored;

    if (!take_number(&s, 4, 1970, 9999, &tm.tm_year) || !take_char(&s, "-") ||
        !take_number(&s, 2, 1, 12, &tm.tm_mon) || !take_char(&s, "-") || !take_number(&s, 2, 1, 31, &tm.tm_mday) ||
        !take_char(&s, "Tt ") || !take_number(&s, 2, 0, 23, &tm.tm_hour) || !take_char(&s, ":") ||
        !take_number(&s, 2, 0, 59, &tm.tm_min) || !take_char(&s, ":") || !take_number(&s, 2, 0, 60, &tm.tm_sec))
        return false;
    if (take_char(&s, "."))
        while (take_number(&s, 1, 0, 9, &ignored))
            continue;
    if (!take_zone(&s, &offset_s) || s.len > 0)
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon--;
    *out = (int64_t)timegm(&tm) - offset_s;
    return *out >= 0 && *out < YEAR_10000_S;
}

static int64_t time_at(struct report_reader *r, const json_t *range, const char *key)
{
    struct slice text = report_string(r, range, key);
    int64_t t = 0;

    if (text.len > 0 && !read_time(slice_trim(text), &t))
        report_reader_fail(r, ERR_SYNTAX, key, "is no time");
    return t;
}

/* Some end the day with the first second of the next. */
static void read_range(struct report_reader *r, const json_t *top, struct tlsrpt_report *out)
{
    const json_t *range = report_member(top, "date-range");

    out->start_s = time_at(r, range, "start-datetime");
    out->end_s = time_at(r, range, "end-datetime");
    if (out->end_s > out->start_s && out->end_s % DAY_S == 0)
        out->end_s--;
    if (out->end_s < out->start_s && out->end_s > 0)
        report_reader_fail(r, ERR_SYNTAX, "date-range", "ends before it begins");
}

static void read_failures(struct report_reader *r, const json_t *object, struct tlsrpt_policy *out)
{
    const json_t *array = report_member(object, "failure-details");
    struct tlsrpt_failure *failures;

    if (array != NULL && !json_is_array(array)) {
        report_reader_fail(r, ERR_SYNTAX, "failure-details", "is no array");
        return;
    }
    out->failures_len = json_array_size(array);
    out->failures = failures = ARENA_ARRAY(r->arena, struct tlsrpt_failure, out->failures_len);
    for (size_t i = 0; i < out->failures_len && r->st == OK; i++)
        report_read_failure(r, json_array_get(array, i), &failures[i]);
}

static uint64_t sum_of(const struct tlsrpt_policy *p)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < p->failures_len; i++)
        sum = tlsrpt_count_add(sum, p->failures[i].count);
    return sum;
}

/* A total of failures that is not told is the sum of the details. */
static void read_one(struct report_reader *r, const json_t *object, struct tlsrpt_policy_report *out)
{
    const json_t *summary = report_member(object, "summary");

    if (!json_is_object(object)) {
        report_reader_fail(r, ERR_SYNTAX, "policies", "holds something that is no object");
        return;
    }
    report_read_policy(r, report_member(object, "policy"), &out->policy);
    read_failures(r, object, &out->policy);
    out->success = report_number(r, summary, "total-successful-session-count", 0);
    out->failure = report_number(r, summary, "total-failure-session-count", r->st == OK ? sum_of(&out->policy) : 0);
}

static void read_policies(struct report_reader *r, const json_t *top, struct tlsrpt_report *out, struct fault *why)
{
    const json_t *array = report_member(top, "policies");
    struct tlsrpt_policy_report *policies;

    if (!json_is_array(array)) {
        report_reader_fail(r, ERR_SYNTAX, "policies", array == NULL ? "is missing" : "is no array");
        return;
    }
    policies = ARENA_ARRAY(r->arena, struct tlsrpt_policy_report, json_array_size(array));
    for (size_t i = 0; i < json_array_size(array); i++) {
        struct report_reader each = { .arena = r->arena, .unwrapped_left = r->unwrapped_left };
        struct tlsrpt_policy_report p = { .success = 0 };

        read_one(&each, json_array_get(array, i), &p);
        r->unwrapped_left = each.unwrapped_left;
        if (each.st == OK)
            policies[out->policies_len++] = p;
        else if (out->refused_len++ == 0)
            (void)fault_set(why, each.st, "policy %zu: %s", i + 1, each.why.text);
    }
    out->policies = policies;
    if (out->refused_len > 0 && out->policies_len == 0)
        r->st = fault_set(&r->why, ERR_SYNTAX, "no policy is good; %s", why->text);
}

enum status tlsrpt_report_read(struct slice json, struct arena *arena, struct tlsrpt_report *out, struct fault *why)
{
    static const struct tlsrpt_json_bounds most = { TLSRPT_REPORT_MAX, TLSRPT_REPORT_DEPTH, TLSRPT_REPORT_TOKENS };
    struct report_reader r = { .arena = arena, .unwrapped_left = UNWRAPPED_MOST };
    struct tlsrpt_report report = { .policies_len = 0 };
    struct slice byte_order_mark = SLICE_LIT("\xef\xbb\xbf");
    struct fault first = { "" };
    enum status st;
    json_t *top;

    if (slice_starts(json, byte_order_mark))
        json = slice_from(json, byte_order_mark.len);
    top = tlsrpt_json_read(json, JSON_OBJECT, &most, &st, why);
    if (top == NULL)
        return st;
    report.organization = report_string(&r, top, "organization-name");
    report.contact = report_string(&r, top, "contact-info");
    report.id = report_string(&r, top, "report-id");
    read_range(&r, top, &report);
    read_policies(&r, top, &report, &first);
    json_decref(top);
    if (r.st != OK)
        return fault_set(why, r.st, "%s", r.why.text);
    if (report.refused_len > 0)
        (void)fault_set(why, OK, "%s", first.text);
    *out = report;
    return OK;
}
