#include "cli/check_show.h"

enum { EXIT_WARNING = 4, EXIT_NOT_TESTED = 5, VERDICTS = CHECK_ERROR + 1, PLACES_MOST = 4 };

int check_exit_code(enum check_verdict worst)
{
    static const int codes[] = {
        [CHECK_OK] = EXIT_DONE,         [CHECK_ADVICE] = EXIT_DONE,    [CHECK_NOT_TESTABLE] = EXIT_NOT_TESTED,
        [CHECK_WARNING] = EXIT_WARNING, [CHECK_ERROR] = EXIT_NEGATIVE,
    };

    return codes[worst];
}

static bool is_same(const struct check_result *a, const struct check_result *b)
{
    return strcmp(a->id, b->id) == 0 && a->verdict == b->verdict && slice_eq(a->seen, b->seen) &&
           slice_eq(a->change, b->change);
}

static bool was_shown(const struct check_report *report, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (is_same(&report->results[i], &report->results[at]))
            return true;
    return false;
}

/* One result, and where else the same was found. */
static void show_places(FILE *out, const struct check_report *report, size_t at)
{
    const char *before = "  ";
    size_t shown = 0, more = 0;

    for (size_t i = at; i < report->len; i++) {
        const struct check_result *r = &report->results[i];

        if (r->where.len == 0 || !is_same(&report->results[at], r))
            continue;
        if (shown == PLACES_MOST) {
            more++;
            continue;
        }
        (void)fprintf(out, "%s%.*s", before, SLICE_FMT(r->where));
        before = ", ";
        shown++;
    }
    if (more > 0)
        (void)fprintf(out, " and %zu more", more);
}

static void show_result(FILE *out, const struct check_report *report, size_t at)
{
    const struct check_result *r = &report->results[at];

    (void)fprintf(out, "  %-12s  %s", check_verdict_name(r->verdict), r->id);
    show_places(out, report, at);
    (void)fprintf(out, "\n                %.*s\n", SLICE_FMT(r->seen));
    if (r->verdict == CHECK_OK)
        return;
    (void)fprintf(out, "                why: %s\n", r->why);
    if (r->change.len > 0)
        (void)fprintf(out, "                do:  %.*s\n", SLICE_FMT(r->change));
}

static void count(const struct check_report *report, size_t counts[static VERDICTS])
{
    for (size_t i = 0; i < report->len; i++)
        counts[report->results[i].verdict]++;
}

static void show_counts(FILE *out, const struct check_report *report)
{
    size_t counts[VERDICTS] = { 0 };
    const char *before = " (";

    count(report, counts);
    for (size_t v = VERDICTS; v-- > 0;) {
        if (counts[v] == 0)
            continue;
        (void)fprintf(out, "%s%zu %s", before, counts[v], check_verdict_name((enum check_verdict)v));
        before = ", ";
    }
    (void)fputs(")\n", out);
}

static void show_published(FILE *out, const struct suggested *s)
{
    (void)fputs(s->is_published ? ", as it stands now\n" : "\n", out);
}

static void show_suggestion(FILE *out, const struct checked_facts *d)
{
    const struct suggestion *s = &d->suggestion;

    (void)fputs("\nWhat to publish, in this order\n", out);
    if (s->why_not[0] != '\0') {
        (void)fprintf(out, "  nothing: %s\n", s->why_not);
        return;
    }
    (void)fputs("  1. TLS reporting, once the address for reports takes mail: a TXT record", out);
    show_published(out, &s->reports);
    (void)fprintf(out, "       name:   %.*s\n       value:  %.*s\n", SLICE_FMT(s->reports.name),
                  SLICE_FMT(s->reports.value));
    (void)fprintf(out, "  2. The policy, at %.*s", SLICE_FMT(s->policy.name));
    show_published(out, &s->policy);
    if (!s->has_policy_host)
        (void)fputs("     That host has no address yet: it needs one, and a certificate of a public authority.\n",
                    out);
    for (struct slice rest = s->policy.value; rest.len > 0;) {
        struct slice line = slice_cut(rest, '\n', &rest);

        (void)fprintf(out, "       %.*s\n", (int)(line.len > 0 ? line.len - 1 : 0), line.ptr); /* they end in CRLF */
    }
    (void)fputs("  3. MTA-STS, once the policy can be fetched: a TXT record", out);
    show_published(out, &s->sts);
    (void)fprintf(out, "       name:   %.*s\n       value:  %.*s\n", SLICE_FMT(s->sts.name), SLICE_FMT(s->sts.value));
    (void)fputs("  The same for a zone file\n", out);
    for (struct slice rest = s->zone; rest.len > 0;) {
        struct slice line = slice_cut(rest, '\n', &rest);

        (void)fprintf(out, "       %.*s\n", SLICE_FMT(line));
    }
}

void check_text(FILE *out, const struct checked_facts *d, bool is_verbose, bool is_further)
{
    const struct check_report *report = &d->report;
    const char *group = "";

    (void)fprintf(out, "%s%.*s: %s", is_further ? "\n" : "", SLICE_FMT(d->domain), check_verdict_name(report->worst));
    show_counts(out, report);
    for (size_t i = 0; i < report->len; i++) {
        const struct check_result *r = &report->results[i];

        if ((r->verdict == CHECK_OK && !is_verbose) || was_shown(report, i))
            continue;
        if (r->group != group)
            (void)fprintf(out, "\n%s\n", r->group);
        group = r->group;
        show_result(out, report, i);
    }
    if (d->has_suggestion)
        show_suggestion(out, d);
}

static json_t *string_of(struct slice s)
{
    return json_stringn(s.ptr, s.len);
}

static json_t *result_json(const struct check_result *r)
{
    json_t *j =
        json_pack("{s:s, s:s, s:s}", "id", r->id, "group", r->group, "verdict", check_verdict_name(r->verdict));

    if (r->where.len > 0)
        json_object_set_new(j, "where", string_of(r->where));
    json_object_set_new(j, "seen", string_of(r->seen));
    json_object_set_new(j, "why", json_string(r->why));
    if (r->change.len > 0)
        json_object_set_new(j, "change", string_of(r->change));
    return j;
}

static json_t *suggested_json(const struct suggested *s, const char *name)
{
    json_t *j = json_object();

    json_object_set_new(j, name, string_of(s->name));
    json_object_set_new(j, "value", string_of(s->value));
    json_object_set_new(j, "published", json_boolean(s->is_published));
    return j;
}

static json_t *suggestion_json(const struct suggestion *s)
{
    json_t *j = json_object(), *steps = json_array();

    if (s->why_not[0] != '\0') {
        json_object_set_new(j, "why_not", json_string(s->why_not));
        json_decref(steps);
        return j;
    }
    json_array_append_new(steps, suggested_json(&s->reports, "name"));
    json_array_append_new(steps, suggested_json(&s->policy, "url"));
    json_array_append_new(steps, suggested_json(&s->sts, "name"));
    json_object_set_new(j, "steps", steps);
    json_object_set_new(j, "policy_host", json_boolean(s->has_policy_host));
    json_object_set_new(j, "zone", string_of(s->zone));
    return j;
}

json_t *check_json(const struct checked_facts *d)
{
    json_t *j = json_object(), *results = json_array();

    for (size_t i = 0; i < d->report.len; i++)
        json_array_append_new(results, result_json(&d->report.results[i]));
    json_object_set_new(j, "domain", string_of(d->domain));
    json_object_set_new(j, "worst", json_string(check_verdict_name(d->report.worst)));
    json_object_set_new(j, "results", results);
    if (d->has_suggestion)
        json_object_set_new(j, "suggestion", suggestion_json(&d->suggestion));
    return j;
}
