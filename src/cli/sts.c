#include "cli/client.h"
#include "cli/commands.h"
#include "cli/facts.h"
#include "cli/listing.h"

static struct table policy_table(void)
{
    return (struct table){
        .columns = { { "DOMAIN", false, 20 },
                     { "MODE", false, 8 },
                     { "ID", false, 16 },
                     { "SERVERS", true, 7 },
                     { "FETCHED", false, 20 },
                     { "EXPIRES", false, 20 },
                     { "USED", false, 20 },
                     { "TROUBLE", false, 0 } },
        .columns_len = 8,
    };
}

static void add_policy(struct table *t, const json_t *policy, struct arena *a)
{
    const struct slice cells[] = {
        answer_text(policy, "domain"),  answer_text(policy, "mode"),
        answer_text(policy, "id"),      arena_printf(a, "%zu", json_array_size(json_object_get(policy, "mx"))),
        answer_text(policy, "fetched"), answer_text(policy, "expires"),
        answer_text(policy, "used"),    answer_text(policy, "failure"),
    };

    table_add(t, cells);
}

int run_sts_list(const struct invocation *inv)
{
    static const char *const filters[] = { NULL };
    struct listing l = { .path = "/v1/sts", .member = "policies", .filters = filters, .add = add_policy };

    l.table = policy_table(); /* see queue.c */
    return listing_run(inv, &l);
}

/* Takes the answer: facts first, of which some stand in its text or in the policy, then the policy, a line of it a
 * line. */
static void print_policy(const struct invocation *inv, json_t *answer)
{
    static const char *const skipped[] = { "policy", "mx", "max_age_s", "mode", "finding", "failure_text", NULL };
    const json_t *lines = json_object_get(answer, "policy"), *line;
    size_t at;

    if (invocation_has(inv, "json")) {
        print_json(answer);
        return;
    }
    print_facts(stdout, answer, 0, skipped);
    if (json_array_size(lines) > 0)
        (void)puts("policy:");
    json_array_foreach(lines, at, line) {
        (void)fputs("  ", stdout);
        print_text(stdout, slice_str(json_string_value(line)));
        (void)fputc('\n', stdout);
    }
    json_decref(answer);
}

int run_sts_show(const struct invocation *inv)
{
    json_t *answer = NULL;
    int code = client_ask(inv, HTTP_GET, client_path(inv->arena, "/v1/sts/{}", inv->args[0]), NULL, &answer);

    if (code == EXIT_DONE)
        print_policy(inv, answer);
    return code;
}

/* Also a kept policy may stand beside the trouble with the next one. That there is none is no trouble. */
static bool is_trouble(const json_t *answer)
{
    struct slice finding = answer_text(answer, "finding");

    if (slice_eq(finding, SLICE_LIT("found")))
        return answer_text(answer, "failure_text").len > 0;
    return !slice_eq(finding, SLICE_LIT("none"));
}

int run_sts_refresh(const struct invocation *inv)
{
    json_t *answer = NULL;
    int code = client_ask(inv, HTTP_POST, client_path(inv->arena, "/v1/sts/{}/refresh", inv->args[0]), NULL, &answer);

    if (code != EXIT_DONE)
        return code;
    if (is_trouble(answer))
        code = EXIT_NEGATIVE;
    print_policy(inv, answer);
    return code;
}

/* Adds to *count what was forgotten. */
static int forget(struct client *c, struct slice path, const json_t *body, json_int_t *count)
{
    json_t *answer = NULL;
    int code = client_call(c, HTTP_POST, path, body, &answer);

    if (code == EXIT_DONE)
        *count += answer_number(answer, "forgotten");
    json_decref(answer);
    return code;
}

static int forget_all(struct client *c, json_int_t *count)
{
    json_t *all = json_pack("{s:b}", "all", 1);
    int code = forget(c, SLICE_LIT("/v1/sts/forget"), all, count);

    json_decref(all);
    return code;
}

/* One after the other; the first trouble is the answer, but only a daemon that is gone ends it. */
static int forget_each(struct client *c, const struct invocation *inv, json_int_t *count)
{
    int code = EXIT_DONE;

    for (size_t i = 0; i < inv->args_len && code != EXIT_UNREACHABLE; i++) {
        int one = forget(c, client_path(inv->arena, "/v1/sts/{}/forget", inv->args[i]), NULL, count);

        code = code == EXIT_DONE || one == EXIT_UNREACHABLE ? one : code;
    }
    return code;
}

int run_sts_forget(const struct invocation *inv)
{
    bool is_all = invocation_has(inv, "all");
    json_int_t count = 0;
    struct client *c;
    int code;

    if (is_all == (inv->args_len > 0))
        return complain(EXIT_USAGE, "say which policies: domains, or --all");
    c = client_new(inv, &code);
    if (c == NULL)
        return code;
    code = is_all ? forget_all(c, &count) : forget_each(c, inv, &count);
    client_free(c);
    if (code != EXIT_DONE && count == 0)
        return code;
    if (invocation_has(inv, "json"))
        print_json(json_pack("{s:I}", "forgotten", count));
    else
        (void)printf("%" JSON_INTEGER_FORMAT " forgotten\n", count);
    return code;
}
