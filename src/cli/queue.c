#include "cli/client.h"
#include "cli/commands.h"
#include "cli/facts.h"
#include "cli/listing.h"
#include "cli/trace.h"

#include <inttypes.h>

enum { PAGE = 500 };

static struct table queue_table(void)
{
    return (struct table){
        .columns = { { "ID", false, 13 },
                     { "RECEIVED", false, 20 },
                     { "BYTES", true, 8 },
                     { "SENDER", false, 0 },
                     { "RECIPIENT", false, 0 },
                     { "STATE", false, 8 },
                     { "LAST ANSWER", false, 0 } },
        .columns_len = 7,
    };
}

static const char *state_of(const json_t *rcpt)
{
    if (json_is_true(json_object_get(rcpt, "held")))
        return "held";
    return answer_number(rcpt, "attempts") > 0 ? "deferred" : "queued";
}

/* One line a recipient; what belongs to the message stands in its first. */
static void add_message(struct table *t, const json_t *message, struct arena *a)
{
    struct slice sender = answer_text(message, "sender");
    const json_t *rcpt;
    size_t at;

    json_array_foreach(json_object_get(message, "recipients"), at, rcpt) {
        const struct slice cells[] = {
            answer_text(message, "id"),
            answer_text(message, "received"),
            arena_printf(a, "%" JSON_INTEGER_FORMAT, answer_number(message, "bytes")),
            sender.len == 0 ? SLICE_LIT("<>") : sender,
            answer_text(rcpt, "address"),
            slice_str(state_of(rcpt)),
            answer_text(rcpt, "last_error"),
        };

        table_add(t, cells);
    }
}

int run_queue_list(const struct invocation *inv)
{
    static const char *const filters[] = { "domain", "sender", NULL };
    struct listing l = { .path = "/v1/queue", .member = "messages", .filters = filters, .add = add_message };

    l.table = queue_table(); /* as an initializer gcc 12 spoils one column of it */
    return listing_run(inv, &l);
}

int run_queue_show(const struct invocation *inv)
{
    json_t *answer = NULL;
    int code = client_ask(inv, HTTP_GET, client_path(inv->arena, "/v1/queue/{}", inv->args[0]), NULL, &answer);

    if (code != EXIT_DONE)
        return code;
    if (invocation_has(inv, "json")) {
        print_json(answer);
        return EXIT_DONE;
    }
    if (json_object_get(answer, "message") == NULL)
        (void)puts("The message has left the queue.");
    else
        print_facts(stdout, json_object_get(answer, "message"), 0, NULL);
    (void)fputc('\n', stdout);
    print_trace(stdout, json_object_get(answer, "trace"));
    json_decref(answer);
    return EXIT_DONE;
}

/* {"domain": ..., "sender": ...} or {"all": true}; NULL when ids are given. */
static json_t *filter_of(const struct invocation *inv)
{
    json_t *filter = json_object();
    const char *const names[] = { "domain", "sender" };

    if (invocation_has(inv, "all"))
        json_object_set_new(filter, "all", json_true());
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (invocation_has(inv, names[i]))
            json_object_set_new(filter, names[i], json_string(invocation_option(inv, names[i])));
    }
    if (json_object_size(filter) > 0)
        return filter;
    json_decref(filter);
    return NULL;
}

struct tally {
    json_int_t changed, busy;
};

static int change(struct client *c, struct slice path, const json_t *filter, struct tally *tally)
{
    json_t *answer = NULL;
    int code = client_call(c, HTTP_POST, path, filter, &answer);

    if (code != EXIT_DONE)
        return code;
    tally->changed += answer_number(answer, "changed");
    tally->busy += answer_number(answer, "busy");
    json_decref(answer);
    return EXIT_DONE;
}

static void print_tally(const struct invocation *inv, const char *action, struct tally tally)
{
    if (invocation_has(inv, "json")) {
        print_json(json_pack("{s:I, s:I}", "changed", tally.changed, "busy", tally.busy));
        return;
    }
    (void)printf("%s: %" JSON_INTEGER_FORMAT " deliveries changed\n", action, tally.changed);
    if (tally.busy > 0)
        (void)printf("%" JSON_INTEGER_FORMAT " are being delivered just now and were left alone; try again later\n",
                     tally.busy);
}

int run_queue_change(const struct invocation *inv)
{
    const char *action = strchr(inv->command->words, ' ') + 1;
    json_t *filter = filter_of(inv);
    struct tally tally = { 0 };
    struct client *c;
    int code = EXIT_DONE, failed = EXIT_DONE;

    if ((filter == NULL) == (inv->args_len == 0)) {
        json_decref(filter);
        return complain(EXIT_USAGE, "say which messages: ids, or --domain and --sender, or --all");
    }
    c = client_new(inv, &code);
    if (c != NULL && filter != NULL)
        code = change(c, client_path(inv->arena, "/v1/queue/{}", action), filter, &tally);
    for (size_t i = 0; c != NULL && i < inv->args_len && code != EXIT_UNREACHABLE; i++) {
        code = change(c, client_path(inv->arena, "/v1/queue/{}/{}", inv->args[i], action), NULL, &tally);
        failed = code != EXIT_DONE ? code : failed;
    }
    code = code != EXIT_DONE ? code : failed;
    if (code == EXIT_DONE || tally.changed > 0 || tally.busy > 0)
        print_tally(inv, action, tally);
    client_free(c);
    json_decref(filter);
    return code;
}
