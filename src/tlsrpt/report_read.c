#include "tlsrpt/report.h"

#include "base/buf.h"
#include "tlsrpt/report_cut.h"
#include "tlsrpt/report_flat.h"
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

/* -- pieces --------------------------------------------------------------------------------------------------------
 */

/* A report being read piece by piece. */
struct reading {
    struct arena *arena;
    struct report_cut cut;
    struct buf scratch;    /* the skeleton in hand */
    size_t unwrapped_left; /* of report_reader */
    enum status broken;    /* not OK: a piece is no JSON, so the text is none; `why` */
    struct fault why;
};

static json_t *read_piece(struct reading *g, struct slice text, const char *what, size_t number)
{
    static const struct tlsrpt_json_bounds most = { TLSRPT_PIECE_MAX, TLSRPT_REPORT_DEPTH, TLSRPT_REPORT_TOKENS };
    struct fault why;
    enum status st;
    json_t *piece = tlsrpt_json_read_any(text, &most, &st, &why);

    if (piece == NULL && number == 0)
        g->broken = fault_set(&g->why, st, "%s", why.text);
    else if (piece == NULL)
        g->broken = fault_set(&g->why, st, "%s %zu: %s", what, number, why.text);
    return piece;
}

/* With an empty array where one was cut out. */
static json_t *read_skeleton(struct reading *g, const struct report_skeleton *s, const char *what, size_t number)
{
    if (!s->is_cut)
        return read_piece(g, s->head, what, number);
    buf_reset(&g->scratch);
    if (buf_add(&g->scratch, s->head) == OK && buf_add(&g->scratch, s->tail) == OK)
        return read_piece(g, buf_slice(&g->scratch), what, number);
    g->broken = fault_set(&g->why, ERR_LIMIT, "more than %d bytes beside the arrays of it", TLSRPT_PIECE_MAX);
    return NULL;
}

/* -- failures ------------------------------------------------------------------------------------------------------
 */

static void read_failure(struct reading *g, struct report_reader *r, struct slice text, size_t number,
                         struct tlsrpt_failure *out)
{
    json_t *object;

    if (report_read_flat(text, out))
        return;
    object = read_piece(g, text, "failure", number);
    if (object != NULL)
        report_read_failure(r, object, out);
    json_decref(object);
}

/* One that is bad costs its policy; the others must be JSON all the same. */
static void read_cut_failures(struct reading *g, struct report_reader *r, const struct report_cut_policy *cut,
                              struct tlsrpt_policy *out)
{
    struct tlsrpt_failure *failures = ARENA_ARRAY(r->arena, struct tlsrpt_failure, cut->failures_len);

    for (size_t i = 0; i < cut->failures_len && g->broken == OK; i++)
        read_failure(g, r, g->cut.failures[cut->failures + i], i + 1, &failures[i]);
    out->failures = failures;
    out->failures_len = cut->failures_len;
}

/* Where their key stands there in a way that was not cut. */
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

/* -- policies ------------------------------------------------------------------------------------------------------
 */

/* A total of failures that is not told is the sum of the details. `cut` is NULL where nothing was cut. */
static void read_one(struct reading *g, struct report_reader *r, const json_t *object,
                     const struct report_cut_policy *cut, struct tlsrpt_policy_report *out)
{
    const json_t *summary = report_member(object, "summary");

    if (!json_is_object(object)) {
        report_reader_fail(r, ERR_SYNTAX, "policies", "holds something that is no object");
        return;
    }
    report_read_policy(r, report_member(object, "policy"), &out->policy);
    if (cut != NULL && cut->skeleton.is_cut)
        read_cut_failures(g, r, cut, &out->policy);
    else
        read_failures(r, object, &out->policy);
    out->success = report_number(r, summary, "total-successful-session-count", 0);
    out->failure = report_number(r, summary, "total-failure-session-count", r->st == OK ? sum_of(&out->policy) : 0);
}

/* Each is kept or left out for itself. `first` is what is wrong with the first that is left out. */
static void add_policy(struct reading *g, const json_t *object, const struct report_cut_policy *cut, size_t number,
                       struct tlsrpt_report *out, struct tlsrpt_policy_report *policies, struct fault *first)
{
    struct report_reader r = { .arena = g->arena, .unwrapped_left = g->unwrapped_left };
    struct tlsrpt_policy_report p = { .success = 0 };

    read_one(g, &r, object, cut, &p);
    g->unwrapped_left = r.unwrapped_left;
    if (r.st == OK)
        policies[out->policies_len++] = p;
    else if (out->refused_len++ == 0)
        (void)fault_set(first, r.st, "policy %zu: %s", number, r.why.text);
}

static void read_cut_policies(struct reading *g, struct tlsrpt_report *out, struct fault *first)
{
    struct tlsrpt_policy_report *policies = ARENA_ARRAY(g->arena, struct tlsrpt_policy_report, g->cut.policies_len);

    out->policies = policies;
    for (size_t i = 0; i < g->cut.policies_len && g->broken == OK; i++) {
        const struct report_cut_policy *cut = &g->cut.policies[i];
        json_t *object = read_skeleton(g, &cut->skeleton, "policy", i + 1);

        if (object != NULL)
            add_policy(g, object, cut, i + 1, out, policies, first);
        json_decref(object);
    }
}

/* Where their key stands there in a way that was not cut. */
static void read_policies(struct reading *g, struct report_reader *r, const json_t *top, struct tlsrpt_report *out,
                          struct fault *first)
{
    const json_t *array = report_member(top, "policies");
    struct tlsrpt_policy_report *policies;

    if (!json_is_array(array)) {
        report_reader_fail(r, ERR_SYNTAX, "policies", array == NULL ? "is missing" : "is no array");
        return;
    }
    out->policies = policies = ARENA_ARRAY(g->arena, struct tlsrpt_policy_report, json_array_size(array));
    for (size_t i = 0; i < json_array_size(array); i++)
        add_policy(g, json_array_get(array, i), NULL, i + 1, out, policies, first);
}

/* -- the report ----------------------------------------------------------------------------------------------------
 */

static enum status read_top(struct reading *g, const json_t *top, struct tlsrpt_report *out, struct fault *why)
{
    struct report_reader r = { .arena = g->arena };
    struct fault first = { "" };

    if (!json_is_object(top))
        return fault_set(why, ERR_SYNTAX, "the JSON is no object");
    out->organization = report_string(&r, top, "organization-name");
    out->contact = report_string(&r, top, "contact-info");
    out->id = report_string(&r, top, "report-id");
    read_range(&r, top, out);
    if (g->cut.skeleton.is_cut)
        read_cut_policies(g, out, &first);
    else
        read_policies(g, &r, top, out, &first);
    if (g->broken != OK)
        return fault_set(why, g->broken, "%s", g->why.text);
    if (r.st != OK)
        return fault_set(why, r.st, "%s", r.why.text);
    if (out->refused_len > 0 && out->policies_len == 0)
        return fault_set(why, ERR_SYNTAX, "no policy is good; %s", first.text);
    if (out->refused_len > 0)
        (void)fault_set(why, OK, "%s", first.text);
    return OK;
}

enum status tlsrpt_report_read(struct slice json, struct arena *arena, struct tlsrpt_report *out, struct fault *why)
{
    static const struct tlsrpt_json_bounds most = { TLSRPT_REPORT_MAX, TLSRPT_REPORT_DEPTH, TLSRPT_REPORT_TOKENS };
    struct reading g = { .arena = arena, .unwrapped_left = UNWRAPPED_MOST };
    struct tlsrpt_report report = { .policies_len = 0 };
    struct slice byte_order_mark = SLICE_LIT("\xef\xbb\xbf");
    json_t *top = NULL;
    enum status st;

    if (slice_starts(json, byte_order_mark))
        json = slice_from(json, byte_order_mark.len);
    st = report_cut(json, &most, arena, &g.cut, why);
    if (st != OK)
        return st;
    buf_init(&g.scratch, TLSRPT_PIECE_MAX);
    top = read_skeleton(&g, &g.cut.skeleton, "", 0);
    st = top == NULL ? fault_set(why, g.broken, "%s", g.why.text) : read_top(&g, top, &report, why);
    if (st == OK)
        *out = report;
    json_decref(top);
    buf_release(&g.scratch);
    return st;
}
