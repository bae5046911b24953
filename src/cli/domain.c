#include "base/clock.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/table.h"
#include "settings/units.h"

#include <inttypes.h>
#include <time.h>
#include <unistd.h>

enum { LOOK_EACH_MS = 2000, WAIT_USUAL_S = 2 * 86400 };

static struct slice text_of(const json_t *object, const char *name)
{
    return answer_text(object, name);
}

static bool is_state(const json_t *record, const char *state)
{
    return slice_eq(text_of(record, "state"), slice_str(state));
}

static const json_t *records_of(const json_t *answer)
{
    return json_object_get(answer, "records");
}

/* -- showing ------------------------------------------------------------------------------------------------ */

static void print_labelled(const char *label, struct slice text)
{
    (void)printf("          %s ", label);
    print_text(stdout, text);
    (void)fputc('\n', stdout);
}

/* Only servers that show something else. */
static void print_servers(const json_t *record)
{
    const json_t *server;
    size_t at;

    json_array_foreach(json_object_get(record, "servers"), at, server) {
        const json_t *found = json_object_get(server, "found");

        if (is_state(server, "ok"))
            continue;
        (void)fputs("          at ", stdout);
        print_text(stdout, text_of(server, "name"));
        (void)fputs(" (", stdout);
        print_text(stdout, text_of(server, "address"));
        (void)fputs("): ", stdout);
        print_text(stdout, text_of(server, "state"));
        for (size_t k = 0; k < json_array_size(found); k++) {
            (void)fputs(k == 0 ? ", it has " : ", ", stdout);
            print_text(stdout, slice_str(json_string_value(json_array_get(found, k))));
        }
        (void)fputc('\n', stdout);
    }
}

static void print_record(const json_t *record)
{
    char state[16];

    (void)slice_to_cstr(text_of(record, "state"), state, sizeof state);
    (void)printf("%-8s  ", state);
    print_text(stdout, text_of(record, "line"));
    (void)fputc('\n', stdout);
    if (text_of(record, "note").len > 0 && !json_is_null(json_object_get(record, "value")))
        print_labelled("note:", text_of(record, "note"));
    if (is_state(record, "wait"))
        print_labelled("resolvers may still have what was there before, until", text_of(record, "wait_until"));
    else if (!is_state(record, "ok"))
        print_servers(record);
}

/* True, and said, when there is nothing to be published. */
static bool is_nothing(const json_t *answer)
{
    if (json_array_size(records_of(answer)) > 0)
        return false;
    (void)puts("nothing: the domain hosts no policy (set mta-sts) and wants no reports (set report-to)");
    return true;
}

static void print_records(const json_t *answer)
{
    const json_t *record, *policy = json_object_get(answer, "policy");
    size_t at;

    if (text_of(policy, "trouble").len > 0)
        print_labelled("policy:", text_of(policy, "trouble"));
    if (is_nothing(answer))
        return;
    if (json_array_size(json_object_get(answer, "servers")) == 0)
        (void)puts("the servers of the zone could not be found; this is what our resolver knows:");
    json_array_foreach(records_of(answer), at, record)
        print_record(record);
}

static void print_zone(const json_t *answer)
{
    const json_t *record;
    size_t at;

    json_array_foreach(records_of(answer), at, record) {
        print_text(stdout, text_of(record, "line"));
        (void)fputc('\n', stdout);
    }
}

/* What `domain publish` sends and what must be there anyway; a note alone counts for nothing. */
static bool is_all(const json_t *answer, bool (*is_good)(const json_t *record))
{
    const json_t *record;
    size_t at;

    json_array_foreach(records_of(answer), at, record) {
        if (!is_good(record))
            return false;
    }
    return true;
}

static bool is_there(const json_t *record)
{
    return is_state(record, "ok") || is_state(record, "wait") || !json_is_true(json_object_get(record, "sent"));
}

static bool is_known(const json_t *record)
{
    return is_state(record, "ok") || !json_is_true(json_object_get(record, "sent"));
}

int run_domain_records(const struct invocation *inv)
{
    struct slice path = client_path(inv->arena, "/v1/domains/{}/records", inv->args[0]);
    json_t *answer = NULL;
    int code = client_ask(inv, HTTP_GET, path, NULL, &answer);

    if (code != EXIT_DONE)
        return code;
    code = is_all(answer, is_known) ? EXIT_DONE : EXIT_NEGATIVE;
    if (invocation_has(inv, "json")) {
        print_json(answer);
        return code;
    }
    (invocation_has(inv, "zone") ? print_zone : print_records)(answer);
    json_decref(answer);
    return code;
}

/* -- publishing --------------------------------------------------------------------------------------------- */

struct watching {
    struct client *client;
    struct slice path;
    int64_t deadline_s,
        forgotten_s;   /* wall clock; forgotten: when the old records have run out everywhere; 0: not yet */
    int64_t old_ttl_s; /* of what must change */
    bool is_on_terminal, is_json, has_records;
};

/* How long others may keep what is there now of the records that are not as they must be. */
static int64_t old_ttl(const json_t *answer)
{
    const json_t *record;
    int64_t longest = 0;
    size_t at;

    json_array_foreach(records_of(answer), at, record) {
        int64_t ttl_s = answer_number(record, "ttl_s");

        if (!is_there(record) && ttl_s > longest)
            longest = ttl_s;
    }
    return longest;
}

static void show_progress(const struct watching *w, const json_t *answer)
{
    const json_t *record;
    int64_t left_s = w->forgotten_s - clock_wall_s();
    size_t at;

    if (!w->is_on_terminal)
        return;
    (void)fputs("\r\033[K", stderr);
    if (w->forgotten_s > 0) {
        (void)fprintf(stderr, "every server shows the records; the old ones run out in %" PRId64 " s",
                      left_s > 0 ? left_s : 0);
        return;
    }
    json_array_foreach(records_of(answer), at, record) {
        if (is_there(record))
            continue;
        (void)fputs("waiting for ", stderr);
        print_text(stderr, text_of(record, "name"));
        (void)fputs(" at the zone's servers", stderr);
        return;
    }
}

static void end_progress(const struct watching *w)
{
    if (w->is_on_terminal)
        (void)fputs("\r\033[K", stderr);
}

/* EXIT_DONE: look again. */
static int look(struct watching *w, bool *is_over)
{
    json_t *answer = NULL;
    int code = client_call(w->client, HTTP_GET, w->path, NULL, &answer);

    if (code != EXIT_DONE)
        return code;
    if (!is_all(answer, is_there))
        w->forgotten_s = 0;
    else if (w->forgotten_s == 0)
        w->forgotten_s = clock_wall_s() + w->old_ttl_s;
    *is_over = w->forgotten_s > 0 && clock_wall_s() >= w->forgotten_s && is_all(answer, is_known);
    show_progress(w, answer);
    if (!*is_over && clock_wall_s() >= w->deadline_s) {
        end_progress(w);
        if (!w->is_json)
            print_records(answer);
        code = complain(EXIT_NEGATIVE, "the records are not all there yet; 'sternpost domain records' looks again");
    }
    json_decref(answer);
    return code;
}

static int watch(struct watching *w)
{
    const struct timespec pause = { .tv_sec = LOOK_EACH_MS / 1000, .tv_nsec = LOOK_EACH_MS % 1000 * 1000000L };
    bool is_over = false;
    int code = look(w, &is_over);

    while (code == EXIT_DONE && !is_over) {
        (void)nanosleep(&pause, NULL);
        code = look(w, &is_over);
    }
    end_progress(w);
    return code;
}

static void print_changes(const json_t *answer)
{
    const json_t *changes = json_object_get(answer, "changes"), *line;
    size_t at;

    if (is_nothing(answer))
        return;
    if (json_is_null(json_object_get(answer, "update_server"))) {
        (void)puts("no server takes updates (section dns-update of the configuration file); publish these by hand:");
        print_zone(answer);
        return;
    }
    json_array_foreach(changes, at, line)
        print_lines(stdout, slice_str(json_string_value(line)));
    if (json_array_size(changes) == 0)
        (void)puts("nothing was to be changed");
}

static int deadline(const struct invocation *inv, int64_t *out)
{
    const char *text = invocation_option(inv, "timeout");
    int64_t ms = (int64_t)WAIT_USUAL_S * 1000;
    struct fault why;

    if (text != NULL && units_parse_duration(slice_str(text), &ms, &why) != OK)
        return complain(EXIT_USAGE, "--timeout: %s", why.text);
    *out = clock_wall_s() + ms / 1000;
    return EXIT_DONE;
}

/* The records as they were before are in the answer to the order, too: their TTL is what is waited for. */
static int publish(const struct invocation *inv, struct watching *w)
{
    json_t *answer = NULL;
    int code = client_call(w->client, HTTP_POST, client_path(inv->arena, "/v1/domains/{}/publish", inv->args[0]), NULL,
                           &answer);

    if (code != EXIT_DONE)
        return code;
    w->old_ttl_s = old_ttl(answer);
    w->has_records = json_array_size(records_of(answer)) > 0;
    if (!w->is_json)
        print_changes(answer);
    (void)fflush(stdout);
    if (!invocation_has(inv, "no-wait"))
        code = watch(w);
    if (w->is_json)
        print_json(answer);
    else
        json_decref(answer);
    return code;
}

int run_domain_publish(const struct invocation *inv)
{
    struct watching w = { .is_on_terminal = isatty(STDERR_FILENO) == 1, .is_json = invocation_has(inv, "json") };
    int code = deadline(inv, &w.deadline_s);

    if (code != EXIT_DONE)
        return code;
    w.client = client_new(inv, &code);
    if (w.client == NULL)
        return code;
    w.path = client_path(inv->arena, "/v1/domains/{}/records", inv->args[0]);
    code = publish(inv, &w);
    if (code == EXIT_DONE && !w.is_json && w.has_records && !invocation_has(inv, "no-wait"))
        (void)puts("every server shows the records, and what was there before has run out");
    client_free(w.client);
    return code;
}
