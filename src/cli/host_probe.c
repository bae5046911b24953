#include "cli/client.h"
#include "cli/commands.h"
#include "cli/facts.h"

int run_host_test(const struct invocation *inv)
{
    json_t *answer = NULL;
    int code = client_ask(inv, HTTP_POST, client_path(inv->arena, "/v1/hosts/{}/test", inv->args[0]), NULL, &answer);

    if (code != EXIT_DONE)
        return code;
    code = json_is_true(json_object_get(answer, "ok")) ? EXIT_DONE : EXIT_NEGATIVE;
    if (invocation_has(inv, "json")) {
        print_json(answer);
        return code;
    }
    print_facts(stdout, answer, 0, NULL);
    json_decref(answer);
    return code;
}
