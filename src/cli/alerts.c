/* `sternpost alerts`: what is wrong now with how mail travels, and what was lately. */
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/table.h"

static void print_sentence(const char *start, struct slice text)
{
    if (text.len == 0)
        return;
    (void)printf("    %s", start);
    print_text(stdout, text);
    (void)fputc('\n', stdout);
}

static void print_title(const json_t *alert, const char *end)
{
    (void)fputs("  ", stdout);
    print_text(stdout, answer_text(alert, "severity"));
    (void)fputs(": ", stdout);
    print_text(stdout, answer_text(alert, "cause"));
    (void)fputs(", ", stdout);
    print_text(stdout, answer_text(alert, "subject"));
    (void)printf(" (%s", end);
}

static void print_open(const json_t *alert)
{
    print_title(alert, "since ");
    print_text(stdout, answer_text(alert, "since"));
    (void)puts(")");
    print_sentence("", answer_text(alert, "text"));
    print_sentence("what to do: ", answer_text(alert, "remedy"));
}

static void print_closed(const json_t *alert)
{
    bool was_open =
        !slice_eq(answer_text(alert, "since"), answer_text(alert, "ended")) || answer_text(alert, "end_text").len > 0;

    print_title(alert, "");
    print_text(stdout, answer_text(alert, "since"));
    if (was_open) {
        (void)fputs(" to ", stdout);
        print_text(stdout, answer_text(alert, "ended"));
    }
    (void)puts(")");
    print_sentence("", answer_text(alert, "text"));
    if (was_open)
        print_sentence("over: ", answer_text(alert, "end_text"));
    else
        print_sentence("what to do: ", answer_text(alert, "remedy"));
}

static void print_all(const json_t *answer)
{
    const json_t *open = json_object_get(answer, "open"), *closed = json_object_get(answer, "closed"), *alert;
    size_t at;

    (void)puts(json_array_size(open) == 0 ? "no alert is open" : "open");
    json_array_foreach(open, at, alert) {
        print_open(alert);
    }
    if (json_array_size(closed) > 0)
        (void)puts("\nover, the latest first");
    json_array_foreach(closed, at, alert) {
        print_closed(alert);
    }
}

int run_alerts(const struct invocation *inv)
{
    json_t *answer = NULL;
    int code = client_ask(inv, HTTP_GET, SLICE_LIT("/v1/alerts"), NULL, &answer);

    if (code != EXIT_DONE)
        return code;
    if (invocation_has(inv, "json")) {
        print_json(answer);
        return EXIT_DONE;
    }
    print_all(answer);
    json_decref(answer);
    return EXIT_DONE;
}
