#include "cli/client.h"
#include "cli/commands.h"
#include "cli/table.h"

#include <inttypes.h>

/* Members that differ between the two sides, as "name: before -> after" on lines of their own. */
static void print_side_by_side(const json_t *before, const json_t *after)
{
    json_t *names = json_object();
    const char *name;
    json_t *ignored;

    json_object_update(names, (json_t *)before);
    json_object_update(names, (json_t *)after);
    json_object_foreach(names, name, ignored) {
        const json_t *was = json_object_get(before, name), *is = json_object_get(after, name);
        char *was_text, *is_text;

        if (json_equal(was, is))
            continue;
        was_text = json_dumps(was, JSON_COMPACT | JSON_ENCODE_ANY);
        is_text = json_dumps(is, JSON_COMPACT | JSON_ENCODE_ANY);
        (void)printf("    %s: ", name);
        print_text(stdout, slice_str(was_text == NULL ? "(unset)" : was_text));
        (void)fputs(" -> ", stdout);
        print_text(stdout, slice_str(is_text == NULL ? "(unset)" : is_text));
        (void)fputc('\n', stdout);
        free(was_text);
        free(is_text);
    }
    json_decref(names);
}

static void print_row(const json_t *row)
{
    static const char *const members[] = { "at", "who", "action", "kind", "name" };

    for (size_t i = 0; i < COUNT_OF(members); i++) {
        (void)fputs(i == 0 ? "" : "  ", stdout);
        print_text(stdout, answer_text(row, members[i]));
    }
    (void)fputs("  from ", stdout);
    print_text(stdout, answer_text(row, "from"));
    (void)fputc('\n', stdout);
    print_side_by_side(json_object_get(row, "before"), json_object_get(row, "after"));
}

/* Prints a page; *after is where the next begins, 0: there is none. */
static int audit_page(const struct invocation *inv, struct client *c, uint64_t *after, bool *is_whole)
{
    struct slice from = arena_printf(inv->arena, "%" PRIu64, *after);
    json_t *answer = NULL;
    const json_t *row;
    size_t i;
    int code =
        client_call(c, HTTP_GET, client_query(inv->arena, SLICE_LIT("/v1/audit"), "after", from.ptr), NULL, &answer);

    if (code != EXIT_DONE)
        return code;
    json_array_foreach(json_object_get(answer, "rows"), i, row) {
        if (invocation_has(inv, "json"))
            print_json_line(row);
        else
            print_row(row);
    }
    *after = (uint64_t)answer_number(answer, "next");
    *is_whole = *is_whole && json_is_true(json_object_get(answer, "chain_is_whole"));
    json_decref(answer);
    return EXIT_DONE;
}

int run_audit(const struct invocation *inv)
{
    int code;
    struct client *c = client_new(inv, &code);
    uint64_t after = 0;
    bool is_whole = true;

    if (c == NULL)
        return code;
    do
        code = audit_page(inv, c, &after, &is_whole);
    while (code == EXIT_DONE && after != 0);
    client_free(c);
    if (code == EXIT_DONE && !is_whole)
        code = complain(EXIT_NEGATIVE, "the audit was tampered with: a row does not fit the hash of those before it");
    return code;
}
