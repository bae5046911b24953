#include "cli/client.h"
#include "cli/commands.h"
#include "cli/facts.h"

int run_policy(const struct invocation *inv)
{
    int code;
    struct client *c = client_new(inv, &code);
    struct slice path = client_query(inv->arena, SLICE_LIT("/v1/policy"), "recipient", inv->args[0]);
    json_t *answer = NULL;

    if (c == NULL)
        return code;
    path = client_query(inv->arena, path, "sender", invocation_option(inv, "from"));
    code = client_call(c, HTTP_GET, path, NULL, &answer);
    client_free(c);
    if (code != EXIT_DONE)
        return code;
    if (invocation_has(inv, "json")) {
        print_json(answer);
        return EXIT_DONE;
    }
    print_facts(stdout, answer, 0, NULL);
    json_decref(answer);
    return EXIT_DONE;
}
