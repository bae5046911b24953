#include "cli/demo_look.h"

#include "cli/policy.h"
#include "cli/report.h"

#define RECIPIENT "max@renamed.test"
#define REPORTED "testing.test"

static bool ask(struct client *c, const char *command, struct slice path, json_t **answer)
{
    (void)printf("\n$ sternpost %s\n", command);
    return client_call(c, HTTP_GET, path, NULL, answer) == EXIT_DONE;
}

static bool look_at_policy(struct client *c)
{
    json_t *answer = NULL;
    bool is_good = ask(c, "policy " RECIPIENT, SLICE_LIT("/v1/policy?recipient=" RECIPIENT), &answer);

    if (is_good)
        print_policy(stdout, answer);
    json_decref(answer);
    return is_good;
}

/* The one session failed of the policy in testing. */
static bool tells_of_failure(const json_t *report)
{
    const json_t *policy = json_array_get(json_object_get(report, "policies"), 0);

    return answer_number(json_object_get(policy, "summary"), "total-failure-session-count") == 1;
}

static bool look_at_report(struct client *c)
{
    json_t *answer = NULL;
    bool is_good = ask(c, "report preview " REPORTED, SLICE_LIT("/v1/reports/preview?domain=" REPORTED), &answer);

    if (is_good)
        print_report(answer);
    is_good = is_good && tells_of_failure(answer);
    json_decref(answer);
    return is_good;
}

bool demo_look(struct client *c)
{
    bool is_good = look_at_policy(c);

    return look_at_report(c) && is_good;
}
