#include "cli/trace.h"

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/facts.h"
#include "cli/table.h"

enum { FACTS_INDENT = 4 };

static void print_event(FILE *out, const json_t *event)
{
    static const char *const shown[] = { "at", "at_ms", "event", "text", NULL };
    struct slice text = answer_text(event, "text");

    print_text(out, answer_text(event, "at"));
    (void)fputs("  ", out);
    print_text(out, text.len > 0 ? text : answer_text(event, "event"));
    (void)fputc('\n', out);
    print_facts(out, event, FACTS_INDENT, shown);
}

void print_trace(FILE *out, const json_t *trace)
{
    const json_t *event;
    size_t at;

    json_array_foreach(trace, at, event) {
        print_event(out, event);
    }
}

int run_trace(const struct invocation *inv)
{
    json_t *answer = NULL;
    int code = client_ask(inv, HTTP_GET, client_path(inv->arena, "/v1/queue/{}", inv->args[0]), NULL, &answer);

    if (code != EXIT_DONE)
        return code;
    if (invocation_has(inv, "json")) {
        print_json(json_incref(json_object_get(answer, "trace")));
    } else {
        print_trace(stdout, json_object_get(answer, "trace"));
        if (json_object_get(answer, "message") == NULL)
            (void)puts("The message has left the queue.");
    }
    json_decref(answer);
    return EXIT_DONE;
}
