/* `sternpost watch`: the certificates that mail depends on, as the daemon saw them last, and looks at them now. */
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/table.h"

#include <inttypes.h>
#include <time.h>
#include <unistd.h>

enum { ASK_EACH_MS = 250, PATIENCE_S = 600 };

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text == NULL ? "" : text;
}

/* Is the server of this name, or watched for that? As watch_now() takes it. */
static bool is_named(const json_t *server, const char *name)
{
    struct slice host = slice_cut(answer_text(server, "server"), ':', &(struct slice){ 0 });
    const json_t *why;
    size_t at;

    if (strcmp(text_of(server, "server"), name) == 0 || slice_eq(host, slice_str(name)))
        return true;
    json_array_foreach(json_object_get(server, "watched_for"), at, why) {
        struct slice rest, text = slice_str(json_string_value(why));

        (void)slice_cut(text, ' ', &rest);
        if (slice_eq(text, slice_str(name)) || slice_eq(rest, slice_str(name)))
            return true;
    }
    return false;
}

/* -- showing ------------------------------------------------------------------------------------------------ */

static struct slice state_of(const json_t *server, struct arena *a)
{
    size_t wrong = json_array_size(json_object_get(server, "notices"));

    if (wrong > 0)
        return answer_text(json_array_get(json_object_get(server, "notices"), 0), "cause");
    if (json_is_null(json_object_get(server, "checked")) || json_object_get(server, "checked") == NULL)
        return SLICE_LIT("not yet");
    return json_object_get(server, "fingerprint") == NULL ? arena_printf(a, "nothing seen") : SLICE_LIT("ok");
}

static void add_row(struct table *t, const json_t *server, struct arena *a)
{
    const json_t *days = json_object_get(server, "days_left"),
                 *why = json_array_get(json_object_get(server, "watched_for"), 0);
    const struct slice cells[] = {
        answer_text(server, "server"),
        slice_str(json_string_value(why)),
        days == NULL ? SLICE_LIT("") : arena_printf(a, "%" JSON_INTEGER_FORMAT, json_integer_value(days)),
        state_of(server, a),
    };

    table_add(t, cells);
}

static void print_server(const json_t *server)
{
    static const char *const lines[] = { "kind",       "checked",   "reached",     "text",  "subject", "issuer",
                                         "not_before", "not_after", "fingerprint", "since", "spki" };
    const json_t *notice, *why;
    size_t at;

    print_text(stdout, answer_text(server, "server"));
    (void)fputc('\n', stdout);
    json_array_foreach(json_object_get(server, "watched_for"), at, why) {
        (void)fputs("  watched for  ", stdout);
        print_text(stdout, slice_str(json_string_value(why)));
        (void)fputc('\n', stdout);
    }
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        if (answer_text(server, lines[i]).len == 0)
            continue;
        (void)printf("  %-11s  ", lines[i]);
        print_text(stdout, answer_text(server, lines[i]));
        (void)fputc('\n', stdout);
    }
    json_array_foreach(json_object_get(server, "notices"), at, notice) {
        (void)printf("  wrong        %s, since %s: ", text_of(notice, "cause"), text_of(notice, "since"));
        print_text(stdout, answer_text(notice, "text"));
        (void)fputc('\n', stdout);
    }
}

/* 1 when something is wrong with any of them. */
static int code_of(const json_t *servers)
{
    const json_t *server;
    size_t at;

    json_array_foreach(servers, at, server) {
        if (json_array_size(json_object_get(server, "notices")) > 0)
            return EXIT_NEGATIVE;
    }
    return EXIT_DONE;
}

static json_t *chosen(const json_t *answer, const char *name)
{
    json_t *list = json_array(), *server;
    size_t at;

    json_array_foreach(json_object_get(answer, "servers"), at, server) {
        if (name == NULL || is_named(server, name))
            json_array_append(list, server);
    }
    return list;
}

static void print_list(const struct invocation *inv, const json_t *answer, const json_t *servers)
{
    struct table t = { .columns = { { "SERVER", false, 24 },
                                    { "WATCHED FOR", false, 20 },
                                    { "DAYS", true, 4 },
                                    { "STATE", false, 5 } },
                       .columns_len = 4 };
    const json_t *server;
    size_t at;

    json_array_foreach(servers, at, server) {
        add_row(&t, server, inv->arena);
    }
    if (json_array_size(servers) > 0)
        table_print(&t, stdout);
    else
        (void)puts("nothing was looked at yet; 'sternpost watch now' does so");
    table_release(&t);
    if (strcmp(text_of(answer, "watch"), "off") == 0)
        (void)puts("the setting watch is off (sternpost gateway set --watch on): nothing is looked at by itself");
    else if (answer_text(answer, "next").len > 0)
        (void)printf("the next look: %s\n", text_of(answer, "next"));
}

static int show(const struct invocation *inv, json_t *answer, const char *name, bool is_list)
{
    json_t *servers = chosen(answer, name);
    const json_t *server;
    int code = code_of(servers);
    size_t at;

    if (name != NULL && json_array_size(servers) == 0)
        code =
            complain(EXIT_NEGATIVE, "no server of this name is watched; 'sternpost watch list' shows those that are");
    else if (invocation_has(inv, "json"))
        print_json(json_pack("{s:O}", "servers", servers));
    else if (is_list)
        print_list(inv, answer, servers);
    else
        json_array_foreach(servers, at, server) {
            print_server(server);
        }
    json_decref(servers);
    json_decref(answer);
    return code;
}

static int ask_and_show(const struct invocation *inv, const char *name, bool is_list)
{
    json_t *answer = NULL;
    int code = client_ask(inv, HTTP_GET, SLICE_LIT("/v1/watch"), NULL, &answer);

    return code == EXIT_DONE ? show(inv, answer, name, is_list) : code;
}

int run_watch_list(const struct invocation *inv)
{
    return ask_and_show(inv, NULL, true);
}

int run_watch_show(const struct invocation *inv)
{
    return ask_and_show(inv, inv->args[0], false);
}

/* -- looking now -------------------------------------------------------------------------------------------- */

static int wait_for(struct client *client, json_int_t order, json_t **answer)
{
    const struct timespec pause = { .tv_nsec = ASK_EACH_MS * 1000000L };
    bool shows = isatty(STDERR_FILENO) == 1;
    int code = EXIT_DONE;

    for (unsigned asked = 0; asked < PATIENCE_S * 1000 / ASK_EACH_MS; asked++) {
        json_decref(*answer);
        *answer = NULL;
        code = client_call(client, HTTP_GET, SLICE_LIT("/v1/watch"), NULL, answer);
        if (code != EXIT_DONE || answer_number(*answer, "answered") >= order)
            break;
        if (shows)
            (void)fprintf(stderr, "\rlooking, %u s ", asked * ASK_EACH_MS / 1000);
        (void)nanosleep(&pause, NULL);
    }
    if (shows)
        (void)fputs("\r\033[K", stderr);
    if (code == EXIT_DONE && answer_number(*answer, "answered") < order)
        code = complain(EXIT_NEGATIVE,
                        "the look takes longer than %d minutes; 'sternpost watch list' shows what there is",
                        PATIENCE_S / 60);
    return code;
}

int run_watch_now(const struct invocation *inv)
{
    const char *name = inv->args_len > 0 ? inv->args[0] : NULL;
    json_t *body = json_pack("{s:s}", "target", name == NULL ? "" : name), *answer = NULL;
    int code;
    struct client *client = client_new(inv, &code);

    if (client != NULL)
        code = client_call(client, HTTP_POST, SLICE_LIT("/v1/watch"), body, &answer);
    if (client != NULL && code == EXIT_DONE)
        code = wait_for(client, answer_number(answer, "order"), &answer);
    json_decref(body);
    if (client != NULL)
        client_free(client);
    if (code == EXIT_DONE)
        return show(inv, answer, name, true);
    json_decref(answer);
    return code;
}
