#include "cli/check_history.h"

#include "base/clock.h"
#include "settings/units.h"

enum { DAYS = 3, DAY_S = 86400 };

static json_t *ask(struct client *c, struct slice path)
{
    json_t *answer = NULL;

    return client_call(c, HTTP_GET, path, NULL, &answer) == EXIT_DONE ? answer : NULL;
}

/* Lines of a policy as a file. */
static struct slice text_of(const json_t *lines, struct arena *arena)
{
    struct slice out = SLICE_LIT("");
    const json_t *line;
    size_t at;

    json_array_foreach(lines, at, line) {
        if (json_is_string(line))
            out = arena_printf(arena, "%.*s%s\n", SLICE_FMT(out), json_string_value(line));
    }
    return out;
}

static int64_t moment_of(const json_t *object, const char *name)
{
    int64_t at_s = 0;

    return units_parse_moment(answer_text(object, name), &at_s, NULL) == OK ? at_s : 0;
}

/* Our own policies, each as it was made. */
static void take_own_policies(const json_t *answer, struct arena *arena, struct history_facts *out)
{
    const json_t *list = json_object_get(answer, "policies"), *one;
    struct known_policy *policies = ARENA_ARRAY(arena, struct known_policy, json_array_size(list) + 1);
    size_t at;

    json_array_foreach(list, at, one) {
        policies[out->policies_len++] = (struct known_policy){
            .id = arena_copy(arena, answer_text(one, "id")),
            .text = text_of(json_object_get(one, "policy"), arena),
            .since_s = moment_of(one, "at"),
        };
    }
    out->policies = policies;
}

/* Another domain's policy, as it was fetched for our own mail. */
static void take_kept_policy(const json_t *answer, struct arena *arena, struct history_facts *out)
{
    struct known_policy *kept = ARENA_NEW(arena, struct known_policy);

    *kept = (struct known_policy){
        .id = arena_copy(arena, answer_text(answer, "id")),
        .text = text_of(json_object_get(answer, "policy"), arena),
        .since_s = moment_of(answer, "fetched"),
    };
    out->policies = kept;
    out->policies_len = 1;
}

static void take_reports(const json_t *answer, struct arena *arena, struct history_facts *out)
{
    const json_t *verified = json_object_get(answer, "verified"), *one;
    const json_t *failures = json_object_get(verified, "failures");
    struct told_failure *told = ARENA_ARRAY(arena, struct told_failure, json_array_size(failures) + 1);
    size_t at;

    json_array_foreach(json_object_get(verified, "reporters"), at, one) {
        out->reports += (uint64_t)answer_number(one, "reports");
    }
    json_array_foreach(failures, at, one) {
        told[out->failures_len++] = (struct told_failure){
            .result = arena_copy(arena, answer_text(one, "result")),
            .mx = arena_copy(arena, answer_text(one, "mx")),
            .sessions = (uint64_t)answer_number(one, "count"),
        };
    }
    out->failures = told;
}

static struct slice summary_path(struct slice domain, struct arena *arena)
{
    char day[CLOCK_TEXT];
    struct slice path = client_query(arena, SLICE_LIT("/v1/reports/summary"), "domain",
                                     arena_printf(arena, "%.*s", SLICE_FMT(domain)).ptr);

    clock_rfc3339(clock_wall_s() - DAYS * DAY_S, day);
    return client_query(arena, path, "since", arena_printf(arena, "%.10s", day).ptr);
}

static void take_own(struct client *c, struct slice domain, struct arena *arena, struct history_facts *out)
{
    json_t *policies = ask(c, client_path(arena, "/v1/domains/{}/history", domain.ptr));
    json_t *reports = ask(c, summary_path(domain, arena));

    out->is_own = true;
    take_own_policies(policies, arena, out);
    take_reports(reports, arena, out);
    json_decref(policies);
    json_decref(reports);
}

const struct history_facts *check_history(struct client *c, struct slice domain, struct arena *arena)
{
    struct history_facts *out = ARENA_NEW(arena, struct history_facts);
    struct slice name = arena_printf(arena, "%.*s", SLICE_FMT(domain));
    json_t *own = ask(c, client_path(arena, "/v1/settings/domain/{}", name.ptr)), *kept = NULL;

    if (own != NULL)
        take_own(c, name, arena, out);
    else if ((kept = ask(c, client_path(arena, "/v1/sts/{}", name.ptr))) != NULL)
        take_kept_policy(kept, arena, out);
    else
        out = NULL;
    json_decref(own);
    json_decref(kept);
    return out;
}
