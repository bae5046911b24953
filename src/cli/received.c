/* cli/received.c: TLS reports of others about our domains: list, show, and what they add up to. */
#include "base/clock.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/csv.h"
#include "cli/facts.h"
#include "cli/report.h"
#include "cli/table.h"
#include "settings/units.h"

#include <inttypes.h>

enum { CELLS_MAX = 12, FAILURES_SHOWN = 10, DAYS_SHOWN = 31, OTHERS_SHOWN = 20 };

/* "30d" is that long ago; a day is itself. */
static struct slice since_day(const struct invocation *inv, const char *initial)
{
    const char *text = invocation_option(inv, "since");
    char at[CLOCK_TEXT];
    int64_t ms;

    if (text == NULL)
        text = initial;
    if (units_parse_duration(slice_str(text), &ms, NULL) != OK)
        return slice_str(text);
    return arena_printf(inv->arena, "%.10s", clock_rfc3339(clock_wall_s() - ms / 1000, at));
}

/* -- columns ------------------------------------------------------------------------------------------------------ */

/* A member of a JSON object as a cell. */
struct column {
    const char *title, *member;
    bool is_right;
    unsigned width;
};

static struct slice cell_of(const json_t *object, const char *member, struct arena *a)
{
    const json_t *value = json_object_get(object, member);

    if (json_is_integer(value))
        return arena_printf(a, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    if (json_is_real(value))
        return arena_printf(a, "%.4f", json_real_value(value));
    if (json_is_boolean(value))
        return slice_str(json_is_true(value) ? "yes" : "no");
    return answer_text(object, member);
}

static void print_table(const json_t *rows, const struct column *columns, size_t len, size_t most)
{
    struct table t = { .columns_len = len };
    struct slice cells[CELLS_MAX];
    const json_t *row;
    size_t at, over = json_array_size(rows) > most ? json_array_size(rows) - most : 0;

    for (size_t i = 0; i < len; i++)
        t.columns[i] = (struct table_column){ columns[i].title, columns[i].is_right, columns[i].width };
    json_array_foreach(rows, at, row) {
        if (at >= most)
            break;
        for (size_t i = 0; i < len; i++)
            cells[i] = cell_of(row, columns[i].member, &t.arena);
        table_add(&t, cells);
    }
    table_print(&t, stdout);
    table_release(&t);
    if (over > 0)
        (void)printf("and %zu more (--json shows all)\n", over);
}

static void print_csv(const json_t *rows, const struct column *columns, size_t len, bool has_head)
{
    struct slice cells[CELLS_MAX];
    struct arena a = { 0 };
    const json_t *row;
    size_t at;

    for (size_t i = 0; i < len; i++)
        cells[i] = slice_str(columns[i].member);
    if (has_head)
        csv_row(stdout, cells, len);
    json_array_foreach(rows, at, row) {
        for (size_t i = 0; i < len; i++)
            cells[i] = cell_of(row, columns[i].member, &a);
        csv_row(stdout, cells, len);
        arena_reset(&a);
    }
    arena_release(&a);
}

/* -- list and show ------------------------------------------------------------------------------------------------ */

static const struct column list_columns[] = {
    { "NUMBER", "id", true, 6 },          { "DAY", "day", false, 10 },
    { "DOMAIN", "domain", false, 16 },    { "REPORTER", "reporter", false, 16 },
    { "VERIFIED", "verified", false, 8 }, { "SUCCESS", "success", true, 7 },
    { "FAILURE", "failure", true, 7 },    { "BY", "by", false, 6 },
};

static const struct column csv_columns[] = {
    { "", "id", false, 0 },       { "", "day", false, 0 },          { "", "domain", false, 0 },
    { "", "reporter", false, 0 }, { "", "organization", false, 0 }, { "", "report_id", false, 0 },
    { "", "verified", false, 0 }, { "", "counted", false, 0 },      { "", "by", false, 0 },
    { "", "success", false, 0 },  { "", "failure", false, 0 },      { "", "received", false, 0 },
};

int run_report_list(const struct invocation *inv)
{
    struct slice path =
        client_query(inv->arena, SLICE_LIT("/v1/reports/received"), "since", since_day(inv, "30d").ptr);
    json_t *answer = NULL, *report;
    const json_t *reports;
    size_t at;
    int code;

    path = client_query(inv->arena, path, "domain", invocation_option(inv, "domain"));
    path = client_query(inv->arena, path, "limit", invocation_option(inv, "limit"));
    code = client_ask(inv, HTTP_GET, path, NULL, &answer);
    if (code != EXIT_DONE)
        return code;
    reports = json_object_get(answer, "reports");
    if (invocation_has(inv, "csv"))
        print_csv(reports, csv_columns, COUNT_OF(csv_columns), true);
    else if (!invocation_has(inv, "json"))
        print_table(reports, list_columns, COUNT_OF(list_columns), SIZE_MAX);
    else
        json_array_foreach(reports, at, report)
            print_json_line(report);
    json_decref(answer);
    return EXIT_DONE;
}

static void print_failure(const json_t *f, const char *count_of)
{
    struct arena a = { 0 };
    struct slice mx = answer_text(f, "mx"), reason = answer_text(f, "reason");

    (void)printf("  %s x ", cell_of(f, count_of, &a).ptr);
    print_text(stdout, answer_text(f, "result"));
    if (mx.len > 0) {
        (void)fputs(" at ", stdout);
        print_text(stdout, mx);
    }
    if (reason.len > 0) {
        (void)fputs(" (", stdout);
        print_text(stdout, reason);
        (void)putchar(')');
    }
    arena_release(&a);
}

static void print_explanation(const json_t *f)
{
    (void)printf("    %s\n    Mostly: %s\n    Next: %s\n", answer_text(f, "meaning").ptr, answer_text(f, "cause").ptr,
                 answer_text(f, "next").ptr);
}

static void print_policies(const json_t *policies)
{
    const json_t *policy, *failure;
    struct arena a = { 0 };
    size_t at, n;

    json_array_foreach(policies, at, policy) {
        (void)fputs("policy ", stdout);
        print_text(stdout, answer_text(policy, "type"));
        (void)fputs(" of ", stdout);
        print_text(stdout, answer_text(policy, "policy_domain"));
        (void)printf(": %s sessions succeeded, %s failed\n", cell_of(policy, "success", &a).ptr,
                     cell_of(policy, "failure", &a).ptr);
        json_array_foreach(json_object_get(policy, "failures"), n, failure) {
            print_failure(failure, "count");
            (void)putchar('\n');
            print_explanation(failure);
        }
    }
    arena_release(&a);
}

int run_report_show(const struct invocation *inv)
{
    static const char *const skipped[] = { "report", "policies", "success", "failure", "rate", NULL };
    json_t *answer = NULL;
    int code =
        client_ask(inv, HTTP_GET, client_path(inv->arena, "/v1/reports/received/{}", inv->args[0]), NULL, &answer);

    if (code != EXIT_DONE)
        return code;
    if (invocation_has(inv, "json")) {
        print_json(answer);
        return EXIT_DONE;
    }
    print_facts(stdout, answer, 0, skipped);
    print_policies(json_object_get(answer, "policies"));
    if (invocation_has(inv, "original") && json_is_object(json_object_get(answer, "report"))) {
        (void)puts("report:");
        print_report(json_object_get(answer, "report"));
    }
    json_decref(answer);
    return EXIT_DONE;
}

/* -- the summary -------------------------------------------------------------------------------------------------- */

#define COUNTS                                                                                                        \
    { "SUCCESS", "success", true, 9 }, { "FAILURE", "failure", true, 9 }, { "RATE", "rate", true, 6 },                \
    {                                                                                                                 \
        "REPORTS", "reports", true, 7                                                                                 \
    }

static const struct {
    const char *list, *word, *title;
    struct column columns[CELLS_MAX];
    size_t len, most;
} views[] = {
    { "types", "type", "By policy type", { { "POLICY", "type", false, 16 }, COUNTS }, 5, OTHERS_SHOWN },
    { "days",
      "day",
      "By day",
      { { "DAY", "day", false, 10 }, { "POLICY", "type", false, 16 }, COUNTS },
      6,
      DAYS_SHOWN * 3 },
    { "reporters",
      "reporter",
      "By reporter",
      { { "REPORTER", "reporter", false, 24 }, { "POLICY", "type", false, 16 }, COUNTS },
      6,
      OTHERS_SHOWN },
    { "mx",
      "mx",
      "By mail server (policies by TLSA, and failures that name one)",
      { { "SERVER", "mx", false, 24 }, { "POLICY", "type", false, 16 }, COUNTS },
      6,
      OTHERS_SHOWN },
    { "failures",
      "failure",
      "Failures",
      { { "RESULT", "result", false, 24 },
        { "SERVER", "mx", false, 24 },
        { "REASON", "reason", false, 0 },
        { "COUNT", "count", true, 7 },
        { "REPORTS", "reports", true, 7 },
        { "FIRST", "first_day", false, 10 },
        { "LAST", "last_day", false, 10 } },
      7,
      FAILURES_SHOWN },
};
enum { VIEW_FAILURES = 4 };

static void print_failures(const json_t *failures)
{
    const json_t *f;
    size_t at;

    json_array_foreach(failures, at, f) {
        struct arena a = { 0 };

        if (at == FAILURES_SHOWN) {
            (void)printf("  and %zu more kinds (--json shows all)\n", json_array_size(failures) - at);
            break;
        }
        print_failure(f, "count");
        (void)printf(", %s to %s, in %s report%s\n", answer_text(f, "first_day").ptr, answer_text(f, "last_day").ptr,
                     cell_of(f, "reports", &a).ptr, answer_number(f, "reports") == 1 ? "" : "s");
        print_explanation(f);
        arena_release(&a);
    }
}

static void print_views(const json_t *sums)
{
    for (size_t i = 0; i < COUNT_OF(views); i++) {
        const json_t *rows = json_object_get(sums, views[i].list);

        if (json_array_size(rows) == 0)
            continue;
        (void)printf("\n%s:\n", views[i].title);
        if (i == VIEW_FAILURES)
            print_failures(rows);
        else
            print_table(rows, views[i].columns, views[i].len, views[i].most);
    }
}

enum { FINGERPRINT_SHOWN = 16 };

static void print_change(const json_t *change)
{
    struct slice certificate = answer_text(change, "certificate");
    const json_t *line;
    size_t n;

    (void)printf("  %s  %s", answer_text(change, "at").ptr, answer_text(change, "what").ptr);
    if (certificate.len > 0) {
        (void)fputs(": ", stdout);
        print_text(stdout, certificate);
        (void)printf(", fingerprint %.*s...\n", FINGERPRINT_SHOWN, answer_text(change, "fingerprint").ptr);
        return;
    }
    (void)printf(", id %s:", answer_text(change, "id").ptr);
    json_array_foreach(json_object_get(change, "policy"), n, line) {
        (void)fputs(n > 0 ? ", " : " ", stdout);
        print_text(stdout, slice_str(json_string_value(line)));
    }
    (void)putchar('\n');
}

/* What failed from then on may be their doing. */
static void print_history(const json_t *history)
{
    const json_t *change;
    size_t at;

    if (json_array_size(history) > 0)
        (void)puts("\nOur own changes meanwhile:");
    json_array_foreach(history, at, change) {
        print_change(change);
    }
}

static void print_summary(const json_t *answer)
{
    const json_t *verified = json_object_get(answer, "verified"), *others = json_object_get(answer, "unverified");
    bool has_others = json_array_size(json_object_get(others, "types")) > 0;

    (void)fputs("TLS reports about ", stdout);
    print_text(stdout, answer_text(answer, "domain"));
    (void)printf(" since %s\n", answer_text(answer, "since").ptr);
    if (json_array_size(json_object_get(verified, "types")) == 0)
        (void)puts("\nThere is no verified report.");
    print_views(verified);
    print_history(json_object_get(answer, "history"));
    if (!has_others)
        return;
    (void)puts("\nUnverified, not part of the above (anybody may have sent these):");
    print_views(others);
}

/* The list that --by names, of the verified and then of the others. */
static int print_summary_csv(const struct invocation *inv, const json_t *answer)
{
    static const char *const parts[] = { "verified", "unverified" };
    const char *by = invocation_option(inv, "by");

    for (size_t i = 0; i < COUNT_OF(views); i++) {
        struct column columns[CELLS_MAX];

        if (strcmp(views[i].word, by == NULL ? "day" : by) != 0)
            continue;
        memcpy(columns, views[i].columns, sizeof columns);
        columns[views[i].len] = (struct column){ "", "verified", false, 0 };
        for (size_t p = 0; p < COUNT_OF(parts); p++) {
            json_t *rows = json_object_get(json_object_get(answer, parts[p]), views[i].list), *row;
            size_t at;

            json_array_foreach(rows, at, row) {
                (void)json_object_set_new(row, "verified", json_boolean(p == 0));
            }
            print_csv(rows, columns, views[i].len + 1, p == 0);
        }
        return EXIT_DONE;
    }
    return complain(EXIT_USAGE, "--by takes type, day, reporter, mx or failure");
}

int run_report_summary(const struct invocation *inv)
{
    struct slice path = client_query(inv->arena, SLICE_LIT("/v1/reports/summary"), "domain", inv->args[0]);
    json_t *answer = NULL;
    int code;

    path = client_query(inv->arena, path, "since", since_day(inv, "30d").ptr);
    code = client_ask(inv, HTTP_GET, path, NULL, &answer);
    if (code != EXIT_DONE)
        return code;
    if (invocation_has(inv, "json")) {
        print_json(answer);
        return EXIT_DONE;
    }
    if (invocation_has(inv, "csv"))
        code = print_summary_csv(inv, answer);
    else
        print_summary(answer);
    json_decref(answer);
    return code;
}
