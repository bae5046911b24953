#include "policy/mta_sts.h"

#include "base/utf8.h"
#include "policy/field_name.h"
#include "smtp/path.h"

#include <inttypes.h>

enum { MAX_AGE_DIGITS = 10, SHOWN_MAX = 80, FIELDS = 4, FIXED_LINES = 3 };

static const char *const mode_names[] = {
    [STS_MODE_NONE] = "none",
    [STS_MODE_TESTING] = "testing",
    [STS_MODE_ENFORCE] = "enforce",
};

const char *sts_mode_name(enum sts_mode m)
{
    return mode_names[m];
}

/* A policy on its way: what the lines up to here said. */
struct reading {
    struct arena *arena;
    struct sts_policy policy;
    struct slice *mx;  /* with room for STS_MX_MOST */
    bool seen[FIELDS]; /* as in fields[] */
    size_t line;       /* number of the line at hand */
    struct fault *why;
};

static enum status refuse(const struct reading *r, const char *flaw, struct slice text)
{
    char shown[SHOWN_MAX];
    struct slice s = utf8_printable(text, shown, sizeof shown);

    return fault_set(r->why, ERR_SYNTAX, "line %zu of the policy: %s: '%.*s'", r->line, flaw, SLICE_FMT(s));
}

/* -- the fields of RFC 8461 section 3.2 --------------------------------------------------------------------- */

static enum status read_version(struct reading *r, struct slice value)
{
    return slice_eq(value, SLICE_LIT("STSv1")) ? OK : refuse(r, "the version is not STSv1", value);
}

static enum status read_mode(struct reading *r, struct slice value)
{
    for (size_t i = 0; i < COUNT_OF(mode_names); i++) {
        if (slice_eq(value, slice_str(mode_names[i]))) {
            r->policy.mode = (enum sts_mode)i;
            return OK;
        }
    }
    return refuse(r, "the mode is none of enforce, testing, none", value);
}

static enum status read_max_age(struct reading *r, struct slice value)
{
    uint64_t seconds;

    if (value.len > MAX_AGE_DIGITS || !slice_to_u64(value, &seconds))
        return refuse(r, "max_age is not a number of 1 to 10 digits", value);
    if (seconds > STS_MAX_AGE_MOST_S)
        return refuse(r, "max_age is above 31557600, one year", value);
    r->policy.max_age_s = (int64_t)seconds;
    return OK;
}

static enum status read_mx(struct reading *r, struct slice value)
{
    struct slice name = slice_from(value, slice_starts(value, SLICE_LIT("*.")) ? 2 : 0);

    if (value.len > SMTP_DOMAIN_MAX || !smtp_domain_is_valid(name, false))
        return refuse(r, "mx is neither a host name in A-labels nor '*.' and one", value);
    if (r->policy.mx_len == STS_MX_MOST)
        return fault_set(r->why, ERR_LIMIT, "the policy has more than %d mx", STS_MX_MOST);
    r->mx[r->policy.mx_len++] = slice_lower(value, arena_alloc(r->arena, value.len));
    return OK;
}

static const struct field {
    const char *name;
    bool repeats;
    enum status (*read)(struct reading *r, struct slice value);
} fields[FIELDS] = {
    { "version", false, read_version },
    { "mode", false, read_mode },
    { "max_age", false, read_max_age },
    { "mx", true, read_mx },
};

/* -- lines -------------------------------------------------------------------------------------------------- */

/* sts-policy-ext-value: no control character; blanks at its ends were taken off. */
static bool is_field_value(struct slice s)
{
    bool is_good = s.len > 0;

    for (size_t n; is_good && s.len > 0; s = slice_from(s, n)) {
        n = utf8_printable_len(s);
        is_good = n > 0;
    }
    return is_good;
}

static enum status read_line(struct reading *r, struct slice line)
{
    struct slice value, name = slice_cut(line, ':', &value);

    value = slice_trim(value);
    if (slice_find(line, ':') == SIZE_MAX || !field_name_is_valid(name))
        return refuse(r, "no 'name: value'", line);
    if (!is_field_value(value))
        return refuse(r, "the value is empty or holds a control character or bad UTF-8", line);
    for (size_t i = 0; i < FIELDS; i++) {
        if (!slice_eq(name, slice_str(fields[i].name)))
            continue;
        if (r->seen[i] && !fields[i].repeats)
            return OK; /* of a repeated field the first counts */
        r->seen[i] = true;
        return fields[i].read(r, value);
    }
    return OK;
}

/* Blanks may end a line; the carriage return of CRLF is no part of it. */
static struct slice line_text(struct slice line, bool is_terminated)
{
    if (is_terminated && line.len > 0 && line.ptr[line.len - 1] == '\r')
        line = slice_first(line, line.len - 1);
    while (line.len > 0 && (line.ptr[line.len - 1] == ' ' || line.ptr[line.len - 1] == '\t'))
        line = slice_first(line, line.len - 1);
    return line;
}

static enum status read_lines(struct reading *r, struct slice body)
{
    while (body.len > 0) {
        bool is_terminated = slice_find(body, '\n') != SIZE_MAX;
        struct slice rest, line = line_text(slice_cut(body, '\n', &rest), is_terminated);
        enum status st;

        r->line++;
        st = read_line(r, line);
        if (st != OK)
            return st;
        body = rest;
    }
    return OK;
}

static enum status check_complete(const struct reading *r)
{
    for (size_t i = 0; i < FIELDS; i++)
        if (!r->seen[i] && (!fields[i].repeats || r->policy.mode != STS_MODE_NONE))
            return fault_set(r->why, ERR_SYNTAX, "the policy has no '%s'", fields[i].name);
    return OK;
}

/* Not the lines as published: those may hold anything, repeat themselves and be thousands. */
static void write_lines(struct reading *r)
{
    struct sts_policy *p = &r->policy;
    struct slice *lines = ARENA_ARRAY(r->arena, struct slice, p->mx_len + FIXED_LINES);

    lines[p->lines_len++] = SLICE_LIT("version: STSv1");
    lines[p->lines_len++] = arena_printf(r->arena, "mode: %s", sts_mode_name(p->mode));
    for (size_t i = 0; i < p->mx_len; i++)
        lines[p->lines_len++] = arena_printf(r->arena, "mx: %.*s", SLICE_FMT(p->mx[i]));
    lines[p->lines_len++] = arena_printf(r->arena, "max_age: %" PRId64, p->max_age_s);
    p->lines = lines;
}

enum status sts_policy_parse(struct slice text, struct arena *arena, struct sts_policy *out, struct fault *why)
{
    struct reading r = { .arena = arena, .why = why };
    enum status st;

    if (text.len > STS_POLICY_MAX)
        return fault_set(why, ERR_LIMIT, "the policy is longer than %d bytes", STS_POLICY_MAX);
    if (slice_starts(text, SLICE_LIT("\xef\xbb\xbf")))
        return fault_set(why, ERR_SYNTAX, "line 1 of the policy: it begins with a byte order mark");
    r.policy.mx = r.mx = ARENA_ARRAY(arena, struct slice, STS_MX_MOST);
    st = read_lines(&r, text);
    if (st == OK)
        st = check_complete(&r);
    if (st != OK)
        return st;
    write_lines(&r);
    *out = r.policy;
    return OK;
}

/* -- which servers ------------------------------------------------------------------------------------------ */

static bool pattern_allows(struct slice pattern, struct slice mx)
{
    size_t dot = slice_find(mx, '.');

    if (!slice_starts(pattern, SLICE_LIT("*.")))
        return slice_eq_case(pattern, mx);
    /* RFC 8461 section 4.1: the wildcard stands for the whole left-most label, and for that alone. */
    return dot > 0 && slice_eq_case(slice_from(pattern, 1), slice_from(mx, dot));
}

bool sts_policy_allows(const struct sts_policy *p, struct slice mx)
{
    if (p->mode == STS_MODE_NONE)
        return true;
    if (mx.len > 0 && mx.ptr[mx.len - 1] == '.')
        mx = slice_first(mx, mx.len - 1);
    for (size_t i = 0; i < p->mx_len; i++)
        if (pattern_allows(p->mx[i], mx))
            return true;
    return false;
}
