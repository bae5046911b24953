#include "cli/policy.h"

#include "cli/client.h"
#include "cli/commands.h"
#include "cli/facts.h"

void print_policy(FILE *out, const json_t *answer)
{
    print_facts(out, answer, 0, NULL);
}

int run_policy(const struct invocation *inv)
{
    struct slice path = client_query(inv->arena, SLICE_LIT("/v1/policy"), "recipient", inv->args[0]);
    json_t *answer = NULL;
    int code;

    path = client_query(inv->arena, path, "sender", invocation_option(inv, "from"));
    if (invocation_has(inv, "requiretls"))
        path = client_query(inv->arena, path, "requiretls", "yes");
    if (invocation_has(inv, "no-connect"))
        path = client_query(inv->arena, path, "connect", "no");
    code = client_ask(inv, HTTP_GET, path, NULL, &answer);
    if (code != EXIT_DONE)
        return code;
    if (invocation_has(inv, "json")) {
        print_json(answer);
        return EXIT_DONE;
    }
    print_policy(stdout, answer);
    json_decref(answer);
    return EXIT_DONE;
}
