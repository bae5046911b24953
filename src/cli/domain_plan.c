#include "cli/client.h"
#include "cli/commands.h"
#include "cli/table.h"

static bool is(const json_t *object, const char *name, const char *value)
{
    return slice_eq(answer_text(object, name), slice_str(value));
}

static void print_stages(const json_t *plan)
{
    const json_t *stage;
    size_t at;

    json_array_foreach(json_object_get(plan, "stages"), at, stage) {
        const char *mark = is(stage, "state", "done") ? "[x]" : is(stage, "state", "now") ? "[>]" : "[ ]";

        (void)printf("%s %-8s  %s\n", mark, answer_text(stage, "stage").ptr, answer_text(stage, "aim").ptr);
    }
}

static void print_plan(const json_t *plan)
{
    (void)fputs("plan of ", stdout);
    print_text(stdout, answer_text(plan, "domain"));
    (void)printf(" to %s, begun %s by ", answer_text(plan, "goal").ptr, answer_text(plan, "begun").ptr);
    print_text(stdout, answer_text(plan, "by"));
    (void)puts(json_is_true(json_object_get(plan, "auto")) ? "; it goes on by itself" : "");
    print_stages(plan);
    (void)printf("%s: ", answer_text(plan, "state").ptr);
    print_text(stdout, answer_text(plan, "text"));
    (void)fputc('\n', stdout);
}

static int show(const struct invocation *inv, json_t *answer)
{
    int code = is(answer, "state", "stopped") ? EXIT_NEGATIVE : EXIT_DONE;

    if (invocation_has(inv, "json")) {
        print_json(answer);
        return code;
    }
    if (json_object_get(answer, "abandoned") != NULL)
        (void)puts("the plan is abandoned; what is published stays as it is");
    else
        print_plan(answer);
    json_decref(answer);
    return code;
}

static json_t *wishes(const struct invocation *inv)
{
    const char *evidence = invocation_option(inv, "evidence");
    json_t *body = json_pack("{s:s, s:b}", "to", invocation_option(inv, "to"), "auto", invocation_has(inv, "auto"));

    if (evidence != NULL)
        json_object_set_new(body, "evidence", json_string(evidence));
    return body;
}

static int ask(const struct invocation *inv, enum http_method method, const char *pattern)
{
    json_t *body = invocation_has(inv, "to") ? wishes(inv) : NULL, *answer = NULL;
    int code = client_ask(inv, method, client_path(inv->arena, pattern, inv->args[0]), body, &answer);

    json_decref(body);
    return code == EXIT_DONE ? show(inv, answer) : code;
}

int run_domain_plan(const struct invocation *inv)
{
    const char *word = inv->args_len > 1 ? inv->args[1] : "";

    if (!invocation_has(inv, "to") && (invocation_has(inv, "auto") || invocation_has(inv, "evidence")))
        return complain(EXIT_USAGE, "--auto and --evidence go with --to, which begins a plan");
    if (word[0] != '\0' && invocation_has(inv, "to"))
        return complain(EXIT_USAGE, "--to begins a plan; '%s' is for one that is under way", word);
    if (invocation_has(inv, "to"))
        return ask(inv, HTTP_POST, "/v1/domains/{}/plan");
    if (strcmp(word, "next") == 0)
        return ask(inv, HTTP_POST, "/v1/domains/{}/plan/next");
    if (strcmp(word, "stop") == 0)
        return ask(inv, HTTP_DELETE, "/v1/domains/{}/plan");
    if (word[0] != '\0')
        return complain(EXIT_USAGE, "'%s' is neither next nor stop", word);
    return ask(inv, HTTP_GET, "/v1/domains/{}/plan");
}

int run_domain_plans(const struct invocation *inv)
{
    json_t *answer = NULL;
    const json_t *plan;
    size_t at;
    int code = client_ask(inv, HTTP_GET, SLICE_LIT("/v1/plans"), NULL, &answer);

    if (code != EXIT_DONE)
        return code;
    if (invocation_has(inv, "json")) {
        print_json(answer);
        return EXIT_DONE;
    }
    json_array_foreach(json_object_get(answer, "plans"), at, plan) {
        print_text(stdout, answer_text(plan, "domain"));
        (void)printf("  to %s  %s  %s: ", answer_text(plan, "goal").ptr, answer_text(plan, "stage").ptr,
                     answer_text(plan, "state").ptr);
        print_text(stdout, answer_text(plan, "text"));
        (void)fputc('\n', stdout);
    }
    if (json_array_size(json_object_get(answer, "plans")) == 0)
        (void)puts("no domain has a plan; 'sternpost domain plan NAME --to enforce' begins one");
    json_decref(answer);
    return EXIT_DONE;
}
