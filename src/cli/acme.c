/* `sternpost certificate acme` and `renew`: certificates from an authority. */
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/table.h"

static void add_row(struct table *t, const json_t *set)
{
    const struct slice cells[] = { answer_text(set, "name"), answer_text(set, "state"), answer_text(set, "not_after"),
                                   answer_text(set, "next"), answer_text(set, "text") };

    table_add(t, cells);
}

int run_certificate_acme(const struct invocation *inv)
{
    struct table t = { .columns = { { "NAME", false, 12 },
                                    { "STATE", false, 7 },
                                    { "ENDS", false, 20 },
                                    { "NEXT TRY", false, 20 },
                                    { "LAST WORD", false, 9 } },
                       .columns_len = 5 };
    json_t *answer = NULL;
    const json_t *set;
    size_t at;
    int code = client_ask(inv, HTTP_GET, SLICE_LIT("/v1/acme"), NULL, &answer);

    if (code != EXIT_DONE)
        return code;
    if (invocation_has(inv, "json")) {
        print_json(answer);
        return EXIT_DONE;
    }
    json_array_foreach(json_object_get(answer, "sets"), at, set) {
        add_row(&t, set);
    }
    if (json_array_size(json_object_get(answer, "sets")) == 0)
        (void)puts("no certificate is marked acme; 'sternpost certificate add NAME --acme true --names "
                   "mx.example.org' marks one");
    else
        table_print(&t, stdout);
    table_release(&t);
    json_decref(answer);
    return EXIT_DONE;
}

int run_certificate_renew(const struct invocation *inv)
{
    json_t *answer = NULL;
    int code = client_ask(inv, HTTP_POST, client_path(inv->arena, "/v1/acme/{}/renew", inv->args[0]), NULL, &answer);

    if (code != EXIT_DONE)
        return code;
    if (invocation_has(inv, "json")) {
        print_json(answer);
        return EXIT_DONE;
    }
    (void)puts("it is asked for; 'sternpost certificate acme' shows how that goes");
    json_decref(answer);
    return EXIT_DONE;
}
