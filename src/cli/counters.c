#include "cli/client.h"
#include "cli/commands.h"
#include "cli/table.h"

static void print_counters(const json_t *rows, struct arena *a)
{
    struct table t = {
        .columns = { { "DAY", false, 10 }, { "COUNTER", false, 0 }, { "VALUE", true, 8 }, { "KEY", false, 0 } },
        .columns_len = 4,
    };
    const json_t *row;
    size_t i;

    json_array_foreach(rows, i, row) {
        const struct slice cells[] = {
            answer_text(row, "day"),
            answer_text(row, "name"),
            arena_printf(a, "%" JSON_INTEGER_FORMAT, answer_number(row, "value")),
            answer_text(row, "key"),
        };

        table_add(&t, cells);
    }
    table_print(&t, stdout);
    table_release(&t);
}

int run_counters(const struct invocation *inv)
{
    const char *name = inv->args_len > 0 ? inv->args[0] : NULL;
    struct slice path = client_query(inv->arena, SLICE_LIT("/v1/counters"), "name", name);
    json_t *answer = NULL;
    int code;

    path = client_query(inv->arena, path, "since", invocation_option(inv, "since"));
    code = client_ask(inv, HTTP_GET, path, NULL, &answer);
    if (code != EXIT_DONE)
        return code;
    if (invocation_has(inv, "json"))
        print_json(json_incref(json_object_get(answer, "counters")));
    else
        print_counters(json_object_get(answer, "counters"), inv->arena);
    json_decref(answer);
    return EXIT_DONE;
}
