#include "cli/report.h"

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/facts.h"
#include "cli/table.h"

#include <inttypes.h>

static struct table report_table(void)
{
    return (struct table){
        .columns = { { "DAY", false, 10 },
                     { "DOMAIN", false, 20 },
                     { "STATE", false, 7 },
                     { "NEXT TRY", false, 20 },
                     { "ID", false, 0 },
                     { "LAST TROUBLE", false, 0 } },
        .columns_len = 6,
    };
}

/* Why a target did not take it, the last of them that says so. */
static struct slice trouble_of(const json_t *report)
{
    struct slice note = SLICE_LIT("");
    const json_t *target;
    size_t at;

    json_array_foreach(json_object_get(report, "targets"), at, target) {
        struct slice state = answer_text(target, "state");

        if (slice_eq(state, SLICE_LIT("waiting")) || slice_eq(state, SLICE_LIT("failed")))
            note = answer_text(target, "note");
    }
    return note;
}

static void print_reports(const json_t *reports)
{
    struct table t = report_table();
    const json_t *report;
    size_t at;

    json_array_foreach(reports, at, report) {
        const struct slice cells[] = {
            answer_text(report, "day"),      answer_text(report, "domain"), answer_text(report, "state"),
            answer_text(report, "next_try"), answer_text(report, "id"),     trouble_of(report),
        };

        table_add(&t, cells);
    }
    table_print(&t, stdout);
    table_release(&t);
}

int run_report_sent_list(const struct invocation *inv)
{
    static const char *const queries[] = { "domain", "since", "limit" };
    struct slice path = SLICE_LIT("/v1/reports/sent");
    json_t *answer = NULL, *report;
    size_t at;
    int code;

    for (size_t i = 0; i < COUNT_OF(queries); i++)
        path = client_query(inv->arena, path, queries[i], invocation_option(inv, queries[i]));
    code = client_ask(inv, HTTP_GET, path, NULL, &answer);
    if (code != EXIT_DONE)
        return code;
    if (!invocation_has(inv, "json")) {
        print_reports(json_object_get(answer, "reports"));
    } else {
        json_array_foreach(json_object_get(answer, "reports"), at, report) {
            print_json_line(report);
        }
    }
    json_decref(answer);
    return EXIT_DONE;
}

void print_report(const json_t *report)
{
    (void)json_dumpf(report, stdout, JSON_INDENT(2) | JSON_ENSURE_ASCII);
    (void)fputc('\n', stdout);
}

int run_report_sent_show(const struct invocation *inv)
{
    static const char *const skipped[] = { "report", NULL };
    json_t *answer = NULL;
    int code = client_ask(inv, HTTP_GET, client_path(inv->arena, "/v1/reports/sent/{}", inv->args[0]), NULL, &answer);

    if (code != EXIT_DONE)
        return code;
    if (invocation_has(inv, "json")) {
        print_json(answer);
        return EXIT_DONE;
    }
    print_facts(stdout, answer, 0, skipped);
    if (json_is_object(json_object_get(answer, "report"))) {
        (void)puts("report:");
        print_report(json_object_get(answer, "report"));
    }
    json_decref(answer);
    return EXIT_DONE;
}

int run_report_preview(const struct invocation *inv)
{
    struct slice path = client_query(inv->arena, SLICE_LIT("/v1/reports/preview"), "domain", inv->args[0]);
    json_t *answer = NULL;
    int code;

    path = client_query(inv->arena, path, "day", invocation_option(inv, "day"));
    code = client_ask(inv, HTTP_GET, path, NULL, &answer);
    if (code == EXIT_DONE)
        print_report(answer);
    json_decref(answer);
    return code;
}
